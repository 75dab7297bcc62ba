# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""An app's `audit`: whether its packages are checked for known vulnerabilities, and what is wrong with how it says so.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._app import nested
from ansible_collections.slipway.flask.plugins.plugin_utils._schema.key import REQUIRED, Key
from ansible_collections.slipway.flask.plugins.plugin_utils._schema.names import nearest

MODES = nested.AUDIT["mode"].choices
ID = re.compile(r"[A-Za-z][A-Za-z0-9]*(-[A-Za-z0-9]+)+")
PATTERN = re.compile(r"[A-Za-z0-9*?][\w.*?-]*")
KINDS = {str: "text", list: "a list"}


def mode_of(value: Any) -> Any:
    """Return a mode as it is meant: YAML reads a bare `off` as false."""
    return "off" if value is False else value


def problems(audit: Any) -> list[str]:
    """Return what is wrong with the value of `audit`, one sentence each."""
    audit = mode_of(audit)
    if not isinstance(audit, Mapping):
        return [] if audit in MODES else [_no_mode("'audit'", audit)]
    found = _mistyped(audit, nested.AUDIT, "'audit'")
    if found:
        return found
    for pattern in audit.get("private") or ():
        if not isinstance(pattern, str) or not PATTERN.fullmatch(pattern):
            found.append(
                f"'{pattern}' in 'private' of 'audit' must be the name of a package, or a pattern such as acme-*"
            )
    for number, entry in enumerate(audit.get("allow") or (), 1):
        found += _entry_problems(entry, f"entry {number} of 'allow' in 'audit'")
    return found


def _no_mode(where: str, value: Any) -> str:
    return f"{where} is '{value}'; it must be one of {', '.join(MODES)}{nearest(str(value), MODES)}"


def _mistyped(found: Mapping[str, Any], keys: Mapping[str, Key], where: str) -> list[str]:
    """Return which keys of a mapping are unknown, missing, of another type or none of their choices."""
    texts = [f"unknown key '{key}' in {where}{nearest(str(key), keys)}" for key in found if key not in keys]
    for name, key in keys.items():
        if name not in found:
            if key.default is REQUIRED:
                texts.append(f"'{name}' is missing in {where}. {key.text}")
            continue
        value = mode_of(found[name]) if name == "mode" else found[name]
        if key.choices and value not in key.choices:
            texts.append(f"'{name}' in {where} is '{value}'; it must be one of {', '.join(key.choices)}")
        elif not isinstance(value, key.kind):
            texts.append(f"'{name}' in {where} must be {KINDS[key.kind]}")  # type: ignore[index]
    return texts


def _entry_problems(entry: Any, where: str) -> list[str]:
    if not isinstance(entry, Mapping):
        return [f"{where} must be a mapping such as {{id: CVE-2024-22195, reason: …, until: 2027-01-31}}"]
    told = {**entry, **({"until": str(entry["until"])} if isinstance(entry.get("until"), date) else {})}
    found = _mistyped(told, nested.ALLOWED, where)
    if found:
        return found
    if not ID.fullmatch(told["id"]):
        found.append(
            f"'id' in {where} is '{told['id']}'; it must be one such as CVE-2024-22195, GHSA-h5c8-rqwp-cp95 or PYSEC-2023-62"
        )
    if not told["reason"].strip():
        found.append(f"'reason' in {where} is empty; say why it does no harm, or until when it can't be mended")
    if not _is_date(told["until"]):
        found.append(f"'until' in {where} is '{told['until']}'; it must be a date such as 2027-01-31")
    return found


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def whole(audit: Any) -> dict[str, Any]:
    """Return a valid value of `audit` with all that can be said of it; a mapping without a mode reports."""
    said = dict(audit) if isinstance(audit, Mapping) else {"mode": audit}
    found = {name: said.get(name, key.default) for name, key in nested.AUDIT.items()}
    return {
        "mode": mode_of(found["mode"]),
        "severity": found["severity"],
        "allow": [{name: str(entry[name]) for name in nested.ALLOWED} for entry in found["allow"]],
        "private": list(found["private"]),
    }


def for_this_run(audit: Mapping[str, Any], said: Any) -> dict[str, Any]:
    """Return AUDIT with the mode that the command line SAID (`-e audit=report`), which run_problems has looked at."""
    said = mode_of(said)
    return {**audit, **({"mode": said} if said in MODES else {})}


def run_problems(said: Any) -> list[str]:
    """Return what is wrong with what the command line SAID."""
    said = mode_of(said)
    return [] if said in ("", None, *MODES) else [_no_mode("-e audit", said)]
