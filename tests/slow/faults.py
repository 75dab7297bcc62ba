# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The sample app under load, for the tests of what goes wrong: its description, its visitors, and what a run may leave."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from app_folder import AppFolder
from helpers import ROOT, Play, Project

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


def shared_out(cases: Iterable[str]) -> list[Any]:
    """Return parameters for CASES: every other one is run on Debian 12 only, the rest on 13, where both are asked for."""
    return [pytest.param(case, marks=pytest.mark.once(("12", "13")[place % 2])) for place, case in enumerate(cases)]


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
