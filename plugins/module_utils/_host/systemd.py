# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""systemd's units: their state, their end of the journal, and which of them start at boot.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import json
import re
import subprocess
from functools import cache
from pathlib import Path

WANTS = Path("/etc/systemd/system/multi-user.target.wants")
UNITS = Path("/etc/systemd/system")
JOURNALCTL = ("journalctl", "--no-pager", "--quiet")
TAIL_LINES = 25
BEFORE_LINES = 500
"""So far back a run that has ended is looked for: the one after it writes as well."""


class HostError(RuntimeError):
    """The host refused something; the message is for the user."""


def tail(text: str, lines: int = TAIL_LINES) -> str:
    """Return the last LINES lines of TEXT that are not empty."""
    return "\n".join([line.rstrip() for line in text.splitlines() if line.strip()][-lines:])


def systemctl(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run systemctl; the caller looks at the exit status."""
    return subprocess.run(["systemctl", *arguments], capture_output=True, text=True, check=False)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run systemd-run; the caller looks at what has come of it."""
    return subprocess.run(
        ["systemd-run", *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )


@cache
def version() -> int:
    """Return the number of systemd's version, 0 when it does not say."""
    said = systemctl("--version").stdout
    return int(match[1]) if (match := re.match(r"systemd (\d+)", said)) else 0


HALT = re.compile(
    r"^Traceback \(most recent call last\):\n(?:[ \t].*\n)+gunicorn\.errors\.HaltServer: .*$\n?", re.MULTILINE
)
"""Gunicorn's own way to end once a worker could not start: some twenty lines that would hide why it couldn't."""
HALT_LINES = 40
"""So many it may be at most."""


def journal(unit: str, lines: int = TAIL_LINES) -> str:
    """Return the end of what UNIT's newest run wrote to the journal; of the one before, when systemd has started it again."""
    shown = properties(unit, "ActiveState", "NRestarts", "InvocationID")
    again = shown.get("ActiveState") == "active" and shown.get("NRestarts", "0") != "0"
    if again and (before := _before(unit, shown.get("InvocationID", ""))):
        return tail(HALT.sub("", before), lines)
    said = read_journal(*_newest(unit), "--output=cat", f"--lines={lines + HALT_LINES}")
    return tail(HALT.sub("", said), lines)


def _before(unit: str, newest: str) -> str:
    """Return what UNIT wrote of late in runs before the NEWEST: why it ended is in there."""
    said = read_journal("--output=json", f"--lines={BEFORE_LINES}", f"_SYSTEMD_UNIT={unit}")
    entries = map(json.loads, said.splitlines())
    texts = (entry.get("MESSAGE") for entry in entries if entry.get("_SYSTEMD_INVOCATION_ID") != newest)
    return "\n".join(text for text in texts if isinstance(text, str))


def printed(invocation: str) -> str:
    """Return all that one run of a unit, known by its INVOCATION, has printed."""
    return read_journal("--output=cat", "_TRANSPORT=stdout", f"_SYSTEMD_INVOCATION_ID={invocation}")


def read_journal(*arguments: str) -> str:
    """Return what journalctl prints of the entries that ARGUMENTS choose."""
    command = [*JOURNALCTL, *arguments]
    return subprocess.run(command, capture_output=True, text=True, errors="replace", check=False).stdout


def newest_run(unit: str) -> list[str]:
    """Return the journalctl command that shows what UNIT's newest run wrote."""
    return [*JOURNALCTL, *_newest(unit)]


def _newest(unit: str) -> list[str]:
    run = systemctl("show", "--property=InvocationID", "--value", unit).stdout.strip()
    return [f"_SYSTEMD_INVOCATION_ID={run}"] if run else ["--unit", unit]


def is_active(unit: str) -> bool:
    """Tell whether UNIT runs."""
    return systemctl("is-active", "--quiet", unit).returncode == 0


def properties(unit: str, *names: str) -> dict[str, str]:
    """Return what systemd says of UNIT."""
    shown = systemctl("show", f"--property={','.join(names)}", unit).stdout
    return dict(line.split("=", 1) for line in shown.splitlines() if "=" in line)


def start(unit: str) -> None:
    """Start UNIT and wait until it says it is ready. Raises HostError with the end of its journal."""
    systemctl("reset-failed", unit)
    if systemctl("start", unit).returncode:
        said = journal(unit)
        raise HostError(f"{unit} did not start. The end of its journal:\n{said}")


def stop(*units: str) -> None:
    """Stop UNITS, wait until their last process has ended, and forget a failure of them."""
    if units:
        systemctl("stop", *units)
        systemctl("reset-failed", *units)


def instances(app: str, kind: str = "service") -> list[str]:
    """Return the instances of `<app>@.<kind>` that systemd has loaded in any running or failed state.

    APP may be a shell pattern, here and below.
    """
    listed = systemctl("list-units", "--all", "--plain", "--no-legend", "--full", f"{app}@*.{kind}").stdout
    units = [row.split() for row in listed.splitlines() if row.strip()]
    return [instance_of(row[0]) for row in units if row[2] != "inactive"]


def instance_of(unit: str) -> str:
    """Return the instance in the name of a UNIT of any kind: a release can have a dot, but none after its last one."""
    return unit.partition("@")[2].rpartition(".")[0]


def enabled(app: str) -> list[str]:
    """Return the instances of `<app>@.service` that start at boot."""
    return sorted(instance_of(link.name) for link in WANTS.glob(f"{app}@*.service"))


def unit_file(app: str, instance: str = "") -> Path:
    """Return the file of an app's template unit, or of the copy that is one release's own."""
    return UNITS / f"{app}@{instance}.service"


def set_enabled(app: str, instance: str, enabled: bool) -> None:
    """Make an instance start at boot, or not: what `systemctl enable` does, without its reload of all units."""
    link = WANTS / f"{app}@{instance}.service"
    if not enabled:
        link.unlink(missing_ok=True)
    elif not link.is_symlink():
        WANTS.mkdir(exist_ok=True)
        own = unit_file(app, instance)
        link.symlink_to(own if own.exists() else unit_file(app))
