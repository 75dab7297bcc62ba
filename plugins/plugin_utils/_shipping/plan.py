# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What the role `host_logs` writes on a host: an rsyslogd of its own that sends journal and nginx' logs to somebody's receiver.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from pathlib import PurePosixPath
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._upkeep import shipping
from ansible_collections.slipway.flask.plugins.plugin_utils._nginx import pem
from ansible_collections.slipway.flask.plugins.plugin_utils._schema.plain import plain

UNIT = f"/etc/systemd/system/{shipping.SERVICE}"
CONFIGURATION = f"{shipping.FOLDER}/rsyslog.conf"
CA, CERTIFICATE, KEY = (f"{shipping.FOLDER}/{name}" for name in ("ca.pem", "certificate.pem", "key.pem"))
SYSTEM_CA = "/etc/ssl/certs/ca-certificates.crt"
RSYSLOG = "/etc/systemd/system/rsyslog.service"
"""An empty file here masks the package's own service (systemd.unit(5)), which would write all of the journal to the disk again."""
PORT, QUEUE_MB = 6514, 256
RANGES = {"port": (1, 65535), "queue_mb": (16, 100_000)}
LEAST_FILES = 4
NAME = re.compile(r"(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*")


def packages(ship: Any) -> list[str]:
    """Return the APT packages that SHIP (`host_logs_ship`), which may still be wrong, needs on the host."""
    return ["rsyslog", "rsyslog-gnutls"] if ship else []


def package_files(ship: Any) -> dict[str, str]:
    """Return the files that their installation reads: path -> text."""
    return {RSYSLOG: ""} if ship else {}


def problems(ship: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with SHIP, whose types are right, as sentences; no value of a secret is in them."""
    return [f"host_logs_ship.{text}" for text in _problems(ship, datetime.now(timezone.utc))] if ship else []


def _problems(ship: Mapping[str, Any], now: datetime) -> Iterator[str]:
    syslog = ship.get("syslog")
    if not isinstance(syslog, Mapping) or not syslog.get("host"):
        yield "syslog needs `host`, the receiver's name or address"
        return
    host, name = str(syslog["host"]), str(syslog.get("name") or "")
    if not (is_address(host) or NAME.fullmatch(host)):
        yield f"syslog.host is '{host}', which is neither a host name nor an address"
    if name and (is_address(name) or not NAME.fullmatch(name)):
        yield f"syslog.name is '{name}'; it must be a name in the receiver's certificate, such as logs.example.com"
    if is_address(host) and not name:
        yield f"syslog.host is the address {host}: give `name` as well, a name in the receiver's certificate"
    for place, key in ((syslog, "port"), (ship, "queue_mb")):
        low, high = RANGES[key]
        if place.get(key) is not None and not low <= int(place[key]) <= high:
            yield f"{'syslog.' if key == 'port' else ''}{key} is {place[key]}; it must be from {low} to {high}"
    yield from _certificate_problems(syslog, now)


def _certificate_problems(syslog: Mapping[str, Any], now: datetime) -> Iterator[str]:
    authorities, certificate, key = (str(syslog.get(name) or "") for name in ("ca", "certificate", "key"))
    if authorities and not pem.is_readable(authorities):
        yield "syslog.ca holds no readable PEM certificate: give its text, such as \"{{ lookup('file', 'logs-ca.pem') }}\""
    if bool(certificate) != bool(key):
        yield "syslog has one of `certificate` and `key`: the host's own certificate needs both"
    elif certificate:
        found = pem.pem_problems(certificate, key, [], now)
        yield from (
            "syslog."
            + text.replace("key_file", "key").replace("certificate_file", "certificate").replace("nginx", "rsyslog")
            for text in found
        )


def is_address(text: str) -> bool:
    """Tell whether TEXT is an address of IPv4 or IPv6."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def plan(ship: Mapping[str, Any], host: str) -> dict[str, Any]:
    """Return what slipway.flask.files takes; SHIP has passed `problems`, HOST is what the receiver is told it is called."""
    if not ship:
        return _nothing()
    syslog = {key: value for key, value in plain(dict(ship["syslog"])).items() if value}
    queue_mb = int(ship.get("queue_mb") or QUEUE_MB)
    told = {
        "host": str(syslog["host"]),
        "port": int(syslog.get("port") or PORT),
        "name": str(syslog.get("name") or syslog["host"]),
        "ca": CA if "ca" in syslog else SYSTEM_CA,
        "certificate": CERTIFICATE if "certificate" in syslog else "",
        "key": KEY if "key" in syslog else "",
        "queue_mb": queue_mb,
    }
    more = {"ship": told, "as_host": _host_name(host), "user": shipping.USER, "folder": str(shipping.FOLDER),
            "state": str(shipping.STATE), "service": shipping.SERVICE}  # fmt: skip
    given = {"ca": (CA, "0644"), "certificate": (CERTIFICATE, "0644"), "key": (KEY, "0600")}
    files: list[dict[str, Any]] = [
        {"dest": str(shipping.SETTINGS.parent), "state": "directory"},
        {"dest": str(shipping.SETTINGS), "content": json.dumps(told, indent=2) + "\n"},
        {"dest": str(shipping.FOLDER), "state": "directory"},
        # As its service would make it (StateDirectory=): rsyslogd refuses a configuration whose folder is not there yet.
        {
            "dest": str(shipping.STATE),
            "state": "directory",
            "mode": "0700",
            "owner": shipping.USER,
            "group": shipping.USER,
        },
    ]
    for name, (dest, mode) in given.items():
        if name in syslog:
            files.append(
                {"dest": dest, "content": str(syslog[name]).strip() + "\n", "mode": mode, "owner": shipping.USER}
            )
        else:
            files.append({"dest": dest, "state": "absent"})
    files += [
        {"src": "rsyslog.conf.j2", "dest": CONFIGURATION, "vars": more},
        {"src": f"{shipping.SERVICE}.j2", "dest": UNIT, "vars": more},
    ]
    watched = [UNIT, CONFIGURATION, CA, CERTIFICATE, KEY]
    return {
        "users": [{"name": shipping.USER, "comment": "Ships the host's logs"}],
        "files": files,
        "validate": ["/usr/sbin/rsyslogd", "-N1", "-f", CONFIGURATION],
        "units": [{"name": shipping.SERVICE, "on_change": "restart", "files": watched}],
    }


def _host_name(host: str) -> str:
    """Return HOST as RFC 5424 takes it (6.2.4): 1 to 255 printable characters without a blank."""
    return re.sub(r"[^A-Za-z0-9._:-]", "-", host)[:255] or "-"


def _nothing() -> dict[str, Any]:
    """Return what stops it. The user stays, and what waits in the queue until somebody removes it."""
    gone = [str(shipping.SETTINGS), CONFIGURATION, CA, CERTIFICATE, KEY, UNIT]
    gone.append(str(PurePosixPath(UNIT).parent / "multi-user.target.wants" / shipping.SERVICE))
    return {
        "users": [],
        "validate": [],
        "files": [{"dest": path, "state": "absent"} for path in gone],
        "units": [{"name": shipping.SERVICE, "state": "stopped"}],
    }
