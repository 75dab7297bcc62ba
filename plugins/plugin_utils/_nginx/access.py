# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Who may see which path of a site: what the user writes, what the templates read, and what is wrong with it.

PRIVATE to the collection: it may change without notice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._nginx.settings import network, network_problem
from ansible_collections.slipway.flask.plugins.plugin_utils._schema.names import nearest

RULE: dict[str, Any] = {"path": "/", "allow": [], "deny": [], "basic_auth": {}, "client_certificate": False}
"""The keys of a rule and their defaults."""
PATH = re.compile(r"/([A-Za-z0-9._~@+-]+/)*[A-Za-z0-9._~@+-]*")
USER = re.compile(r"[^:\s\x00-\x1f\x7f]{1,64}")
HASH = re.compile(
    r"\$apr1\$[./0-9A-Za-z]{1,8}\$[./0-9A-Za-z]{22}"
    r"|\$5\$[./0-9A-Za-z]{1,16}\$[./0-9A-Za-z]{43}"
    r"|\$6\$[./0-9A-Za-z]{1,16}\$[./0-9A-Za-z]{86}"
    r"|\$2[aby]\$0[4-8]\$[./0-9A-Za-z]{53}"
)
"""Hashes of crypt(5) that nginx checks in a few milliseconds. It does so between other visitors' requests, which all
wait: bcrypt of cost 12 takes a quarter of a second each time, yescrypt 16 MB of memory, so both are refused."""


def complete(rules: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return RULES as the templates read them: the longest path first, numbered from 1, each with its pattern."""
    whole = sorted(
        ({**RULE, **rule} for rule in rules), key=lambda rule: (-len(rule["path"].rstrip("/")), rule["path"])
    )
    for number, rule in enumerate(whole, 1):
        folder = rule["path"].rstrip("/")
        rule["number"] = number
        rule["limits_addresses"] = bool(rule["allow"] or rule["deny"])
        rule["pattern"] = f"^.{re.escape(folder)}(/|$)" if folder else "^."
    return whole


def users_file(rule: Mapping[str, Any]) -> str:
    """Return the text of the rule's password file, as auth_basic_user_file wants it."""
    return "".join(f"{name}:{value}\n" for name, value in sorted(rule["basic_auth"].items()))


def probe_pattern(path: str) -> str:
    """Return the pattern of the one path that the host itself may always ask for; "" for none."""
    return f"^1{re.escape(path.partition('?')[0])}$" if path else ""


def problems(rules: Any, client_ca_file: str) -> Iterator[str]:
    """Yield one sentence per mistake in RULES; the hash of a password is never shown."""
    if not isinstance(rules, list) or not all(isinstance(rule, Mapping) for rule in rules):
        yield "access must be a list of mappings, as in `[{path: /admin/, allow: [192.0.2.0/24]}]`"
        return
    paths = [str(rule.get("path", "/")).rstrip("/") for rule in rules]
    for path in sorted({path for path in paths if paths.count(path) > 1}):
        yield f"access names '{path or '/'}' twice; write one rule for it"
    for rule in rules:
        where = f"access to '{rule.get('path', '/')}'"
        for text in (*_keys(rule), *_addresses(rule), *_users(rule)):
            yield f"{where}: {text}"
        if rule.get("client_certificate") and not client_ca_file:
            yield f"{where}: client_certificate needs client_ca_file, the authority that visitors' certificates come from"
    if client_ca_file and not any(rule.get("client_certificate") for rule in rules):
        yield "client_ca_file is given, but no rule of access asks for a client_certificate"


def _keys(rule: Mapping[str, Any]) -> Iterator[str]:
    for key in rule:
        if key not in RULE:
            yield f"unknown key '{key}'{nearest(key, RULE)}"
    path = rule.get("path", "/")
    if not isinstance(path, str) or not PATH.fullmatch(path) or {".", ".."} & set(path.split("/")):
        yield "path must look like /admin/: it covers the address and all below it"
    if not isinstance(rule.get("client_certificate", False), bool):
        yield "client_certificate must be true or false"


def _addresses(rule: Mapping[str, Any]) -> Iterator[str]:
    lists = {key: rule.get(key, []) for key in ("allow", "deny")}
    for key, entries in lists.items():
        if not isinstance(entries, list):
            yield f"{key} must be a list of addresses and networks"
            return
        for entry in entries:
            if problem := network_problem(entry):
                yield f"{key} has '{entry}': {problem}"
            elif (found := network(entry)) is not None and found.prefixlen == 0:
                how = "`allow: [127.0.0.1]` keeps everybody else out" if key == "deny" else "leave it out"
                yield f"{key} has '{entry}', which is everybody: {how}"
    both = {network(entry) for entry in lists["allow"]} & {network(entry) for entry in lists["deny"]} - {None}
    for entry in sorted(map(str, both)):
        yield f"{entry} is in both allow and deny; keep one"


def _users(rule: Mapping[str, Any]) -> Iterator[str]:
    users = rule.get("basic_auth", {})
    if not isinstance(users, Mapping):
        yield "basic_auth must be a mapping of names to hashes of passwords"
        return
    for name, value in users.items():
        if not USER.fullmatch(str(name)):
            yield f"the name '{name}' in basic_auth must be 1 to 64 characters without ':' and spaces"
        if not HASH.fullmatch(str(value)):
            yield (
                f"basic_auth of '{name}' must be the hash of a password, one that nginx can check fast ($6$, $5$, $apr1$, "
                "or bcrypt of cost 4 to 8): make it with `openssl passwd -6`"
            )
