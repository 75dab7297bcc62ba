# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The firewall of a host and its bans: problems with their variables, and the settings sent to the host.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._access.firewall_rules import PORTLESS
from ansible_collections.slipway.flask.plugins.module_utils._host.listed import unknown
from ansible_collections.slipway.flask.plugins.plugin_utils._nginx.settings import network, network_problem

MODES = {"auto": "auto", "true": "on", "yes": "on", "false": "off", "no": "off"}
ALLOW: dict[str, Any] = {"port": None, "protocol": "tcp", "from": []}
"""The keys of an entry and their defaults."""
PORTS = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?")
WEB = (80, 443)


def mode(value: Any) -> str:
    """Return `auto`, `on` or `off` for what a user writes, "" for anything else."""
    return MODES.get(str(value).lower(), "")


def problems(variables: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with the role's VARIABLES (without their prefix), one sentence each."""
    for name in ("firewall", "bans"):
        if not mode(variables.get(name, "auto")):
            yield f"host_access_{name} is '{variables[name]}'; it must be auto, true or false"
    allow = variables.get("firewall_allow") or []
    for number, entry in enumerate(allow, 1):
        where = f"host_access_firewall_allow, entry {number}"
        if not isinstance(entry, Mapping):
            yield f"{where}: must be a mapping, such as {{port: 51820, protocol: udp}}"
            continue
        yield from (f"{where}: {text}" for text in _allow(entry))
    of_web = variables.get("web_from") or []
    yield from (f"host_access_web_from has '{text}': {wrong}" for text in of_web if (wrong := _network(text)))
    never = variables.get("never_ban") or []
    yield from (f"host_access_never_ban has '{text}': {wrong}" for text in never if (wrong := _network(text)))


def _allow(entry: Mapping[str, Any]) -> Iterator[str]:
    yield from unknown(entry, ALLOW)
    port, protocol = entry.get("port"), entry.get("protocol", "tcp")
    found = None if isinstance(port, bool) else PORTS.fullmatch(str(port))
    if protocol not in ("tcp", "udp", *PORTLESS):
        yield f"'protocol' is '{protocol}'; it must be tcp or udp, or one without ports: {', '.join(PORTLESS)}"
    elif protocol in PORTLESS:
        if port is not None:
            yield f"'port' is '{port}'; {protocol} has no ports: leave it out"
        if not entry.get("from"):
            yield f"'from' is missing: {protocol} is for hosts that are known, so list their addresses"
    elif not found or not 1 <= int(found[1]) <= int(found[2] or found[1]) <= 65_535:
        yield f"'port' is '{'' if port is None else port}'; it must be a port from 1 to 65535, or a range such as 8000-8100"
    wanted = entry.get("from", [])
    for text in wanted or [] if isinstance(wanted, list) else [wanted]:
        if wrong := _network(text, ": leave 'from' out"):
            yield f"'from' has '{text}': {wrong}"


def _network(text: Any, instead: str = "") -> str:
    if wrong := network_problem(text):
        return wrong
    found = network(text)
    return f"that is everybody{instead}" if found is not None and found.prefixlen == 0 else ""


def document(variables: Mapping[str, Any]) -> dict[str, Any]:
    """Return the firewall settings of the host: `ports` are open to everybody over TCP."""
    allow = [_entry({**ALLOW, **entry}) for entry in variables.get("firewall_allow") or []]
    is_open, some = bool(variables.get("web", True)), [str(text) for text in variables.get("web_from") or []]
    if is_open and some:
        allow += [_entry({"port": port, "protocol": "tcp", "from": some}) for port in WEB]
    return {
        "mode": mode(variables.get("firewall", "auto")),
        "ports": list(WEB) if is_open and not some else [],
        "http3": bool(variables.get("http3")) and is_open and not some,
        "allow": allow,
    }


def never_banned(variables: Mapping[str, Any]) -> list[str]:
    """Return the addresses and networks that are neither banned nor slowed down."""
    return [str(text) for text in variables.get("never_ban") or []]


def _entry(entry: Mapping[str, Any]) -> dict[str, Any]:
    wanted = entry["from"]
    from_ = [wanted] if isinstance(wanted, str) else [str(text) for text in wanted or []]
    if entry["protocol"] in PORTLESS:
        return {"ports": "", "protocol": entry["protocol"], "from": from_}
    first, _, last = str(entry["port"]).partition("-")
    ports = f"{int(first)}-{int(last)}" if last and int(last) != int(first) else str(int(first))
    return {"ports": ports, "protocol": entry["protocol"], "from": from_}


def bans(variables: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings for bans: `nginx_log` is the log of requests that nginx refused."""
    return {
        "mode": mode(variables.get("bans", "auto")),
        "nginx_log": str(variables.get("nginx_log") or ""),
    }


def packages(variables: Mapping[str, Any]) -> list[str]:
    """Return the APT packages that both need; the VARIABLES may still be wrong."""
    firewall, banning = mode(variables.get("firewall", "auto")), mode(variables.get("bans", "auto"))
    needed = ["nftables"] if firewall != "off" or banning != "off" else []
    return needed + (["fail2ban", "python3-systemd"] if banning != "off" else [])
