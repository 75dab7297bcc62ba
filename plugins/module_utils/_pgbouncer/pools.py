# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Brings the host to the wanted pools: files, services, and a reload where only settings changed.

A pool that runs is never restarted: that would end its clients' connections. Taking over the sockets (`pgbouncer -R`) was
weighed: beside systemd, which loses the new process, it dropped connections on both releases of Debian.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import os
import pwd
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._host import file_state, files, service_user, systemd
from ansible_collections.slipway.flask.plugins.module_utils._host import instance as host_instance
from ansible_collections.slipway.flask.plugins.module_utils._host.instance import Outcome
from ansible_collections.slipway.flask.plugins.module_utils._pgbouncer import names, settings
from ansible_collections.slipway.flask.plugins.module_utils._pgbouncer.names import PgbouncerError
from ansible_collections.slipway.flask.plugins.module_utils._pgbouncer.settings import Pool

UNITS = Path("/etc/systemd/system")
PROGRAM = "/usr/sbin/pgbouncer"
LOADED = Path("/run/slipway-pgbouncer")
"""Where a file for each pool says when it last read its settings."""


def version() -> tuple[int, ...]:
    """Return the version of the PgBouncer that is installed, () for none."""
    try:
        said = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True, check=False).stdout
    except OSError:
        return ()
    found = re.search(r"PgBouncer (\d+)\.(\d+)", said)
    return (int(found[1]), int(found[2])) if found else ()


def refuse(wanted: Sequence[Pool], check: bool) -> None:
    """Raise PgbouncerError for what is somebody else's, and for users who are not there (but in check mode)."""
    for pool in wanted:
        for owned in (UNITS / names.unit(pool.name), Path(names.config(pool.name))):
            if owned.exists() and settings.HEADER not in owned.read_text().split("\n", 1)[0]:
                raise PgbouncerError(
                    f"{owned} exists, but was not written by this role: choose another name, or move it away"
                )
        if not check and not service_user.find(pwd.getpwnam, pool.user):
            raise PgbouncerError(f"there is no system user '{pool.user}' for pool '{pool.name}': create it first")


def entries(wanted: Sequence[Pool], installed: tuple[int, ...]) -> list[file_state.Entry]:
    """Return the files of the pools; a configuration is root's, and read by its pool's user alone."""
    found = [file_state.Entry("/etc/slipway-pgbouncer", "directory")]
    for pool in wanted:
        texts = {"ini": settings.conf_text(pool, installed), "hba": settings.hba_text(pool)}
        for kind, text in {**texts, "users": settings.users_text(pool)}.items():
            found.append(file_state.Entry(names.config(pool.name, kind), "file", text, "0640", group=pool.user))
        found.append(file_state.Entry(str(UNITS / names.unit(pool.name)), "file", settings.unit_text(pool)))
    return found


def ensure(wanted: Sequence[Pool], *, check: bool = False) -> Outcome:
    """Bring the pools about, or only say how with CHECK.

    :raises PgbouncerError: before any change for what is in the way; later for what does not start, with its journal.
    """
    installed, outcome = version(), Outcome()
    if not installed and not check:
        raise PgbouncerError(f"{PROGRAM} is not installed: install the package pgbouncer")
    refuse(wanted, check)
    written = files.FileSet(check=check)
    try:
        written.apply(entries(wanted, installed or settings.PREPARED_SINCE))
    except file_state.FilesError as error:
        raise PgbouncerError(str(error)) from None
    outcome.actions += [f"{path} written" for path in written.changed]
    outcome.diffs = written.diffs
    for pool in wanted:
        unit = names.unit(pool.name)
        if check and not (UNITS / unit).exists():
            outcome.actions.append(f"{unit} started")
            continue
        try:
            done = host_instance.Instance(unit, check=check).ensure()
        except host_instance.InstanceError as error:
            raise PgbouncerError(str(error)) from None
        outcome.actions += done
        _reload(pool, outcome, any(said.endswith(" started") for said in done), check)
    return outcome


def _reload(pool: Pool, outcome: Outcome, started: bool, check: bool) -> None:
    """Have a pool that ran before read its settings if they are younger; say what takes a restart.

    Not what this run changed decides: one that was killed after writing left the reload to the next.
    """
    unit, stamp = names.unit(pool.name), LOADED / f"{pool.name}.loaded"
    pid = int(systemd.properties(unit, "MainPID").get("MainPID") or 0)
    since = host_instance.started_at(pid) if pid else 0.0
    if not started and pid:
        loaded = max(since + host_instance.SLACK, stamp.stat().st_mtime if stamp.exists() else 0.0)
        if any(Path(names.config(pool.name, kind)).stat().st_mtime > loaded for kind in ("ini", "hba", "users")):
            outcome.actions.append(f"{unit} reloaded")
            done = None if check else systemd.systemctl("reload", unit)
            if done and done.returncode:
                raise PgbouncerError(f"systemd can't reload {unit}: {done.stderr.strip()}")
            started = not check
        if why := outdated(pid, since, UNITS / unit):
            outcome.warnings.append(
                f"{unit} must be restarted for {why}. That ends its clients' connections: first close the site "
                f"(playbooks/maintenance.yml), then `systemctl restart {unit}`"
            )
    if started and not check:
        stamp.touch()


def outdated(pid: int, since: float, unit: Path, proc: Path = Path("/proc")) -> str:
    """Return what the process PID, which runs SINCE then, has not taken up, "" for nothing."""
    if unit.stat().st_mtime > since + host_instance.SLACK:
        return "its unit, which has changed"
    try:
        return "a new version of PgBouncer" if os.readlink(proc / str(pid) / "exe").endswith(" (deleted)") else ""
    except OSError:
        return ""
