# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The keys of `slipway_ssh`, problems with them, and the settings sent to a host.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._access.sshd_wanted import FORWARDING
from ansible_collections.slipway.flask.plugins.plugin_utils._schema.key import Key
from ansible_collections.slipway.flask.plugins.plugin_utils._schema.names import nearest

KEYS = {
    "manage": Key(bool, True, "Manage sshd; `false` leaves it as it is."),
    "port": Key(int, None, "Port that sshd listens on. If unset, the port is not changed.", range=(1, 65535)),
    "root_login": Key(
        str,
        "keys",
        "`keys` lets root log in with a key. With `off`, root can't log in, and another account must have sudo.",
        ("keys", "off"),
    ),
    "passwords": Key(bool, False, "`true` leaves password logins as they are on the host; `false` requires a key."),
    "allow": Key(
        list,
        [],
        "The only accounts that may log in (AllowUsers), e.g. `ann` or `ann@192.0.2.*`; empty means all.",
        of=str,
    ),
    "forwarding": Key(
        list,
        ["agent"],
        "What may be forwarded: `agent` (Git sources with your key), `local` (ssh -L, ssh -J, editors), `remote` (ssh -R), "
        "`x11`.",
        FORWARDING,
        of=str,
    ),
    "max_auth_tries": Key(
        int, 4, "Number of keys that a client may offer per login; raise it for agents with many keys.", range=(1, 20)
    ),
    "older_clients": Key(
        bool,
        False,
        "Also accept clients without post-quantum key exchange, such as OpenSSH before 8.9; see docs/host.md.",
    ),
}
"""The one place that says what each is: the role's argument specs are held to it by a test."""
WEB = (80, 443)
ALLOWED = re.compile(r"[A-Za-z0-9_.*?!-]+(@[A-Za-z0-9_.:/*?-]+)?")


def problems(ssh: Any, variable: str = "slipway_ssh") -> Iterator[str]:
    """Yield what is wrong with SSH as sentences."""
    if not isinstance(ssh, Mapping):
        yield f"{variable} must be a mapping, such as {{port: 2222}}"
        return
    for name, value in ssh.items():
        if name not in KEYS:
            yield f"{variable} has no key '{name}'{nearest(name, KEYS)}; it has {', '.join(KEYS)}"
        else:
            yield from (f"{variable}.{name} {text}" for text in _value(name, KEYS[name], value))
    if ssh.get("manage") is False and len(ssh) > 1:
        yield f"{variable} has 'manage: false', so {', '.join(name for name in ssh if name != 'manage')} would do nothing"


def _value(name: str, key: Key, value: Any) -> Iterator[str]:
    if value is None or (name == "root_login" and value is False):  # what YAML takes `off` for
        return
    fits = isinstance(value, key.kind) and not (key.kind is int and isinstance(value, bool))
    if not fits:
        yield f"is {value!r}; it must be {'true or false' if key.kind is bool else f'of type {key.type_name}'}"
    elif key.range and not key.range[0] <= value <= key.range[1]:
        yield f"is {value}; it must be from {key.range[0]} to {key.range[1]}"
    elif key.choices and (wrong := [one for one in (value if key.kind is list else [value]) if one not in key.choices]):
        yield f"has {wrong[0]!r}; it must be {'of' if key.kind is list else 'one of'} {', '.join(key.choices)}"
    elif name == "port" and value in WEB:
        yield f"is {value}, which the host's sites use"
    elif name == "allow":
        for one in value:
            if not isinstance(one, str) or not ALLOWED.fullmatch(one):
                yield f"has {one!r}, which is not valid for sshd's AllowUsers: use name or name@address"


def document(ssh: Mapping[str, Any]) -> dict[str, Any]:
    """Return SSH, in which `problems` finds nothing, with every key."""
    found = {name: ssh[name] if ssh.get(name) is not None else key.default for name, key in KEYS.items()}
    found["root_login"] = found["root_login"] or "off"
    return found
