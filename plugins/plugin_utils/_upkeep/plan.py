# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What the role `host_upkeep` writes on a host: settings of APT, the kernel, journald and systemd, and a program with timers.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._upkeep import places
from ansible_collections.slipway.flask.plugins.module_utils._upkeep.settings import Settings
from ansible_collections.slipway.flask.plugins.plugin_utils._library import library
from ansible_collections.slipway.flask.plugins.plugin_utils._schema.plain import plain
from ansible_collections.slipway.flask.plugins.plugin_utils._upkeep import sysctl

DEFAULTS: dict[str, Any] = {
    "updates": {"install": "security", "window": "03:00-05:00", "reboot": "", "apart_minutes": 15},
    "memory": {"swap": "auto", "swappiness": 10},
    "disk": {"warn_percent": 85, "reserve_mb": 256, "journal_mb": 500},
}
WINDOW = re.compile(r"([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d")
HOUR = re.compile(r"([01]\d|2[0-3]):[0-5]\d")
SWAP = re.compile(r"auto|none|[1-9]\d{0,4}[MG]|[1-9]\d{1,4}")
NAME = re.compile(r"[a-z][a-z0-9_]*(\.[A-Za-z0-9_/-]+)+")
RANGES = {"warn_percent": (50, 98), "reserve_mb": (0, 10_240), "journal_mb": (16, 100_000)}
WEB = ("22/tcp", "80/tcp", "443/tcp", "443/udp")
UNITS = PurePosixPath("/etc/systemd/system")
PROGRAM = "_upkeep.program"
SERVICE, CHECK, BACK, REBOOT = "slipway-upkeep", "slipway-upkeep-check", "slipway-upkeep-back", "slipway-upkeep-reboot"
PACKAGES = "slipway-upkeep-packages"
NEEDRESTART = "/etc/needrestart/conf.d/60-slipway.conf"
UPDATES = ("/etc/apt/apt.conf.d/60slipway", f"{UNITS}/apt-daily-upgrade.timer.d/slipway.conf",
           f"{UNITS}/apt-daily-upgrade.service.d/slipway.conf")  # fmt: skip
PROFILE = "/etc/profile.d/60-slipway.sh"
SYSCTL, JOURNAL = "/etc/sysctl.d/60-slipway.conf", "/etc/systemd/journald.conf.d/60-slipway.conf"
TIME = "systemd-timesyncd | chrony | ntpsec | ntp | openntpd"
"""Time daemons that exclude each other: a host keeps the one that it has."""
DAY_MINUTES = 24 * 60


def whole(variables: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return one of the variables that are mappings, with all its keys; a key without a value has its default."""
    given = {key: value for key, value in (variables.get(name) or {}).items() if value is not None}
    return {**DEFAULTS[name], **given}


def problems(variables: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with VARIABLES (name without the role's prefix -> value), whose types are right, as sentences."""
    return [f"host_upkeep_{text}" for text in _problems(variables)]


def _problems(variables: Mapping[str, Any]) -> Iterator[str]:
    updates, memory, disk = (whole(variables, name) for name in DEFAULTS)
    window, reboot = str(updates["window"]), _hour(updates["reboot"])
    if not WINDOW.fullmatch(window) or window[:5] == window[6:]:
        yield f"updates.window is '{window}'; it must be two times of the day, such as \"03:00-05:00\", in quotes"
    if reboot and not HOUR.fullmatch(reboot):
        yield f"updates.reboot is '{reboot}'; it must be false, or a time of the day such as \"04:00\", in quotes"
    if not 5 <= int(updates["apart_minutes"]) <= 240:
        yield f"updates.apart_minutes is {updates['apart_minutes']}; it must be from 5 to 240"
    if not SWAP.fullmatch(str(memory["swap"])):
        yield f"memory.swap is '{memory['swap']}'; it must be auto, none, or a size such as 512M"
    if not 0 <= int(memory["swappiness"]) <= 200:
        yield f"memory.swappiness is {memory['swappiness']}; it must be from 0 to 200"
    for key, (low, high) in RANGES.items():
        if not low <= int(disk[key]) <= high:
            yield f"disk.{key} is {disk[key]}; it must be from {low} to {high}"
    for name in variables.get("sysctl") or {}:
        if not NAME.fullmatch(str(name)):
            yield f"sysctl has '{name}', which is not a name of sysctl(8), such as net.core.somaxconn"


def _hour(value: Any) -> str:
    """Return a time of the day as text; false is none."""
    return "" if value in (False, None, "", "False", "false") else str(value)


def megabytes(swap: str) -> str:
    """Return a size such as 512M or 1G in MiB; auto and none as they are."""
    if swap in ("auto", "none"):
        return swap
    return str(int(swap[:-1]) * 1024) if swap.endswith("G") else swap.removesuffix("M")


def later(hour: str, minutes: int) -> str:
    """Return the time of the day that is so many MINUTES after HOUR."""
    total = (int(hour[:2]) * 60 + int(hour[3:]) + minutes) % DAY_MINUTES
    return f"{total // 60:02}:{total % 60:02}"


def packages(variables: Mapping[str, Any]) -> list[str]:
    """Return the APT packages that VARIABLES, which may still be wrong, need on the host."""
    given = variables.get("updates")
    install = given.get("install") if isinstance(given, Mapping) else None
    updates = [] if install == "none" else ["unattended-upgrades", "needrestart"]
    return [*updates, *(["debsums"] if variables.get("extras") is True else []), "libnss-myhostname", TIME]


def settings(variables: Mapping[str, Any]) -> Settings:
    """Return the settings of the program on the host; VARIABLES have passed `problems`."""
    variables = plain(dict(variables))
    updates, memory, disk = (whole(variables, name) for name in DEFAULTS)
    reboot = _hour(updates["reboot"])
    ports = [
        f"{entry['port']}/{entry.get('protocol') or 'tcp'}"
        for entry in variables.get("ports") or ()
        if entry.get("port")
    ]
    apart = int(updates["apart_minutes"]) * int(variables.get("position") or 0)
    return Settings(
        host=str(variables.get("host") or ""),
        install=str(updates["install"]),
        window=str(updates["window"]).split("-"),
        reboot=later(reboot, apart) if reboot else "",
        swap=megabytes(str(memory["swap"])),
        warn_percent=int(disk["warn_percent"]),
        reserve_mb=int(disk["reserve_mb"]),
        journal_mb=int(disk["journal_mb"]),
        ports=sorted({*WEB, *ports}),
        sites=list(variables.get("sites") or ()),
        notifications=unique(variables.get("notifications") or ()),
        tells_problems=bool(variables.get("tells_problems", True)),
    )


def unique(notifications: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    """Return NOTIFICATIONS without those whose address was there before: apps often share one."""
    return list(
        {str(one["url"]): {str(key): str(value) for key, value in one.items()} for one in notifications}.values()
    )


def plan(variables: Mapping[str, Any]) -> dict[str, Any]:
    """Return what slipway.flask.files takes: `files` and `units`; VARIABLES have passed `problems`."""
    told, swappiness = settings(variables), int(whole(variables, "memory")["swappiness"])
    values = sysctl.settings(swappiness, variables.get("sysctl") or {}, bool(variables.get("is_container")))
    shown = {key: getattr(told, key) for key in ("install", "window", "reboot", "reserve_mb", "journal_mb")}
    more = {"upkeep": shown, "program": str(places.PROGRAM), "swap": str(places.SWAP), "sysctl": values}
    units = [f"{SERVICE}.service", f"{CHECK}.service", f"{CHECK}.timer", f"{BACK}.service"]
    reboot = [f"{REBOOT}.service", f"{REBOOT}.timer"]
    return {
        "files": [
            {"dest": str(places.SETTINGS.parent), "state": "directory"},
            {"dest": str(places.SETTINGS), "content": told.as_text(), "mode": "0600"},
            {"dest": str(places.STATE.parent), "state": "directory"},
            {"dest": str(places.STATE), "state": "directory", "mode": "0700"},
            *library.files(PROGRAM),
            _template("program.py", str(places.PROGRAM), {"library": str(library.FOLDER)}, mode="0755"),
            *_updates(told, more),
            _template("sysctl.conf", SYSCTL, more),
            *_in_folder(str(PurePosixPath(JOURNAL).parent), "journald.conf", PurePosixPath(JOURNAL).name, more),
            *_in_folder("/etc/systemd/coredump.conf.d", "coredump.conf", "60-slipway.conf", more),
            *_in_folder("/etc/security/limits.d", "limits.conf", "60-slipway.conf", more),
            _template("profile.sh", PROFILE, {"extras": bool(variables.get("extras"))}),
            *_extras(bool(variables.get("extras"))),
            *_in_folder("/etc/modprobe.d", "modprobe.conf", "60-slipway.conf", {"is_guest": bool(variables.get("is_guest"))}),
            *_in_folder(f"{UNITS}/postgresql@.service.d", "database.conf", "slipway-upkeep.conf", more),
            *_in_folder(f"{UNITS}/mariadb.service.d", "database.conf", "slipway-upkeep.conf", more),
            *(_template(name, f"{UNITS}/{name}", more) for name in units),
            # Enabled, and not started now: it is a boot that it is about.
            {"dest": f"{UNITS}/multi-user.target.wants/{BACK}.service", "state": "link", "to": f"{UNITS}/{BACK}.service"},
            _template("swapfile.swap", f"{UNITS}/{places.SWAP_UNIT}", more),
            *(_template(name, f"{UNITS}/{name}", more) for name in (reboot if told.reboot else ())),
            *({"dest": path, "state": "absent"} for path in ([] if told.reboot else _absent(reboot))),
        ],
        "units": [
            {"name": "systemd-journald.service", "on_change": "restart", "files": [JOURNAL]},
            *_running(f"{SERVICE}.service", str(places.SETTINGS), f"{UNITS}/{SERVICE}.service", SYSCTL),
            *_running(f"{CHECK}.timer", f"{UNITS}/{CHECK}.timer"),
            *(_running("apt-daily-upgrade.timer", UPDATES[1]) if told.install != "none" else ()),
            *(_running(f"{REBOOT}.timer", f"{UNITS}/{REBOOT}.timer") if told.reboot else ()),
            *(_running(f"{PACKAGES}.timer", f"{UNITS}/{PACKAGES}.timer") if variables.get("extras") else ()),
        ],
    }  # fmt: skip


def _template(name: str, dest: str, more: Mapping[str, Any], **keys: str) -> dict[str, Any]:
    return {"src": f"{name}.j2", "dest": dest, "vars": dict(more), **keys}


def _in_folder(folder: str, template: str, name: str, more: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a file in a folder that the system may lack."""
    return [{"dest": folder, "state": "directory"}, _template(template, f"{folder}/{name}", more)]


def _updates(told: Settings, more: Mapping[str, Any]) -> list[dict[str, Any]]:
    if told.install == "none":  # nor is needrestart installed
        return [{"dest": path, "state": "absent"} for path in (*UPDATES, NEEDRESTART)]
    templates = ("apt.conf", "apt-daily-upgrade.timer", "apt-daily-upgrade.service", "needrestart.conf")
    found = []
    for template, path in zip(templates, (*UPDATES, NEEDRESTART), strict=True):
        found += _in_folder(str(PurePosixPath(path).parent), template, PurePosixPath(path).name, more)
    return found


def _extras(wanted: bool) -> list[dict[str, Any]]:
    """Return what an auditor asks for. Banners stay: the distribution's own, which they replaced, are nowhere else."""
    units = [f"{PACKAGES}.service", f"{PACKAGES}.timer"]
    if not wanted:
        gone = [*(f"{UNITS}/{name}" for name in units), f"{UNITS}/timers.target.wants/{PACKAGES}.timer"]
        return [{"dest": path, "state": "absent"} for path in gone]
    banners = [_template("issue", path, {}) for path in ("/etc/issue", "/etc/issue.net")]
    return [*banners, *(_template(name, f"{UNITS}/{name}", {}) for name in units)]


def _absent(units: Sequence[str]) -> list[str]:
    return [*(f"{UNITS}/{name}" for name in units), f"{UNITS}/timers.target.wants/{REBOOT}.timer"]


def _running(name: str, *files: str) -> list[dict[str, Any]]:
    return [{"name": name, "on_change": "restart", "files": list(files)}]
