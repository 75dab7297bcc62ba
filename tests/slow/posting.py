# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The site that data is lost on and brought back: three apps that take in rows with a paper each, and who sends them.

Host and tests have one clock: a moment of the one is a moment of the other.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faults
from backup_site import PASSPHRASE, last
from helpers import ROOT, Host, Play, Project, Repeated, Visitor

SECRETS = {"SECRET_KEY": "9f1c7a5be02d4c6f8a3e5d7b1c9f0e2a"}
SHOP = {"processes": {"tick": {"command": "python tick.py", "ready_seconds": 1}}}
"""A database, with a worker beside the web server."""
NOTES = {"database": "none", "release_commands": ["flask db upgrade"]}
"""SQLite in a folder."""
MIGRATION = faults.MIGRATION.format(
    number="0002", before="0001", upgrade='op.add_column("rows", sa.Column("note", sa.String(80)))',
    downgrade='op.drop_column("rows", "note")',
)  # fmt: skip


def domain(app: str) -> str:
    return f"{app}.example.org"


class Site:
    """Apps called by name on one host, all of the same code."""

    def __init__(
        self, folder: Path, project: Project, apps: Mapping[str, Mapping[str, Any]], to: Sequence[Any]
    ) -> None:
        self.folder, self.project, self.apps, self.to = folder, project, apps, list(to)
        shutil.copytree(ROOT / "tests/slow/restore_app", folder, ignore=shutil.ignore_patterns("__pycache__"))
        self.describe()

    @property
    def host(self) -> Host:
        return self.project.host

    def describe(self) -> None:
        apps = [
            {
                "name": name, "domains": [domain(name)], "source": {"path": str(self.folder)}, "wsgi": "app:app",
                "secrets": SECRETS, "shared_folders": ["papers"], "health_path": "/readyz", "health_timeout_seconds": 60,
                "workers": 1, "watch_seconds": 0, **more,
            }
            for name, more in self.apps.items()
        ]  # fmt: skip
        backups = {"to": self.to, "passphrase": PASSPHRASE, "drill": ""}
        self.project.write({"slipway_apps": apps, "slipway_backups": backups})

    def restore(self, app: str, *arguments: str) -> Play:
        return self.project.play("playbooks/restore.yml", "-e", f"app={app}", *arguments)

    def restored(self, app: str, *arguments: str) -> Play:
        done = self.restore(app, "-e", "yes=true", *arguments)
        assert done.code == 0, done.output
        return done

    def back_up(self) -> str:
        """Make a restore point of each app; return its name."""
        self.project.good("playbooks/backup.yml")
        return str(last(self.host)["facts"]["point"])

    def sql(self, statement: str, database: str = "shop") -> str:
        return self.host.psql(statement, database)

    def databases(self) -> set[str]:
        return set(self.sql("select datname from pg_database", "postgres").splitlines())

    def release(self, app: str) -> str:
        return self.host.run(f"basename $(readlink /srv/{app}/current)")

    def post(self, app: str, row: str) -> int:
        return Visitor(self.host, domain(app)).post("/", {"row": row, "paper": row}).status

    def shown(self, app: str) -> dict[str, set[str]]:
        """Return the rows and the papers that the app shows."""
        answer = Visitor(self.host, domain(app)).get("/")
        assert answer.status == 200, f"{app} answered {answer.status}"
        found = json.loads(answer.text)
        return {"rows": set(found["rows"]), "papers": {name.removesuffix(".txt") for name in found["papers"]}}


@dataclass(frozen=True)
class Sent:
    """One POST: which row, when it was sent and answered, and with which status (0: no answer)."""

    row: str
    began: float
    ended: float
    status: int


class Poster(Repeated):
    """POSTs row after row to an app, each with an id of its own: `with Poster(site, "shop") as poster: …`."""

    PAUSE_SECONDS = 0.1

    def __init__(self, site: Site, app: str) -> None:
        super().__init__()
        self.site, self.app, self.sent = site, app, list[Sent]()
        self._name = f"{app}-{time.time_ns()}"

    def turn(self) -> None:
        row, began, status = f"{self._name}-{len(self.sent) + 1}", time.time(), 0
        with contextlib.suppress(OSError, http.client.HTTPException):
            status = self.site.post(self.app, row)
        self.sent.append(Sent(row, began, time.time(), status))

    @property
    def confirmed(self) -> list[Sent]:
        return [one for one in list(self.sent) if one.status == 201]

    @property
    def failures(self) -> list[Sent]:
        return [one for one in list(self.sent) if one.status != 201]
