# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What the role `host_metrics` writes on a host.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._host import unix_sockets
from ansible_collections.slipway.flask.plugins.module_utils._metrics import places
from ansible_collections.slipway.flask.plugins.module_utils._metrics.postgres import PSQL_ARGUMENTS
from ansible_collections.slipway.flask.plugins.module_utils._metrics.secrets import GROUP
from ansible_collections.slipway.flask.plugins.plugin_utils._library import library
from ansible_collections.slipway.flask.plugins.plugin_utils._metrics import servers, site
from ansible_collections.slipway.flask.plugins.plugin_utils._schema.plain import plain

UNITS = PurePosixPath("/etc/systemd/system")
PROGRAM = "_metrics.program"
OTHERS = ("_backup.program", "_certificates.program", "_upkeep.program")
"""Programs that may have some of the same library."""
SERVICE, SECRETS = "slipway-metrics.service", "slipway-metrics-secrets.service"
DIAG = "slipway-metrics-diag.socket"
PSQL, PSQL_SERVICE = "slipway-metrics-psql.socket", "slipway-metrics-psql@.service"
PORTS, RULES = "slipway-metrics-ports.service", "/etc/slipway/metrics.nft"
TABLE = "inet slipway_metrics"
AGAIN = f"{UNITS}/nftables.service.d/slipway-metrics.conf"
DROP_INS = {unit: f"{UNITS}/{unit}.d/slipway.conf" for unit in (servers.NODE, servers.PROMETHEUS)}
CONFIGURATION = f"{places.PROMETHEUS}/prometheus.yml"
SCRAPE_PASSWORD = f"{places.SECRETS}/scrape.password"
MODES = ("none", "local", "scrape")
RANGES = {"days": (1, 400), "disk_mb": (128, 100_000), "memory_mb": (96, 4096)}


def _servers(mode: str) -> list[str]:
    """Return the units of the distribution's that MODE needs."""
    return {"local": [servers.NODE, servers.PROMETHEUS], "scrape": [servers.NODE]}.get(mode, [])


def packages(mode: str) -> list[str]:
    """Return the APT packages that MODE needs on the host."""
    names = [unit.removesuffix(".service") for unit in _servers(mode)]
    return [*names, "nftables"] if names else []


def package_files(mode: str) -> dict[str, str]:
    """Return the files that their installation reads: path -> text. A server that waits for a file does not start without it."""
    wait = {servers.NODE: str(places.SETTINGS), servers.PROMETHEUS: CONFIGURATION}
    return {DROP_INS[unit]: f"[Unit]\nConditionPathExists={wait[unit]}\n" for unit in _servers(mode)}


def problems(variables: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with VARIABLES (name without the role's prefix -> value), whose types are right, as sentences."""
    return [f"host_metrics_{text}" for text in _problems(variables)]


def _problems(variables: Mapping[str, Any]) -> Iterator[str]:
    mode = variables.get("mode", "none")
    if mode not in MODES:
        yield f"mode is '{mode}'; it must be one of {', '.join(MODES)}"
    settings, scrape = variables.get("settings") or {}, variables.get("scrape") or {}
    for key, (low, high) in RANGES.items():
        if settings.get(key) is not None and not low <= int(settings[key]) <= high:
            yield f"settings.{key} is {settings[key]}; it must be from {low} to {high}"
    yield from site.problems(scrape, str(mode))


def plan(variables: Mapping[str, Any]) -> dict[str, Any]:
    """Return what slipway.flask.files takes: `files`, `validate` and `units`; VARIABLES have passed `problems`."""
    variables = plain(dict(variables))
    if variables.get("mode", "none") == "none":
        return _nothing()
    checks = variables["mode"] == "local" and not servers.is_old(variables.get("system") or ())
    check = ["promtool", "check", "config", "--syntax-only", CONFIGURATION] if checks else []
    return {"files": list(_files(variables)), "validate": check, "units": list(_units(variables))}


def _files(variables: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    mode, program = variables["mode"], {"program": str(places.PROGRAM), "group": GROUP, "psql": PSQL, "diag": DIAG}
    yield {"dest": str(places.SETTINGS.parent), "state": "directory"}
    yield {"dest": str(places.SETTINGS), "content": told(variables), "mode": "0600"}
    yield {"dest": str(places.SECRETS), "state": "directory", "mode": "0700"}
    yield from library.files(PROGRAM)
    yield _template("program.py", str(places.PROGRAM), {"library": str(library.FOLDER)}, mode="0755")
    yield from (_template(name, f"{UNITS}/{name}", program) for name in (SECRETS, SERVICE))
    yield _template(DIAG, f"{UNITS}/{DIAG}", {"name": unix_sockets.GIVEN, "service": SERVICE})
    yield _template(PSQL, f"{UNITS}/{PSQL}", {"socket": str(places.PSQL)})
    yield _template(PSQL_SERVICE, f"{UNITS}/{PSQL_SERVICE}", {"arguments": " ".join(PSQL_ARGUMENTS)})
    yield from _ports(mode, bool(variables.get("alertmanager")))
    yield {"dest": str(places.PROMETHEUS.parent), "state": "directory"}
    yield {"dest": str(places.PROMETHEUS), "state": "directory"}
    arguments = servers.node_arguments(variables.get("system") or ())
    yield from _drop_in(servers.NODE, "node-exporter.conf", {**program, "arguments": arguments})
    if password := str((variables.get("scrape") or {}).get("password") or ""):
        yield {"dest": SCRAPE_PASSWORD, "content": f"{password}\n", "mode": "0600"}
    else:
        yield {"dest": SCRAPE_PASSWORD, "state": "absent"}
    if mode == "scrape":
        yield {"dest": CONFIGURATION, "state": "absent"}
        return
    store = servers.settings(variables.get("settings"))
    go_mb = int(store["memory_mb"] * servers.GO_SHARE)
    more = {
        **program,
        "arguments": servers.prometheus_arguments(store),
        "memory_mb": store["memory_mb"],
        "go_mb": go_mb,
    }
    yield {"dest": str(places.RULES), "state": "directory"}
    asked = {"host": str(variables.get("host") or ""), "alertmanager": bool(variables.get("alertmanager"))}
    yield _template("prometheus.yml", CONFIGURATION, asked)
    yield from _drop_in(servers.PROMETHEUS, "prometheus.conf", more)


def _ports(mode: str, alertmanager: bool) -> Iterator[dict[str, Any]]:
    """Yield what keeps others from answering on the servers' ports."""
    ports = [9100] + ([9090] if mode == "local" else []) + ([9093] if alertmanager else [])
    names = [servers.NODE, servers.PROMETHEUS, "prometheus-alertmanager.service"]
    more = {"table": TABLE, "rules": RULES, "ports": sorted(ports), "servers": names, "group": GROUP}
    yield _template("metrics.nft", RULES, more, mode="0600")
    yield _template(PORTS, f"{UNITS}/{PORTS}", more)
    yield {"dest": str(PurePosixPath(AGAIN).parent), "state": "directory"}
    yield _template("nftables.conf", AGAIN, more)


def _template(name: str, dest: str, more: Mapping[str, Any], **keys: str) -> dict[str, Any]:
    return {"src": f"{name}.j2", "dest": dest, "vars": dict(more), **keys}


def _drop_in(unit: str, template: str, more: Mapping[str, Any]) -> list[dict[str, Any]]:
    path = DROP_INS[unit]
    return [{"dest": str(PurePosixPath(path).parent), "state": "directory"}, _template(template, path, more)]


def _units(variables: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield all units in the order of their start: whoever asks for a password comes after what makes it."""
    yield _running(
        SECRETS,
        "restart",
        [f"{UNITS}/{SECRETS}", SCRAPE_PASSWORD, f"{library.FOLDER / library.PACKAGE}/_metrics/secrets.py"],
    )
    yield _running(PORTS, "restart", [RULES, f"{UNITS}/{PORTS}"])
    yield _running(PSQL, "restart", [f"{UNITS}/{PSQL}"])
    yield _running(SERVICE, "restart", restarting())
    yield _running(servers.NODE, "restart", [DROP_INS[servers.NODE]])
    if variables["mode"] == "local":
        yield _running(servers.PROMETHEUS, "restart", [DROP_INS[servers.PROMETHEUS]])
        # A file that has changed may be all that has: it reads it again and goes on.
        yield _running(servers.PROMETHEUS, "reload", [CONFIGURATION])
    else:
        yield {"name": servers.PROMETHEUS, "state": "stopped"}


def _running(name: str, on_change: str, files: Sequence[str]) -> dict[str, Any]:
    return {"name": name, "on_change": on_change, "files": list(files)}


def restarting() -> list[str]:
    """Return the files that the collector reads when it starts."""
    modules = map(str, library.paths(library.sources(PROGRAM)))
    return [str(places.SETTINGS), str(places.PROGRAM), str(UNITS / SERVICE), str(UNITS / DIAG), *modules]


def told(variables: Mapping[str, Any]) -> str:
    """Return the text of the collector's settings (module_utils/_metrics/config.py)."""
    found = {"host": str(variables.get("host") or ""), "apps": list(variables.get("apps") or ())}
    found["sites"] = list(variables.get("sites") or ())
    return json.dumps(found, indent=2, sort_keys=True) + "\n"


def _nothing() -> dict[str, Any]:
    """Return what stops and disables all of it. What was kept stays."""
    wants = UNITS / "multi-user.target.wants"
    gone = [
        places.SETTINGS,
        places.PROGRAM,
        *(folder / unit for unit in (SECRETS, SERVICE, PORTS) for folder in (UNITS, wants)),
        PurePosixPath(RULES),
        PurePosixPath(AGAIN),
        *(UNITS / name for name in (DIAG, PSQL, PSQL_SERVICE, f"sockets.target.wants/{PSQL}")),
    ]
    gone += [PurePosixPath(CONFIGURATION), PurePosixPath(SCRAPE_PASSWORD)]
    units = [servers.PROMETHEUS, servers.NODE, DIAG, SERVICE, PSQL, PORTS, SECRETS]
    return {
        "files": [
            *({"dest": str(path), "state": "absent"} for path in gone),
            *library.absent(PROGRAM, OTHERS),
        ],
        "validate": [],
        "units": [{"name": unit, "state": "stopped"} for unit in units],
    }
