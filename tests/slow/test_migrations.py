# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Migrations of the sample app on a real host: judged beforehand, run alone, undone with what the summary prints.

The tests run in the file's order on one host, on which the first release has come with `site.yml`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import faults
import pytest
from faults import DOMAIN
from helpers import Host, Project, Visitor, Watch, wait_for

pytestmark = pytest.mark.once("13")

OWNER_PASSWORD = "l4nd-l0rd-0123456789"
DESCRIPTION: dict[str, Any] = {**faults.DESCRIPTION, "health_timeout_seconds": 60, "workers": 1, "keep_releases": 5}
# The fleet of the last test comes over TCP, as from other hosts.
SERVER = {
    "postgres_server_settings": {"listen_addresses": "127.0.0.1"},
    "postgres_server_hba": ["host fleet keeper,clerk 127.0.0.1/32 scram-sha-256"],
}


class App(faults.App):
    """A copy of the sample app, whose migrations the tests change."""

    description, server = DESCRIPTION, SERVER

    def sql(self, statement: str) -> str:
        return self.host.psql(statement, "harbour", "harbour")


@pytest.fixture(scope="module")
def app(project: Project, tmp_path_factory: pytest.TempPathFactory) -> App:
    return App(tmp_path_factory.mktemp("app") / "harbour", project)


def schema(host: Host) -> str:
    """Return the database's schema and migration head."""
    return host.run(
        "runuser -u harbour -- pg_dump -d harbour --schema-only | grep -v '^.\\(un\\)\\?restrict ';"
        "runuser -u harbour -- psql -d harbour -Atc 'select * from alembic_version'"
    )


def everything(host: Host) -> str:
    """Return every trace that a release, or a plan of one, can leave."""
    return host.run(
        "cd /srv/harbour; readlink current;"
        "ls -A releases venvs sources shared /etc/harbour/releases /run/harbour;"
        "systemctl list-units --all --plain --no-legend 'harbour*' | awk '{print $1, $3}'"
    )


def files(host: Host) -> str:
    """Return every file of the app, with its size and time."""
    return host.run("find /srv/harbour /etc/harbour -type f ! -name .lock -printf '%p %m %u %s %T@\\n' | sort")


def test_plan_tells_of_a_dropped_column_and_changes_nothing(site: App) -> None:
    host = site.project.host
    before = schema(host), everything(host), files(host)
    site.migration("0006", "0005", 'op.drop_column("port_calls", "berth")')
    site.describe(environment={**DESCRIPTION["environment"], "LOG_LEVEL": "WARNING"})
    refused = site.deploy("--tags", "plan")
    allowed = site.deploy("--tags", "plan", "-e", "allow_migrations=0006")
    assert (refused.code != 0, allowed.code) == (True, 0), refused.output + allowed.output
    for output in (refused.output, allowed.output):
        for text in ("1 pending, 0005 → 0006", "0006 (Change 0006.), 0006_change.py: destroys",
                     "ALTER TABLE port_calls DROP COLUMN berth;", "Connections", "which is there already"):  # fmt: skip
            assert text in output, output
    assert "the deploy would be refused at stage 'check'" in refused.output
    assert "-e allow_migrations=0006" in refused.output
    after = schema(host), everything(host), files(host)
    assert after == before


def test_dropped_column_stops_the_deploy_before_anything_runs(site: App) -> None:
    host = site.project.host
    before, lines = (schema(host), everything(host)), int(host.run("wc -l < /srv/harbour/history.jsonl"))
    site.migration("0006", "0005", 'op.drop_column("port_calls", "berth")')
    refused = site.deploy()
    assert refused.code != 0
    said = ("failed at stage 'check'", "revision 0006, line", "ALTER TABLE port_calls DROP COLUMN berth",
            "ban-drop-column: it destroys", "-e allow_migrations=0006")  # fmt: skip
    assert [text for text in said if text not in refused.output] == [], refused.output
    assert (schema(host), everything(host)) == before
    assert int(host.run("wc -l < /srv/harbour/history.jsonl")) == lines + 1


def test_database_ahead_of_the_code_is_refused_at_the_check(site: App) -> None:
    site.sql("update alembic_version set version_num = '0099'")
    site.migration("0006", "0005", "pass")
    try:
        ahead = site.deploy()
    finally:
        site.sql("update alembic_version set version_num = '0005'")
    assert ahead.code != 0
    assert "the database is ahead of this code: it is at 0099" in ahead.output, ahead.output


@contextmanager
def session(host: Host, statement: str, name: str, database: str = "harbour") -> Iterator[None]:
    """Have a session, with NAME for its application, in the middle of a transaction."""
    psql = f"runuser -u postgres -- psql -d {database}"
    asleep = f"from pg_stat_activity where application_name = '{name}' and wait_event = 'PgSleep'"
    script = f"PGAPPNAME={name} {psql} -c 'begin; {statement}; select pg_sleep(300)'"
    host.run(f'systemd-run --quiet --collect --unit={name} sh -c "{script}"')
    try:
        wait_for(lambda: host.run(f'{psql} -Atc "select count(*) {asleep}"') == "1", seconds=20)
        yield
    finally:
        host.run(f'{psql} -Atc "select pg_terminate_backend(pid) {asleep}"')


def test_lock_held_by_another_session_ends_the_migration_and_names_the_session(site: App) -> None:
    host = site.project.host
    site.describe(migrations_lock_timeout_seconds=2)
    site.migration("0006", "0005", 'op.add_column("ships", sa.Column("tonnage", sa.Integer()))')
    with session(host, "lock table ships in access share mode", "forgotten"), Watch(Visitor(host, DOMAIN)) as watch:
        failed = site.deploy()
    said = ("failed at stage 'migrate'. The previous release is still live.", "at revision 0006 (Change 0006.)",
            "canceling statement due to lock timeout", 'application "forgotten"', "It gave up after 2 s",
            "The database is at 0005, as before")  # fmt: skip
    assert failed.code != 0
    assert [text for text in said if text not in failed.output] == [], failed.output
    assert watch.failures == []


def test_allowed_drop_leaves_a_dump_that_its_printed_command_restores(site: App) -> None:
    host = site.project.host
    site.sql("insert into ships (name, flag, created_at) values ('Restored', 'NO', now())")
    before = schema(host)
    site.migration("0006", "0005", 'op.drop_column("documents", "media_type"); op.execute("DELETE FROM ships")')
    done = site.deploy("-e", "allow_migrations=0006")
    assert done.code == 0, done.output
    found = re.search(r"as it was before is in (\S+\.dump); to bring it back: (.+)", done.output)
    assert found, done.output
    assert host.run(f"stat -c '%a %U' {found[1]}") == "600 root"
    assert site.sql("select count(*) from ships") == "0"
    host.run(found[2])
    assert site.sql("select count(*) from ships where name = 'Restored'") == "1"
    assert schema(host) == before


UPGRADES = """
from flask_migrate import upgrade

with app.app_context():
    upgrade()
"""
WRITES = """
from harbour.extensions import db

with app.app_context():
    db.session.execute(db.text("create table if not exists marks (id int)"))
    db.session.commit()
"""
POLLS = """
import threading, time
threading.Thread(target=time.sleep, args=(3600,), name="poller").start()
"""


def test_app_that_migrates_at_import_changes_nothing_in_a_plan_and_is_guarded_and_dumped_like_all(site: App) -> None:
    host = site.project.host
    before = schema(host)
    site.add("wsgi.py", UPGRADES)
    site.describe(release_commands=[])
    site.migration("0006", "0005", 'op.drop_column("documents", "media_type")')
    for refused in (site.deploy("--tags", "plan"), site.deploy()):
        assert refused.code != 0
        assert "ban-drop-column: it destroys" in refused.output, refused.output
    assert schema(host) == before
    done = site.deploy("-e", "allow_migrations=0006")
    assert done.code == 0, done.output
    assert "`Alembic's upgrade` at wsgi.py:14. The check skipped it" in done.output, done.output
    assert site.sql("select version_num from alembic_version") == "0006"
    found = re.search(r"as it was before is in \S+\.dump; to bring it back: (.+)", done.output)
    assert found, done.output
    host.run(found[1])
    assert schema(host) == before


def test_app_that_can_not_be_imported_without_writing_is_told_so_and_has_a_key(site: App) -> None:
    site.add("wsgi.py", WRITES)
    refused = site.deploy()
    assert refused.code != 0
    for said in ("failed at stage 'check'", "which writes when it is imported", "`writes_at_import: true`",
                 "`create table if not exists marks (id int)` at wsgi.py:14"):  # fmt: skip
        assert said in refused.output, refused.output
    assert site.sql("select to_regclass('marks')") == ""
    site.describe(writes_at_import=True)
    done = site.deploy()
    assert done.code == 0, done.output
    assert site.sql("select to_regclass('marks')") == "marks"
    assert "to bring it back" in done.output
    site.sql("drop table marks")


def test_check_ends_with_its_answer_and_an_import_without_an_end_says_where_it_is(site: App) -> None:
    site.add("wsgi.py", POLLS)
    started = time.monotonic()
    planned = site.deploy("--tags", "plan")
    assert time.monotonic() - started < 60
    assert "the app starts threads when it is imported (poller)" in planned.output, planned.output
    site.add("wsgi.py", "app.run(port=5999)\n")
    site.describe(check_seconds=5)
    stuck = site.deploy("--tags", "plan")
    assert "did not finish after 5 s (check_seconds), at wsgi.py, line 13: a server is started" in stuck.output


FLEET = ("east", "west")
ROLES = f"""
create role keeper login password '{OWNER_PASSWORD}';
create role clerk login password 'cl3rk-0123456789';
create database fleet owner keeper;
"""
GRANTS = """
alter default privileges for role keeper grant select, insert, update, delete on tables to clerk;
alter default privileges for role keeper grant usage on sequences to clerk;
"""


@pytest.fixture
def fleet(site: App) -> App:
    """Two apps with one database that is neither's own: what two hosts are to it."""
    host = site.project.host
    if not host.ok("runuser -u postgres -- psql -d fleet -c ''"):
        host.run(f'runuser -u postgres -- psql -v ON_ERROR_STOP=1 <<"EOF"\n{ROLES}\nEOF')
        host.run(f'runuser -u postgres -- psql -v ON_ERROR_STOP=1 -d fleet <<"EOF"\n{GRANTS}\nEOF')
    apps = [
        {
            **DESCRIPTION, "name": name, "domains": [f"{name}.example.org"], "source": {"path": str(site.folder)},
            "environment": {"PROXY_HOPS": 1, "UPLOAD_FOLDER": f"/srv/{name}/shared/uploads"}, "database": "url",
            "database_url": "postgresql://clerk:cl3rk-0123456789@127.0.0.1/fleet",
            "database_owner_url": f"postgresql://keeper:{OWNER_PASSWORD}@127.0.0.1/fleet",
            "migrations_lock_timeout_seconds": 120,
        }
        for name in FLEET
    ]  # fmt: skip
    harbour = {
        **site.description,
        "source": {"path": str(site.folder)},
    }  # site.yml wants all apps of a host in its list
    site.project.write({"slipway_apps": [harbour, *apps], **SERVER})
    site.project.good("site.yml")
    return site


def test_two_hosts_migrate_their_database_once_as_its_owner(fleet: App) -> None:
    host = fleet.project.host
    fleet.migration("0006", "0005", 'op.create_table("marks", sa.Column("id", sa.Integer(), primary_key=True)); '
                                    'op.add_column("ships", sa.Column("tonnage", sa.Integer()))')  # fmt: skip
    with session(host, "lock table ships in access share mode", "busy", database="fleet"):
        runs = [fleet.project.start("playbooks/deploy.yml", "-e", f"app={name}") for name in FLEET]
        at_it = "systemctl is-active --quiet 'east-release-*' && systemctl is-active --quiet 'west-release-*'"
        wait_for(lambda: host.ok(at_it), seconds=100)
    outputs = [run.communicate(timeout=300)[0] for run in runs]
    assert [run.returncode for run in runs] == [0, 0], "\n".join(outputs)
    assert sum("another deploy has migrated the database meanwhile" in output for output in outputs) == 1, outputs
    owners = "select distinct tableowner from pg_tables where schemaname = 'public'"
    assert host.psql(owners, "fleet") == "keeper"
    for name in FLEET:
        serving = host.run(f"systemctl show -p MainPID --value {name}@$(basename $(readlink /srv/{name}/current))")
        environment = host.run(f"tr '\\0' '\\n' < /proc/{serving}/environ")
        assert "clerk" in environment
        assert OWNER_PASSWORD not in environment
        assert Visitor(host, f"{name}.example.org").get("/").status == 200
    places = "/srv/east /srv/west /etc/east /etc/west /etc/systemd /run/systemd"
    assert not host.ok(f"grep -rlq --binary-files=text {OWNER_PASSWORD} {places}")
    assert OWNER_PASSWORD not in "".join(outputs)
