# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Problems with `slipway_backups`, and the settings sent to a host.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._backup.settings import AppData, Keep, Settings, Target
from ansible_collections.slipway.flask.plugins.plugin_utils._app import mapping, notifications
from ansible_collections.slipway.flask.plugins.plugin_utils._app.description import type_name
from ansible_collections.slipway.flask.plugins.plugin_utils._backup.keys import KEYS, SFTP, TARGET
from ansible_collections.slipway.flask.plugins.plugin_utils._schedule import calendar
from ansible_collections.slipway.flask.plugins.plugin_utils._schema.plain import plain

NAME = "slipway_backups"
MOST_TARGETS = 4
PASSPHRASE = 20
"""Fewest characters: what a password manager makes, or six words."""
EVERY = re.compile(r"(\d+)\s*(min|m|h|d)")
UNITS = {"min": 60, "m": 60, "h": 3600, "d": 86_400}
EVERY_RANGE = (300, 86_400)
ENDPOINT = re.compile(r"[A-Za-z0-9.-]+(:\d{1,5})?")
BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
PREFIX = re.compile(r"[A-Za-z0-9._/-]*")
SERVER = re.compile(r"[A-Za-z0-9][A-Za-z0-9.:-]*")
USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
PATH = re.compile(r"/[A-Za-z0-9._@+-]+(/[A-Za-z0-9._@+-]+)*/?")
OWN = re.compile(r"/(bin|boot|dev|etc|lib\w*|proc|run|sbin|sys|tmp|usr|var/(lib/(postgresql|slipway)|tmp|cache))(/.*)?")
"""Folders of the system, and of what is backed up."""
HOST_KEY = re.compile(r"(?:\S+ )?((?:ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp\d{3}) [A-Za-z0-9+/]+=*)(?: .*)?")
SFTP_FROM = (2, 46)
"""First version of pgBackRest that can use SFTP (its release notes)."""
VERSIONS = {("Debian", "12"): (2, 45), ("Ubuntu", "22.04"): (2, 37)}
"""pgBackRest of the systems whose version is older than that; of the others it is not."""


def problems(found: Any) -> list[str]:
    """Return what is wrong with `slipway_backups`, one sentence each; no secret's value is in them."""
    if not isinstance(found, Mapping):
        return [f"{NAME} must be a mapping with 'to' and 'passphrase', not {type_name(type(found))}"]
    wrong = list(mapping.wrong(found, KEYS, NAME, apart=("notifications",)))
    if wrong:
        return wrong
    return [f"{NAME}: {text}" for text in (*_targets(found["to"]), *_values(found))]


def _values(found: Mapping[str, Any]) -> Iterator[str]:
    passphrase = found["passphrase"]
    if len(passphrase) < PASSPHRASE:
        made = "python3 -c 'import secrets; print(secrets.token_urlsafe(30))'"
        yield f"'passphrase' has fewer than {PASSPHRASE} characters: make one with `{made}`"
    elif passphrase != passphrase.strip() or not passphrase.isprintable():
        yield "'passphrase' must be one line without blanks at its ends"
    every = str(found.get("every", KEYS["every"].default))
    if not EVERY.fullmatch(every) or not EVERY_RANGE[0] <= seconds(every) <= EVERY_RANGE[1]:
        yield f"'every' is '{every}'; it must be a time from 5min to 1d, such as 30min or 1h"
    drill = str(found.get("drill", KEYS["drill"].default))
    if drill:
        try:
            calendar.check(drill)
        except calendar.CalendarError as error:
            yield f"'drill' {error}: it must be like {calendar.SAMPLES}, or empty"
    yield from notifications.problems(found.get("notifications", []))


def _targets(targets: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if not 1 <= len(targets) <= MOST_TARGETS:
        yield f"'to' has {len(targets)} targets; give 1 to {MOST_TARGETS}"
    for number, entry in enumerate(targets, 1):
        given = [kind for kind in TARGET if entry.get(kind)]
        label = f"entry {number} of 'to'"
        if len(given) != 1:
            yield f"{label} must have one of {', '.join(TARGET)}{' only' if given else ''}"
            continue
        checks: dict[str, Callable[[Any], Iterator[str]]] = {"s3": _s3, "sftp": _sftp, "path": _path}
        yield from (f"{label}: {text}" for text in checks[given[0]](entry[given[0]]))
    names = [str(entry) for entry in targets]
    if len(set(names)) < len(names):
        yield "'to' has the same target twice"


def _s3(found: Mapping[str, Any]) -> Iterator[str]:
    if not BUCKET.fullmatch(found["bucket"]):
        yield f"'bucket' is '{found['bucket']}'; it must be 3 to 63 lower-case letters, digits, dots and hyphens"
    if not ENDPOINT.fullmatch(found["endpoint"]):
        yield f"'endpoint' is '{found['endpoint']}'; it must be a host name, with :port if need be, without https://"
    if not PREFIX.fullmatch(found.get("prefix", "")) or ".." in found.get("prefix", "").split("/"):
        yield f"'prefix' is '{found['prefix']}'; it must have letters, digits and ._-/ only"
    for key in ("key", "secret"):
        if not found[key].strip() or re.search(r"\s", found[key]):
            yield f"'{key}' must be one word"
    if found.get("ca") and "-----BEGIN CERTIFICATE-----" not in found["ca"]:
        yield "'ca' is not a PEM certificate; read the file: lookup('ansible.builtin.file', 'ca.pem')"


def _sftp(found: Mapping[str, Any]) -> Iterator[str]:
    if not SERVER.fullmatch(found["host"]):
        yield f"'host' is '{found['host']}'; it must be a host name or an address"
    if not USER.fullmatch(found["user"]):
        yield f"'user' is '{found['user']}'; it must be the name of a user"
    if not PATH.fullmatch(found["path"]) or {".", ".."} & set(found["path"].split("/")):
        yield f"'path' is '{found['path']}'; it must be absolute, with letters, digits and ._@+- only"
    if "PRIVATE KEY-----" not in found["key"]:
        yield "'key' is not a private SSH key; read the file: lookup('ansible.builtin.file', 'backup_key')"
    elif "ENCRYPTED" in found["key"]:
        yield "'key' is protected by a passphrase, which nobody can type there: create one without"
    if not (lines := host_keys(found["host_key"])) or not all(lines):
        yield f"'host_key' must be what `ssh-keyscan {found['host']}` prints: {SFTP['host_key'].text}"


def host_keys(text: str) -> list[str]:
    """Return the keys in what ssh-keyscan printed, without the server's name; "" for a line that is none."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [match[1] if (match := HOST_KEY.fullmatch(line)) else "" for line in lines]


def _path(path: str) -> Iterator[str]:
    if not PATH.fullmatch(path) or {".", ".."} & set(path.split("/")):
        yield f"'path' is '{path}'; it must be absolute, with letters, digits and ._@+- only"
    elif OWN.fullmatch(path):
        yield f"'path' is '{path}', which belongs to the system; name a folder such as /mnt/backup"


def folders(found: Any) -> list[str]:
    """Return the targets of `slipway_backups` that are folders of the host; what is wrong with it is said by `problems`."""
    targets = found.get("to") if isinstance(found, Mapping) else None
    entries = [entry for entry in targets or () if isinstance(entry, Mapping)] if isinstance(targets, list) else []
    return [path for entry in entries if PATH.fullmatch(path := str(entry.get("path", "")))]


def refusals(found: Mapping[str, Any], apps: Sequence[Mapping[str, Any]], system: tuple[str, str]) -> list[str]:
    """Return what the software of a host's SYSTEM (distribution, version) can't do; FOUND has passed `problems`."""
    version = VERSIONS.get(system)
    local = [app["name"] for app in apps if app.get("database")]
    if not local or version is None or version >= SFTP_FROM:
        return []
    return [
        f"{NAME}: entry {number} of 'to': pgBackRest {version[0]}.{version[1]} of {' '.join(system)} can't use SFTP (2.46 and "
        f"later can), and {', '.join(local)} has its database on the host; use S3, a mounted folder, or Debian 13"
        for number, entry in enumerate(found["to"], 1)
        if entry.get("sftp")
    ]


def seconds(text: str) -> int:
    """Return how many seconds a time such as 30min or 1h has."""
    match = EVERY.fullmatch(text)
    return int(match[1]) * UNITS[match[2]] if match else 0


def target(entry: Mapping[str, Any], host: str) -> Target:
    """Return a target as HOST knows it: each host has a folder of its own there."""
    if found := entry.get("s3"):
        path = "/".join(filter(None, (str(found.get("prefix", "")).strip("/"), host)))
        own = {key: found[key] for key in ("bucket", "region", "key", "secret", "addressing", "ca") if key in found}
        return Target("s3", path, endpoint=found["endpoint"], **own)
    if found := entry.get("sftp"):
        return Target(
            "sftp", f"{found['path'].rstrip('/')}/{host}", host=found["host"], port=found.get("port", 22), user=found["user"],
            secret=found["key"], host_key="\n".join(host_keys(found["host_key"])),
        )  # fmt: skip
    return Target("path", f"{entry['path'].rstrip('/')}/{host}")


def settings(found: Mapping[str, Any], apps: Sequence[Mapping[str, Any]], host: str, cluster: str = "") -> Settings:
    """Return the settings sent to HOST: FOUND has passed `problems`, APPS are fields of AppData."""
    given, listed = plain([found, list(apps)])
    whole = {name: given.get(name, key.default) for name, key in KEYS.items()}
    return Settings(
        host=host,
        targets=[target(entry, host) for entry in whole["to"]],
        passphrase=str(whole["passphrase"]),
        keep=Keep(**{str(key): int(value) for key, value in whole["keep"].items()}),
        every_seconds=seconds(str(whole["every"])),
        drill=str(whole["drill"]),
        notifications=[{str(key): str(value) for key, value in one.items()} for one in whole["notifications"]],
        databases_elsewhere=bool(whole["databases_elsewhere"]),
        cluster=cluster,
        apps=[AppData(**app) for app in listed],
    )
