# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The sample app under load, for the tests of what goes wrong: its description, its visitors, and what a run may leave."""

from __future__ import annotations

import json
import os
import re
import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from app_folder import AppFolder
from helpers import ROOT, Answer, Host, Play, Project, Visitor, form

DOMAIN = "harbour.example.org"
KEEP_RELEASES = 3
DESCRIPTION: dict[str, Any] = {
    "name": "harbour",
    "domains": [DOMAIN],
    "wsgi": "wsgi:app",
    "environment": {"PROXY_HOPS": 1, "UPLOAD_FOLDER": "/srv/harbour/shared/uploads"},
    "secrets": {"SECRET_KEY": "9f1c7a5be02d4c6f8a3e5d7b1c9f0e2a"},
    "static": {"/static/": "harbour/static"},
    "shared_folders": ["uploads"],
    "health_path": "/readyz",
    "health_timeout_seconds": 10,
    "watch_seconds": 1,
    "workers": 2,
    "keep_releases": KEEP_RELEASES,
}
JOBS: list[tuple[str, ...]] = []
"""The table of jobs: what became of those that were sent during a fault, a row for each queue."""
SLOW_SECONDS = 3
KEPT_SECONDS = 1.0
"""nginx may use a connection to the old release once more within 0.1 s of the switch; a busy machine takes its time."""
SLOW = f"""

@bp.get("/slow")
def slow() -> Response:
    import time
    from pathlib import Path

    from flask import request

    if "until" in request.args:
        print("waits for", request.args["until"], flush=True)
        while not Path(request.args["until"]).exists():
            time.sleep(0.1)
    time.sleep({SLOW_SECONDS})
    return jsonify(release=current_app.config["RELEASE_ID"])
"""
MIGRATION = '''"""Change {number}.

Revision: {number}, after {before}
"""

import sqlalchemy as sa
from alembic import op

revision, down_revision, branch_labels, depends_on = "{number}", {before!r}, None, None


def upgrade() -> None:
    {upgrade}


def downgrade() -> None:
    {downgrade}
'''
HEALTH = "harbour/health/__init__.py"


class App(AppFolder):
    """A copy of the sample app that tests change, with a request of three seconds, and what its description says."""

    name, domain = "harbour", DOMAIN
    description, server = DESCRIPTION, dict[str, Any]()

    def __init__(self, folder: Path, project: Project) -> None:
        original = folder.with_name("original")
        ignored = shutil.ignore_patterns(".*", "__pycache__", "instance")
        shutil.copytree(ROOT / "sample_app", original, ignore=ignored)
        with (original / HEALTH).open("a") as code:
            code.write(SLOW)
        super().__init__(folder, project, original)

    def describe(self, **changes: Any) -> None:
        app = {**self.description, "source": {"path": str(self.folder)}, **changes}
        self.project.write({"slipway_apps": [app], **self.server})

    def keep(self) -> None:
        """Make the code as it is now the one that `restore` brings back."""
        shutil.rmtree(self.original)
        shutil.copytree(self.folder, self.original)

    def edit(self, name: str, old: str, new: str) -> None:
        path = self.folder / name
        text = path.read_text()
        assert text.count(old) == 1, f"{name} has {text.count(old)} times {old!r}"
        path.write_text(text.replace(old, new))

    def add(self, name: str, text: str) -> None:
        with (self.folder / name).open("a") as file:
            file.write(text)

    def migration(self, number: str, before: str, upgrade: str = "pass", downgrade: str = "pass") -> None:
        text = MIGRATION.format(number=number, before=before, upgrade=upgrade, downgrade=downgrade)
        (self.folder / f"migrations/versions/{number}_change.py").write_text(text)

    def headline(self, text: str) -> None:
        """Show TEXT in the page's title, so that one sees which release answers."""
        path = self.folder / "harbour/templates/board/index.html"
        changed, times = re.subn(r"(block title.*· ).*(?=\{% endblock)", rf"\g<1>{text}", path.read_text(), count=1)
        assert times == 1, f"{path} has no title as expected"
        path.write_text(changed)

    def deploy(self, *arguments: str) -> Play:
        return self.project.play("playbooks/deploy.yml", *arguments)

    def deployed(self, *arguments: str) -> Play:
        return self.project.good("playbooks/deploy.yml", *arguments)

    def history(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.host.run("cat /srv/harbour/history.jsonl").splitlines()]

    def answers(self) -> bool:
        return self.visitor().get("/readyz").status == 200


# ---- visitors -----------------------------------------------------------------------------------------------------

BROWSERS, WAITERS, PAUSE_SECONDS = 2, 2, 0.15


class Seen:
    """What visitors met: how many requests were sent, what failed, and how many answers each release gave."""

    def __init__(self) -> None:
        self.sent, self.failures = 0, list[str]()
        self.releases = Counter[str]()

    def all_served(self) -> None:
        """Require that there were requests and that none of them failed."""
        assert self.failures == []
        assert self.sent > 10


class Load:
    """Visitors that read the board, log arrivals and make requests of three seconds, from `start` until `stop`.

    PAGES limits them to reading those.
    """

    def __init__(self, app: App, pages: tuple[str, ...] = ()) -> None:
        self.app, self.pages, self.stopped = app, pages, threading.Event()
        self.seen, self.written = Seen(), list[str]()
        self.threads: ThreadPoolExecutor | None = None

    def start(self) -> None:
        self.stopped.clear()
        self.threads = ThreadPoolExecutor(BROWSERS + WAITERS)
        for number in range(BROWSERS):
            self.threads.submit(self._visit, self._read if self.pages else self._browse, number)
        for number in range(0 if self.pages else WAITERS):
            self.threads.submit(self._visit, self._wait, number)

    def stop(self) -> None:
        """Let every visitor finish the request that is under way."""
        self.stopped.set()
        if self.threads:
            self.threads.shutdown()

    @contextmanager
    def window(self) -> Iterator[Seen]:
        """Return what visitors meet while the block runs."""
        self.seen = seen = Seen()
        yield seen
        self.seen = Seen()

    def _visit(self, visit: Callable[[Visitor, int, int], None], number: int) -> None:
        visitor, turn = self.app.visitor(), 0
        while not self.stopped.wait(PAUSE_SECONDS):
            turn += 1
            try:
                visit(visitor, number, turn)
            except Exception as error:
                self.seen.failures.append(f"{time.strftime('%X')} {type(error).__name__}: {error}")

    def _asked(self, wanted: int, what: str, ask: Callable[[], Answer]) -> Answer:
        self.seen.sent += 1
        answer = ask()
        release = answer.headers.get("X-Release", "")
        self.seen.releases[release] += 1
        assert answer.status == wanted, f"{what} answered {answer.status} in release {release or 'unknown'}"
        assert release, f"{what} was not answered by a release"
        return answer

    def _read(self, visitor: Visitor, number: int, turn: int) -> None:
        for page in self.pages:
            self._asked(200, f"GET {page}", lambda page=page: visitor.get(page))  # type: ignore[misc]

    def _wait(self, visitor: Visitor, number: int, turn: int) -> None:
        self._asked(200, "GET /slow", lambda: visitor.get("/slow"))

    def _browse(self, visitor: Visitor, number: int, turn: int) -> None:
        """Read the board and log the arrival of a ship with the form that it shows.

        It has come and gone: a board that grows with every visit costs more than all the rest of a test.
        """
        page = self._asked(200, "GET /", lambda: visitor.get("/"))
        ship, now = f"Ship {os.getpid()}-{number}-{turn}", datetime.now(timezone.utc)
        fields = {
            **form(page.text, "cargo"),
            "name": ship,
            "flag": "NO",
            "origin": "Bergen",
            "cargo": "Timber",
            "arrived_at": (now - timedelta(days=9)).strftime("%Y-%m-%dT%H:%M"),
            "departs_at": (now - timedelta(days=8)).strftime("%Y-%m-%dT%H:%M"),
        }
        self._asked(303, "POST /arrivals", lambda: visitor.post("/arrivals", fields))
        self.written.append(ship)

    def answered_once(self) -> None:
        """Require that each arrival that was confirmed is in the database, once. To be called after `stop`."""
        ask = (
            "select s.name from port_calls c join ships s on s.id = c.ship_id "
            f"where s.name like 'Ship {os.getpid()}-%'"
        )  # fmt: skip
        rows = self.app.host.run(f'runuser -u harbour -- psql -d harbour -Atc "{ask}"').splitlines()
        assert sorted(rows) == sorted(self.written)
        assert rows


# ---- what may be left on the host ---------------------------------------------------------------------------------

STRAYS = """
import json, os, pathlib, subprocess, time
root, found = pathlib.Path("/srv/harbour"), []
def said(*command): return subprocess.run(command, capture_output=True, text=True).stdout
def names(folder): return sorted(os.listdir(folder)) if os.path.isdir(folder) else []
def draining(): return "deactivating" in said("systemctl", "list-units", "--plain", "--no-legend", "harbour@*", "harbour.*@*")
deadline = time.monotonic() + 60
while draining() and time.monotonic() < deadline: time.sleep(0.2)
current = os.path.basename(os.readlink(root / "current"))
releases = names(root / "releases")
listed = pathlib.Path("/etc/harbour/releases", current, "processes.json")
processes = json.loads(listed.read_text()) if listed.exists() else {}
prefixes = [f".{name}{f'.{number}' if number > 1 else ''}" for name, entry in processes.items()
            for number in range(1, entry.get("instances", 1) + 1)]
wanted = [f"harbour{prefix}@{current}.service" for prefix in ["", *prefixes]]
def check(what, there, wanted):
    if sorted(there) != sorted(wanted): found.append(f"{what}: {sorted(there)}, not {sorted(wanted)}")
check("settings", names("/etc/harbour/releases"), releases)
units = [p.name[8:-8] for p in pathlib.Path("/etc/systemd/system").glob("harbour@?*.service")]
check("unit files", units, releases)
check("sockets", names("/run/harbour"), [current])
wants = pathlib.Path("/etc/systemd/system/multi-user.target.wants").glob("harbour*")
check("at boot", [p.name for p in wants], wanted)
listed = said("systemctl", "list-units", "--all", "--plain", "--no-legend", "harbour*").splitlines()
loaded = [row.split() for row in listed if ".slice" not in row]
check("units", [row[0] for row in loaded if row[2] != "inactive"], wanted)
used = {".lock"} | {os.readlink(root / "releases" / r / "venv")[12:] for r in releases}
unused = [n for n in names(root / "venvs") if n not in used]  # one that a failed deploy built whole, for the next try
check("environments", [n for n in names(root / "venvs") if n not in unused[:1]], used)
check("kept environments", [n for n in unused if not (root / "venvs" / n / "slipway.json").is_file()], [])
check("in hand", [n for n in names(root) if n.startswith(".")], [".lock"])
check("under way", [n for n in names("/run/slipway") if n.endswith(".lease")], [])
records = [json.loads((root / "releases" / r / "release.json").read_text()) for r in releases]
check("outcomes", {r["outcome"] for r in records}, {"deployed"})
check("sources", {n.split(".")[0] for n in names(root / "sources")} - {r["source_key"] for r in records}, [])
lines = [json.loads(line) for line in (root / "history.jsonl").read_text().splitlines()]
check("history", [l["id"] for l in lines if l["outcome"] == "deployed" and l["id"] in releases], releases)
for pid in said("pgrep", "-u", "harbour").split():
    try: group = pathlib.Path(f"/proc/{pid}/cgroup").read_text().strip()
    except OSError: continue
    if group.endswith("/slipway-pgbouncer-harbour.service"): continue
    if not any(group.endswith(f"/{unit}") for unit in wanted): found.append(f"process {pid} in {group}")
print(json.dumps(found))
"""


def strays(host: Host) -> list[str]:
    """Return what is on the host that the releases which are kept do not account for, or lacks."""
    found: list[str] = json.loads(host.run(f"python3 - <<'END'\n{STRAYS}\nEND"))
    return found
