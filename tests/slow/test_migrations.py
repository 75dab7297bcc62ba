# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Migrations of the sample app on a real host: judged beforehand, run alone, undone with what the summary prints.

The tests run in the file's order on one host, on which the first release has come with `site.yml`.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from helpers import ROOT, Host, Play, Project, Visitor, Watch, wait_for

DOMAIN = "harbour.example.org"
SECRET_KEY = "9f1c7a5be02d4c6f8a3e5d7b1c9f0e2a"
OWNER_PASSWORD = "l4nd-l0rd-0123456789"
DESCRIPTION: dict[str, Any] = {
    "name": "harbour",
    "domains": [DOMAIN],
    "wsgi": "wsgi:app",
    "environment": {"PROXY_HOPS": 1, "UPLOAD_FOLDER": "/srv/harbour/shared/uploads"},
    "secrets": {"SECRET_KEY": SECRET_KEY},
    "static": {"/static/": "harbour/static"},
    "shared_folders": ["uploads"],
    "health_path": "/readyz",
    "workers": 1,
}
MIGRATION = '''"""{title}.

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


class App:
    """A copy of the sample app, whose migrations the tests change."""

    def __init__(self, folder: Path, project: Project) -> None:
        self.folder, self.project, self.host = folder, project, project.host
        self.original = folder.with_name("original")
        shutil.copytree(
            ROOT / "sample_app", self.original, ignore=shutil.ignore_patterns(".*", "__pycache__", "instance")
        )
        self.restore()

    def restore(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(self.original, self.folder)
        self.describe()

    def keep(self) -> None:
        """Make the code as it is now the one that `restore` brings back."""
        shutil.rmtree(self.original)
        shutil.copytree(self.folder, self.original)

    def describe(self, *more: dict[str, Any], **changes: Any) -> None:
        app = {**DESCRIPTION, "source": {"path": str(self.folder)}, **changes}
        self.project.write({"slipway_apps": [app, *more]})

    def migration(self, number: str, before: str, upgrade: str, downgrade: str = "pass") -> None:
        text = MIGRATION.format(
            number=number, before=before, title=f"Change {number}", upgrade=upgrade, downgrade=downgrade
        )
        (self.folder / f"migrations/versions/{number}_change.py").write_text(text)

    def deploy(self, *arguments: str) -> Play:
        return self.project.play("playbooks/deploy.yml", *arguments)

    def sql(self, statement: str) -> str:
        return self.host.run(f'runuser -u harbour -- psql -d harbour -Atc "{statement}"')


@pytest.fixture(scope="module")
def app(project: Project, tmp_path_factory: pytest.TempPathFactory) -> App:
    made = App(tmp_path_factory.mktemp("app") / "harbour", project)
    project.good("site.yml")
    return made


@pytest.fixture
def site(app: App) -> Iterator[App]:
    app.restore()
    yield app
    app.restore()


def schema(host: Host) -> str:
    """Return the database's schema and migration head."""
    return host.run(
        "runuser -u harbour -- pg_dump -d harbour --schema-only | grep -v '^.\\(un\\)\\?restrict ';"
        "runuser -u harbour -- psql -d harbour -Atc 'select * from alembic_version'"
    )


def everything(host: Host) -> str:
    """Return every trace that a release, or a plan of one, can leave."""
    return host.run(
        "cd /srv/harbour; readlink current; wc -l < history.jsonl;"
        "ls -A releases venvs sources shared /etc/harbour/releases /run/harbour;"
        "systemctl list-units --all --plain --no-legend 'harbour*' | awk '{print $1, $3}'"
    )


def test_dropped_column_stops_the_deploy_before_anything_runs(site: App) -> None:
    host = site.project.host
    before = schema(host), everything(host)
    site.migration("0005", "0004", 'op.drop_column("port_calls", "berth")')
    refused = site.deploy()
    assert refused.code != 0
    said = ("given up at stage 'check'", "revision 0005, line", "ALTER TABLE port_calls DROP COLUMN berth",
            "ban-drop-column: it destroys", "-e allow_migrations=0005")  # fmt: skip
    assert [text for text in said if text not in refused.output] == [], refused.output
    assert (schema(host), everything(host).replace("\n2\n", "\n1\n", 1)) == before, "but for a line in the history"


def test_database_ahead_of_the_code_is_refused_at_the_check(site: App) -> None:
    site.sql("update alembic_version set version_num = '0099'")
    site.migration("0005", "0004", "pass")
    try:
        ahead = site.deploy()
    finally:
        site.sql("update alembic_version set version_num = '0004'")
    assert ahead.code != 0
    assert "the database is ahead of this code: it is at 0099" in ahead.output, ahead.output


@contextmanager
def session(host: Host, statement: str, name: str) -> Iterator[None]:
    """Have a session of the app's role, with NAME for its application, in the middle of a transaction."""
    script = f"PGAPPNAME={name} runuser -u harbour -- psql -d harbour -c 'begin; {statement}; select pg_sleep(300)'"
    asleep = f"from pg_stat_activity where application_name = '{name}' and wait_event = 'PgSleep'"
    host.run(f'systemd-run --quiet --unit={name} sh -c "{script}"')
    try:
        wait_for(
            lambda: host.run(f'runuser -u harbour -- psql -d harbour -Atc "select count(*) {asleep}"') == "1",
            seconds=20,
        )
        yield
    finally:
        host.run(f'runuser -u harbour -- psql -d harbour -Atc "select pg_terminate_backend(pid) {asleep}"')


def test_lock_held_by_another_session_ends_the_migration_and_names_the_session(site: App) -> None:
    host = site.project.host
    site.describe(migrations_lock_timeout_seconds=2)
    site.migration("0005", "0004", 'op.add_column("ships", sa.Column("tonnage", sa.Integer()))')
    with session(host, "lock table ships in access share mode", "forgotten"), Watch(Visitor(host, DOMAIN)) as watch:
        failed = site.deploy()
    said = ("given up at stage 'migrate'. What served before still serves.", "at revision 0005 (Change 0005.)",
            "canceling statement due to lock timeout", 'application "forgotten"', "It gave up after 2 s",
            "The database is at 0004, as before")  # fmt: skip
    assert failed.code != 0
    assert [text for text in said if text not in failed.output] == [], failed.output
    assert watch.failures == []
