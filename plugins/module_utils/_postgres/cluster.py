# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Brings a cluster's two files to their text and the server to what they say: checked first, put back when refused.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import grp
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._postgres import network, server
from ansible_collections.slipway.flask.plugins.module_utils._postgres.names import (
    SUPERUSER,
    Cluster,
    PostgresError,
    find_cluster,
    run,
)

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

RESTART = (
    "A restart ends every request that is using a database, so it is left to you: close the sites "
    "(playbooks/maintenance.yml -e state=on), run playbooks/provision.yml --tags postgresql "
    "-e postgres_server_restart=true, and open them again (-e state=off)"
)


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

    @property
    def actions(self) -> list[str]:
        """What is done, or would be, with the server's units, one sentence each."""
        made = ["the cluster made"] if self.created else []
        started = [f"{self.cluster.unit} started"] if self.cluster and self.started else []
        return made + started + (["postgresql.service enabled"] if self.enabled else [])

    @property
    def warnings(self) -> list[str]:
        """What is not in effect although it was asked for."""
        pending = [f"PostgreSQL must be restarted for: {', '.join(self.pending)}. {RESTART}"] if self.pending else []
        return pending + [
            f"PostgreSQL's setting {name} is overridden by {source}: remove it there "
            f"(ALTER SYSTEM RESET {name} if that is postgresql.auto.conf)"
            for name, source in self.status.get("overridden", {}).items()
        ]

    def answer(self) -> dict[str, Any]:
        """Return what slipway.flask.postgres_cluster answers of the cluster and its files."""
        cluster = self.cluster
        return {
            "version": cluster.version if cluster else "",
            "cluster": cluster.name if cluster else "",
            "port": cluster.port if cluster else 0,
            "unit": cluster.unit if cluster else "",
            "settings": self.status.get("settings", {}),
            "changed_files": self.changed_files,
            "reloaded": self.reloaded,
            "restarted": self.restarted,
            "pending_restart": self.pending,
        }


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


def archives(cluster: Cluster | None) -> bool:
    """Tell whether archive_mode is on by our settings, or can be turned on without a restart: nothing runs yet."""
    if cluster is None or not cluster.online:
        return True
    return cluster.drop_in.exists() and "\narchive_mode = on\n" in cluster.drop_in.read_text()


def files_of(cluster: Cluster, conf: str, hba: str) -> list[File]:
    """Return the drop-in and pg_hba.conf with their present text. Root owns both: the server only reads them."""
    files = [
        File(cluster.drop_in, conf, "root", 0o644),
        File(cluster.folder / "pg_hba.conf", hba, SUPERUSER, 0o640),
    ]
    for file in files:
        file.look()
    return files


def ensure(
    wanted: str, settings: Mapping[str, Any], conf: str, hba: str, locale: str, *, restart: bool = False,
    check: bool = False, listens: bool = False,
) -> Outcome:  # fmt: skip
    """Bring the cluster to SETTINGS (CONF is their text) and HBA.

    :param wanted: `17/main`, or '' for the only one or the one on port 5432.
    :param restart: whether settings that need a restart get it although a database is in use; else they are reported as
        pending.
    :param check: look only.
    :param listens: whether the server listens on the network, for other hosts.
    :raises PostgresError: when the server refuses; its files are as before then, and it runs if it ran.
    """
    cluster = find_cluster(wanted)
    outcome = Outcome(cluster)
    if cluster is None:
        outcome.created = True
        if check:
            return outcome
        outcome.cluster = cluster = server.create(wanted, locale)
        if cluster is None:
            raise PostgresError("no PostgreSQL server is installed on this host: install the package postgresql")
    if listens and cluster.port != network.PORT:
        raise PostgresError(
            f"the cluster {cluster.version}/{cluster.name} has the port {cluster.port}, but the other hosts' URLs name "
            f"{network.PORT}: set `port = {network.PORT}` in {cluster.folder}/postgresql.conf and restart it"
        )
    files = files_of(cluster, conf, hba)
    supervised = SUPERVISED + ("\n" + network.SUPERVISED if listens else "")
    supervision = File(SUPERVISION, supervised, "root", 0o644)
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
            outcome.status = server.read_status(cluster, sorted(settings), files[0].path)
        return outcome
    if supervision.differs:
        supervision.put(supervised)
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
        server.check_conf(cluster)
    if outcome.started:
        server.start(cluster, "start")
    status = server.read_status(cluster, names, files[0].path)
    if any(file.differs for file in files) and status["hba"]:
        raise PostgresError(f"PostgreSQL rejects {cluster.folder}/pg_hba.conf: {'; '.join(status['hba'])}")
    # The files' own time, not only this run's changes: a run that was killed after writing left the reload to the next.
    newest = max(file.path.stat().st_mtime for file in files)
    if newest > status["loaded"]:
        server.reload(cluster, status["loaded"])
        outcome.reloaded = True
        status = server.read_status(cluster, names, files[0].path)
    if status["pending"] and (restart or not server.in_use(cluster)):
        server.start(cluster, "restart")
        outcome.restarted = True
        status = server.read_status(cluster, names, files[0].path)
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
            server.start(cluster, "reload-or-restart")
    except PostgresError as error:
        return f"\nThe files were put back as they were, and the server still doesn't run: {error}"
    return "\nThe files were put back as they were, and the server runs with them."
