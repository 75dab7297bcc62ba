# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Brings a cluster's two files to their text and the server to what they say: checked first, put back when refused.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import grp
import json
import os
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._postgres.names import (
    SUPERUSER,
    Cluster,
    PostgresError,
    find_cluster,
    literal,
    log_tail,
    psql,
    run,
    versions_installed,
)

RELOAD_SECONDS = 10
START_SECONDS = 60
"""How long a start may take before it counts as failed; crash recovery of a small database takes seconds."""

SUPERVISION = Path("/etc/systemd/system/postgresql@.service.d/slipway.conf")
SUPERVISED = """\
# Managed by Ansible.
# Debian's unit leaves a server down that was killed, by the kernel for want of memory for example. With this one,
# `systemctl stop` stops it; `pg_ctlcluster stop` does for root, who is led to systemctl, not for the user postgres.
[Unit]
StartLimitIntervalSec=60
StartLimitBurst=30

[Service]
Restart=on-failure
RestartSec=100ms
"""

STATUS = """
SELECT json_build_object(
  'settings', (SELECT coalesce(json_object_agg(name, current_setting(name)), '{{}}')
               FROM pg_settings WHERE lower(name) IN ({names})),
  'pending', (SELECT coalesce(json_agg(name ORDER BY name), '[]')
              FROM pg_settings WHERE pending_restart AND lower(name) IN ({names})),
  'overridden', (SELECT coalesce(json_object_agg(name, coalesce(sourcefile, source)), '{{}}') FROM pg_settings
                 WHERE lower(name) IN ({names}) AND source <> 'default' AND sourcefile IS DISTINCT FROM {conf}
                   AND NOT pending_restart),
  'hba', (SELECT coalesce(json_agg(format('line %s: %s', line_number, error)), '[]')
          FROM pg_hba_file_rules WHERE error IS NOT NULL),
  'sockets', current_setting('unix_socket_directories'),
  'loaded', extract(epoch FROM pg_conf_load_time()));
"""


@dataclass
class Outcome:
    """What was found and done."""

    cluster: Cluster | None
    changed_files: list[str] = field(default_factory=list)
    diff: list[dict[str, str]] = field(default_factory=list)
    created: bool = False
    started: bool = False
    enabled: bool = False
    reloaded: bool = False
    restarted: bool = False
    pending: list[str] = field(default_factory=list)
    status: dict[str, Any] = field(default_factory=dict)

    @property
    def changed(self) -> bool:
        done = self.created or self.started or self.enabled or self.reloaded or self.restarted
        return bool(done or self.changed_files)


@dataclass
class File:
    """One managed file, root's: its text now (None: absent) and as wanted."""

    path: Path
    text: str
    group: str
    mode: int
    before: str | None = None
    protected: bool = False
    """Whether owner, group and mode are as wanted."""

    @property
    def differs(self) -> bool:
        return self.before != self.text or not self.protected

    def look(self) -> None:
        """Read what is there now."""
        if self.path.exists():
            found = self.path.stat()
            self.before = self.path.read_text()
            wanted = (0, grp.getgrnam(self.group).gr_gid, self.mode)
            self.protected = (found.st_uid, found.st_gid, found.st_mode & 0o7777) == wanted

    def put(self, text: str | None) -> None:
        """Write TEXT in one step (None removes the file)."""
        if text is None:
            self.path.unlink(missing_ok=True)
            return
        self.path.parent.mkdir(mode=0o755, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=self.path.parent, prefix=".slipway-")
        with os.fdopen(handle, "w") as file:
            file.write(text)
        os.chown(name, 0, grp.getgrnam(self.group).gr_gid)
        os.chmod(name, self.mode)  # noqa: PTH101 (a name of mkstemp's)
        Path(name).replace(self.path)


def files_of(cluster: Cluster, conf: str, hba: str) -> list[File]:
    """Return the drop-in and pg_hba.conf with their present text. Root owns both: the server only reads them."""
    files = [
        File(cluster.folder / "conf.d" / "slipway.conf", conf, "root", 0o644),
        File(cluster.folder / "pg_hba.conf", hba, SUPERUSER, 0o640),
    ]
    for file in files:
        file.look()
    return files


def read_status(cluster: Cluster, names: list[str], conf: Path) -> dict[str, Any]:
    """Ask the server for our settings: their values, which wait for a restart, and which are set elsewhere."""
    sql = STATUS.format(names=", ".join(literal(name.lower()) for name in names), conf=literal(str(conf)))
    status: dict[str, Any] = json.loads(psql(cluster, sql))
    return status


def check_conf(cluster: Cluster) -> None:
    """Let the server's own program read the configuration, as it would at a start.

    :raises PostgresError: with its message when it refuses.
    """
    config = cluster.folder / "postgresql.conf"
    run(
        [str(cluster.programs / "postgres"), "-C", "data_directory", "-c", f"config_file={config}"],
        user=SUPERUSER,
    )


def start(cluster: Cluster, verb: str) -> None:
    """Let systemd VERB (start, restart, reload-or-restart) the server, and wait until it answers.

    :raises PostgresError: when it doesn't within START_SECONDS, with the end of its log.
    """
    try:
        run(["systemctl", verb, cluster.unit])
    except PostgresError:
        raise PostgresError(f"{cluster.unit} doesn't {verb}. End of {cluster.log}:\n{log_tail(cluster)}") from None
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            psql(cluster, "SELECT 1;")
            return
        except PostgresError as error:
            # Debian's unit ignores a failed start ("ExecStart=-"), so only the server itself can tell.
            state = run(["systemctl", "show", "--property=ActiveState", "--value", cluster.unit]).strip()
            if state in {"failed", "inactive"} or time.monotonic() > deadline:
                raise PostgresError(
                    f"{cluster.unit} doesn't answer after a start: {error}\nEnd of {cluster.log}:\n{log_tail(cluster)}"
                ) from None
            time.sleep(0.1)


def reload(cluster: Cluster, loaded: float) -> None:
    """Make the server read its files again, and wait until it has: LOADED is when it last did (seconds)."""
    psql(cluster, "SELECT pg_reload_conf();")
    deadline = time.monotonic() + RELOAD_SECONDS
    while float(psql(cluster, "SELECT extract(epoch FROM pg_conf_load_time());")) <= loaded:
        if time.monotonic() > deadline:
            raise PostgresError(f"{cluster.unit} did not reload its files within {RELOAD_SECONDS} s; see {cluster.log}")
        time.sleep(0.05)


def create(wanted: str, locale: str) -> Cluster | None:
    """Make the host's first cluster: WANTED, or `main` of the newest installed version. It is not started yet.

    :raises PostgresError: when that version is not installed.
    """
    versions = versions_installed()
    if not versions:
        return None
    version, _, name = (wanted or f"{versions[-1]}/main").partition("/")
    if version not in versions:
        raise PostgresError(
            f"there is no PostgreSQL cluster {wanted} on this host and none can be made: installed is {', '.join(versions)}"
        )
    run(["pg_createcluster", version, name or "main", f"--locale={locale}", "--encoding=UTF8"])
    return find_cluster(f"{version}/{name or 'main'}")


def ensure(
    wanted: str, settings: Mapping[str, Any], conf: str, hba: str, locale: str, *, restart: bool = True,
    check: bool = False,
) -> Outcome:  # fmt: skip
    """Bring the cluster to SETTINGS (CONF is their text) and HBA.

    :param wanted: `17/main`, or '' for the only one or the one on port 5432.
    :param restart: whether settings that need a restart get it; else they are reported as pending.
    :param check: look only.
    :raises PostgresError: when the server refuses; its files are as before then, and it runs if it ran.
    """
    cluster = find_cluster(wanted)
    outcome = Outcome(cluster)
    if cluster is None:
        outcome.created = True
        if check:
            return outcome
        outcome.cluster = cluster = create(wanted, locale)
        if cluster is None:
            raise PostgresError("no PostgreSQL server is installed on this host: install the package postgresql")
    files = files_of(cluster, conf, hba)
    supervision = File(SUPERVISION, SUPERVISED, "root", 0o644)
    supervision.look()
    outcome.changed_files = [str(file.path) for file in [*files, supervision] if file.differs]
    outcome.diff = [
        {"before_header": str(f.path), "after_header": str(f.path), "before": f.before or "", "after": f.text}
        for f in [*files, supervision]
        if f.differs
    ]
    outcome.started = not cluster.online
    enabled = run(["systemctl", "show", "--property=UnitFileState", "--value", "postgresql.service"]).strip()
    outcome.enabled = enabled != "enabled"
    if check:
        if cluster.online:
            outcome.status = read_status(cluster, sorted(settings), files[0].path)
        return outcome
    if supervision.differs:
        supervision.put(SUPERVISED)
        run(["systemctl", "daemon-reload"])
    try:
        _bring(outcome, cluster, files, sorted(settings), restart)
    except PostgresError as error:
        raise PostgresError(f"{error}{_put_back(cluster, files)}") from None
    if outcome.enabled:
        run(["systemctl", "enable", "--quiet", "postgresql.service"])
    return outcome


def _bring(outcome: Outcome, cluster: Cluster, files: list[File], names: list[str], restart: bool) -> None:
    for file in files:
        if file.differs:
            file.put(file.text)
    if any(file.differs for file in files):
        check_conf(cluster)
    if outcome.started:
        start(cluster, "start")
    status = read_status(cluster, names, files[0].path)
    if any(file.differs for file in files) and status["hba"]:
        raise PostgresError(f"PostgreSQL refuses {cluster.folder}/pg_hba.conf: {'; '.join(status['hba'])}")
    # The files' own time, not only this run's changes: a run that was killed after writing left the reload to the next.
    newest = max(file.path.stat().st_mtime for file in files)
    if newest > status["loaded"]:
        reload(cluster, status["loaded"])
        outcome.reloaded = True
        status = read_status(cluster, names, files[0].path)
    if status["pending"] and restart:
        start(cluster, "restart")
        outcome.restarted = True
        status = read_status(cluster, names, files[0].path)
    outcome.pending = status["pending"]
    outcome.status = status


def _put_back(cluster: Cluster, files: list[File]) -> str:
    """Restore the files after a failure and bring the server up with them; return a sentence about it."""
    changed = [file for file in files if file.differs]
    for file in changed:
        file.put(file.before)
    if not changed:
        return ""
    try:
        if cluster.online:
            start(cluster, "reload-or-restart")
    except PostgresError as error:
        return f"\nThe files were put back as they were, and the server still doesn't run: {error}"
    return "\nThe files were put back as they were, and the server runs with them."
