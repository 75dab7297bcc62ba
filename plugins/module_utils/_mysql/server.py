# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Brings the host's server to its settings: checked first, put back when it refuses them.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._host import systemd
from ansible_collections.slipway.flask.plugins.module_utils._host.file_state import Entry, FilesError
from ansible_collections.slipway.flask.plugins.module_utils._host.files import FileSet
from ansible_collections.slipway.flask.plugins.module_utils._mysql import databases, names, sizing
from ansible_collections.slipway.flask.plugins.module_utils._mysql.databases import Database
from ansible_collections.slipway.flask.plugins.module_utils._mysql.names import MysqlError

UNIT = "mariadb.service"
PROGRAM = Path("/usr/sbin/mariadbd")
CONF = Path("/etc/mysql/mariadb.conf.d/90-slipway.cnf")
# Only our file, and no data: a server that is asked for its options opens tables of the data folder, also a running one's.
READS = [str(PROGRAM), f"--defaults-file={CONF}", "--datadir=/run/mysqld", "--user=mysql", "--verbose", "--help"]
SETTLED = """
SELECT VARIABLE_NAME, VARIABLE_VALUE FROM information_schema.GLOBAL_VARIABLES WHERE LOWER(VARIABLE_NAME) IN ({names});
"""
ANSWER_SECONDS = 60
"""How long the server may take to answer after systemd has it as started."""


@dataclass
class Outcome:
    """What was found and done."""

    installed: bool = True
    own: bool = True
    """Whether the server is for the apps alone; anybody else's keeps its settings."""
    changed_files: list[str] = field(default_factory=list)
    diff: list[dict[str, str]] = field(default_factory=list)
    started: bool = False
    enabled: bool = False
    restarted: bool = False
    pending: bool = False
    settings: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    @property
    def changed(self) -> bool:
        return bool(self.changed_files or self.started or self.enabled or self.restarted)


def ensure(
    conf: str, wanted_names: Sequence[str], wanted: Sequence[Database], *, adopt: bool, restart: bool, check: bool
) -> Outcome:
    """Bring the server to CONF, the text of its file, which has WANTED_NAMES.

    WANTED are the apps' databases: a server that has others is somebody's, and only its databases are looked after.

    :raises MysqlError: when the server refuses; its files are as before then, and it runs if it ran.
    """
    outcome = Outcome()
    if not PROGRAM.is_file():
        if not check:
            raise MysqlError("no MariaDB server is installed on this host: install the package mariadb-server")
        outcome.installed, outcome.started = False, True
        return outcome
    outcome.started = not systemd.is_active(UNIT)
    outcome.enabled = systemd.properties(UNIT, "UnitFileState").get("UnitFileState") != "enabled"
    if outcome.started and check:
        return outcome
    if outcome.started:
        _start("start")
    outcome.own = CONF.exists() or adopt
    if not outcome.own:
        others = databases.read_state().others(wanted)
        outcome.own = not others
        if others:
            outcome.warnings.append(
                f"MariaDB on the host has the databases {', '.join(others)}, so its settings are left alone: its network port, its "
                "memory and its accounts are unchanged. Set mariadb_server_adopt: true to let Slipway manage them"
            )
    if outcome.own:
        _bring(outcome, conf, restart, check)
        found = dict(names.sql(SETTLED.format(names=", ".join(map(names.literal, wanted_names)))))
        outcome.settings = {name.lower(): value for name, value in found.items()}
    if outcome.enabled and not check:
        systemd.systemctl("enable", "--quiet", UNIT)
    return outcome


def _bring(outcome: Outcome, conf: str, restart: bool, check: bool) -> None:
    files = FileSet(check)
    before = CONF.read_text() if CONF.is_file() else ""
    written = CONF.stat().st_mtime if before else 0.0
    try:
        files.apply([Entry(str(CONF), content=conf)])
        files.validate(READS)
    except FilesError as error:
        raise MysqlError(f"MariaDB refuses its settings: {error}") from None
    outcome.changed_files, outcome.diff = list(files.changed), files.diffs
    changed = bool(files.changed)
    if changed and before and written <= since() and (most := sizing.only_connections(before, conf)):
        changed = False
        if not check:  # nobody's connection is cut for that
            names.sql(f"SET GLOBAL max_connections = {most};")
            os.utime(CONF, (written, written))
    # The file's own time, not only this run's change: a run that was killed after writing left the restart to the next.
    behind = changed or CONF.stat().st_mtime > since()
    outcome.pending = behind and not restart
    if outcome.pending:
        outcome.warnings.append(f"MariaDB must be restarted to apply {CONF}")
    if not behind or not restart or check:
        outcome.restarted = behind and restart
        return
    try:
        _start("restart")
    except MysqlError as error:
        if not files.changed:
            raise
        left = files.rollback()
        try:
            _start("restart")
        except MysqlError as again:
            raise MysqlError(
                f"{error}\n{CONF} was put back as it was{left}, and the server still doesn't run: {again}"
            ) from None
        raise MysqlError(f"{error}\n{CONF} was put back as it was{left}, and the server runs with it.") from None
    outcome.restarted = True


def since() -> float:
    """Return when the server began to start, as seconds since 1970; systemd's own clock time has whole seconds only."""
    told = systemd.properties(UNIT, "ExecMainStartTimestampMonotonic").get("ExecMainStartTimestampMonotonic", "")
    return time.time() - (time.monotonic() - int(told or 0) / 1e6)


def _start(verb: str) -> None:
    """Let systemd VERB (start, restart) the server, and wait until it answers. Raises MysqlError with the end of its journal."""
    systemd.systemctl("reset-failed", UNIT)
    if systemd.systemctl(verb, UNIT).returncode:
        raise MysqlError(f"{UNIT} doesn't {verb}. The end of its journal:\n{systemd.journal(UNIT)}")
    deadline = time.monotonic() + ANSWER_SECONDS
    while True:
        try:
            names.sql("SELECT 1;")
            return
        except MysqlError as error:
            if time.monotonic() > deadline or not systemd.is_active(UNIT):
                raise MysqlError(
                    f"{UNIT} doesn't answer after a {verb}: {error}\nThe end of its journal:\n{systemd.journal(UNIT)}"
                ) from None
            time.sleep(0.1)
