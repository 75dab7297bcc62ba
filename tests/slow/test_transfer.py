# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Data on its way: out of one app and into another one, from elsewhere in its formats, and from somebody who means harm.

Two apps of the same code are on one host; harbour's data goes into pier. The tests run in the file's order.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import signal
import sqlite3
import stat
import tarfile
from contextlib import closing
from pathlib import Path
from typing import Any

import faults
import pytest
from helpers import Host, Play, Project, Visitor, Watch, wait_for

pytestmark = pytest.mark.once("13")

PIER, PIER_DOMAIN = "pier", "pier.example.org"
QUIET: dict[str, Any] = {"health_timeout_seconds": 60, "workers": 1, "watch_seconds": 0}
SHIPS = 400
ROWS = "SELECT md5(string_agg(t::text, ',' ORDER BY id)) FROM (SELECT id, name, flag, created_at FROM ships) AS t"
HEAD = "SELECT version_num FROM alembic_version"
DATABASES = "SELECT string_agg(datname, ' ' ORDER BY datname) FROM pg_database"
TRAP = "/tmp/slipway-trap"
"""What each hostile dump would make if any of its code ran on the host."""


class Site(faults.App):
    """Two apps of the sample app's code."""

    def describe(self, **changes: Any) -> None:
        source = {"source": {"path": str(self.folder)}}
        folder = "/srv/pier/shared/uploads"
        pier = {
            **faults.DESCRIPTION, **QUIET, **source, "name": PIER, "domains": [PIER_DOMAIN], "database_extensions": ["pg_trgm"],
            "environment": {"PROXY_HOPS": 1, "UPLOAD_FOLDER": folder}, "shared_folders": ["uploads", "papers"],
        }  # fmt: skip
        self.project.write({"slipway_apps": [{**faults.DESCRIPTION, **QUIET, **source}, pier]})

    def sql(self, statement: str, app: str = PIER) -> str:
        return self.host.psql(statement, app, app)

    def superuser(self, statement: str) -> str:
        return self.host.psql(statement)

    def imported(self, *arguments: str) -> Play:
        return self.project.good("playbooks/import.yml", "-e", f"app={PIER}", *arguments)

    def refused(self, *arguments: str) -> str:
        """Run an import that must fail while visitors see nothing of it, and return what it said."""
        before = self.superuser(DATABASES), self.sql(ROWS), files(self.host)
        with Watch(Visitor(self.host, PIER_DOMAIN), "/readyz") as watch:
            done = self.project.play("playbooks/import.yml", "-e", f"app={PIER}", "-e", "replace=true", *arguments)
        assert done.code, done.output
        assert watch.failures == []
        assert (self.superuser(DATABASES), self.sql(ROWS), files(self.host)) == before, done.output
        assert self.host.ok(f"test ! -e {TRAP}")
        assert not self.host.run("ls -A /var/lib/slipway/transfer"), done.output
        return " ".join(done.output.split())

    def dump(self, path: Path, options: str = "", database: str = "harbour") -> Path:
        """Have the host's pg_dump make a dump, and fetch it."""
        self.host.run(f"runuser -u postgres -- pg_dump {options} -d {database} > /tmp/{path.name}")
        facts = self.host.facts
        path.write_bytes(Path(f"/proc/{facts['pid']}/root/tmp/{path.name}").read_bytes())
        return path


def files(host: Host, app: str = PIER) -> str:
    """Return names, modes, owners' names left aside, and contents of an app's uploads."""
    return host.run(
        f"cd /srv/{app}/shared/uploads && find . -printf '%p %y %m\\n' | sort && find . -type f | sort | xargs -r sha256sum"
    )


@pytest.fixture(scope="module")
def app(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Site:
    made = Site(tmp_path_factory.mktemp("app") / "harbour", project)
    made.describe()
    project.good("site.yml")
    made.sql(f"INSERT INTO ships (name, flag, created_at) SELECT 'Ship ' || i, 'NO', now() FROM generate_series(1, {SHIPS}) AS i",
             "harbour")  # fmt: skip
    made.host.run(
        "cd /srv/harbour/shared/uploads && mkdir -p a/b && head -c 20000000 /dev/urandom > a/b/large && echo 1 > a/small &&"
        " ln -s a/small link && ln -s /etc/shadow out && chown -hR harbour:harbour . && echo s > roots && chmod 600 roots"
    )
    made.host.run(
        "runuser -u harbour -- python3 -c \"import sqlite3; d = sqlite3.connect('/srv/harbour/shared/uploads/notes.db');"
        " d.execute('PRAGMA journal_mode=WAL'); d.execute('CREATE TABLE t (i)');"
        " d.executemany('INSERT INTO t VALUES (?)', [(i,) for i in range(1000)]); d.commit()\""
    )
    return made


@pytest.fixture(scope="module")
def exported(app: Site, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """What an export of harbour has brought: the dump and the tar."""
    to = tmp_path_factory.mktemp("exports") / "new"
    done = app.project.good("playbooks/export.yml", "-e", "app=harbour", "-e", f"to={to}")
    assert "out was left out: it leads out of the folder, to /etc/shadow" in done.output
    assert "roots was left out: the app itself can't read it" in done.output
    found = {path.suffix: path for path in to.iterdir()}
    assert len(found) == len([*to.iterdir()]) == 2
    for path in found.values():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert path.name.startswith("harbour-")
    return found


def test_an_export_has_all_rows_and_files_and_leaves_nothing_on_the_host(
    app: Site, exported: dict[str, Path], tmp_path: Path
) -> None:
    with tarfile.open(exported[".tar"]) as tar:
        assert {name for name in tar.getnames() if not name.endswith(".db")} == {
            "a",
            "a/b",
            "a/b/large",
            "a/small",
            "link",
        }
        tar.extractall(tmp_path, filter="data")
    assert app.host.run("sha256sum < /srv/harbour/shared/uploads/a/b/large").split()[0] == digest(
        tmp_path / "a/b/large"
    )
    with closing(sqlite3.connect(tmp_path / "notes.db")) as copy:
        assert copy.execute("SELECT count(*) FROM t").fetchone() == (1000,)
    wait_for(lambda: not app.host.run("ls -A /var/lib/slipway/transfer"), 30)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_what_was_exported_comes_into_another_app_row_by_row_and_file_by_file(
    app: Site, exported: dict[str, Path]
) -> None:
    done = app.imported("-e", f"dump={exported['.dump']}", "-e", f"folder={exported['.tar']}", "-e", "into=uploads")
    assert app.sql(ROWS) == app.sql(ROWS, "harbour")
    assert app.sql(HEAD) == app.sql(HEAD, "harbour")
    there = app.host.run("cd /srv/pier/shared/uploads && sha256sum a/b/large a/small link && find . ! -user pier")
    assert there == app.host.run("cd /srv/harbour/shared/uploads && sha256sum a/b/large a/small link")
    assert app.sql("SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'") == PIER
    assert Visitor(app.host, PIER_DOMAIN).get("/readyz").status == 200
    assert "its migration head is the release's" in done.output
    # Nothing was there that was worth keeping.
    assert app.superuser(DATABASES) == "harbour pier postgres template0 template1"


def test_data_that_is_there_is_not_replaced_unless_told(app: Site, exported: dict[str, Path]) -> None:
    done = app.project.play("playbooks/import.yml", "-e", f"app={PIER}", "-e", f"dump={exported['.dump']}")
    assert done.code and "the database pier has rows. With -e replace=true" in " ".join(done.output.split())
    asked = app.project.play("playbooks/import.yml", "-e", f"app={PIER}", "-e", f"folder={exported['.tar']}")
    assert "choose the folder for the files with -e into=FOLDER; pier has: uploads, papers" in " ".join(
        asked.output.split()
    )


def test_a_folder_with_a_dump_replaces_what_is_kept_beside_it(app: Site, tmp_path: Path) -> None:
    """pg_dump's directory format, from an older release of the code: the release's migrations are run in it."""
    app.superuser("CREATE DATABASE older")
    app.host.run("runuser -u postgres -- pg_dump harbour | runuser -u postgres -- psql -q older")
    app.host.run(
        "runuser -u postgres -- psql -q older -c 'DROP TABLE summaries' -c \"UPDATE alembic_version SET version_num = '0004'\""
        ' -c "DELETE FROM ships WHERE id > 10"'
    )
    app.host.run(
        "rm -rf /tmp/older && runuser -u postgres -- pg_dump -Fd -f /tmp/older older && tar -C /tmp -cf /tmp/older.tar older"
    )
    app.superuser("DROP DATABASE older")
    root = Path(f"/proc/{app.host.facts['pid']}/root")
    with tarfile.open(root / "tmp/older.tar") as tar:
        tar.extractall(tmp_path, filter="data")
    done = app.imported("-e", f"dump={tmp_path / 'older'}", "-e", "replace=true")
    assert "it was at 0004; the release's migrations upgraded it to" in " ".join(done.output.split())
    assert app.sql("SELECT count(*) FROM ships") == "10"
    assert app.sql(HEAD) == app.sql(HEAD, "harbour")
    kept = [name for name in app.superuser(DATABASES).split() if name.startswith("pier_before_")]
    assert len(kept) == 1 and app.host.psql("SELECT count(*) FROM ships", kept[0]) == str(SHIPS)
    app.project.good("playbooks/restore.yml", "-e", f"app={PIER}", "-e", "forget=all")


PROVIDER = """\\restrict Zk3
SET transaction_timeout = 0;
SET setting_of_a_newer_server = on;
SELECT pg_catalog.set_config('search_path', '', false);
CREATE SCHEMA heroku_ext;
ALTER SCHEMA heroku_ext OWNER TO u7f2;
CREATE EXTENSION IF NOT EXISTS pg_stat_statements WITH SCHEMA heroku_ext;
COMMENT ON EXTENSION pg_stat_statements IS 'x';
CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA heroku_ext;
COMMENT ON EXTENSION pg_trgm IS 'x';
CREATE SCHEMA public;
ALTER SCHEMA public OWNER TO postgres;
"""
AFTER = """
CREATE INDEX near ON public.ships USING gin (name heroku_ext.gin_trgm_ops);
GRANT SELECT ON TABLE public.ships TO reporting;
CREATE PUBLICATION everything FOR ALL TABLES;
CREATE EVENT TRIGGER watch ON ddl_command_start EXECUTE FUNCTION heroku_ext.x();
ALTER ROLE pier SUPERUSER;
ALTER SYSTEM SET archive_command = 'touch /tmp/slipway-trap';
DROP DATABASE harbour;
\\unrestrict Zk3
"""


def test_a_dump_of_a_provider_comes_without_its_owners_roles_and_settings(app: Site, tmp_path: Path) -> None:
    dump = app.dump(tmp_path / "provider.sql")
    text = "\n".join(
        line
        for line in dump.read_text().splitlines()
        if not line.startswith("\\restrict") and not line.startswith("\\unrestrict")
    )
    packed = tmp_path / "provider.sql.gz"
    packed.write_bytes(gzip.compress((PROVIDER + text.replace("OWNER TO harbour", "OWNER TO u7f2") + AFTER).encode()))
    done = app.imported("-e", f"dump={packed}", "-e", "replace=true")
    said = " ".join(done.output.split())
    assert "the extension pg_stat_statements" in said and "owners (" in said and "replication (1)" in said
    assert app.sql(ROWS) == app.sql(ROWS, "harbour")
    assert app.sql("SELECT indexname FROM pg_indexes WHERE indexname = 'near'") == "near"
    assert app.superuser("SELECT count(*) FROM pg_roles WHERE rolsuper") == "1"
    assert TRAP not in app.superuser("SHOW archive_command")
    app.project.good("playbooks/restore.yml", "-e", f"app={PIER}", "-e", "forget=all")


TABLE = "CREATE TABLE t (id int);\n"
HOSTILE = {
    "a command of psql's": (TABLE + f"\\! touch {TRAP}\n", "the psql command \\!"),
    "a program in a block": (
        TABLE + f"DO $$ BEGIN EXECUTE 'COPY t FROM PROGRAM ''touch {TRAP}'''; END $$;\n", "permission denied to COPY",
    ),
    "a statement that fails half-way": (
        TABLE + "INSERT INTO t VALUES (1);\nINSERT INTO nowhere VALUES (1);\n", "the statement in line 3 failed",
    ),
    "rows that are cut off": (TABLE + "COPY t (id) FROM stdin;\n1\n", "the file is truncated"),
    "an extension that the app does not have": ("CREATE EXTENSION hstore;\n" + TABLE, "`database_extensions`"),
    "a newer release's data": (
        "CREATE TABLE alembic_version (version_num text);\nINSERT INTO alembic_version VALUES ('9999');\n",
        "is ahead of the release",
    ),
    "another program's dump": ("-- MySQL dump 10.13\n" + TABLE, "a dump of MySQL"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_dump_that_can_not_be_imported_changes_nothing_and_says_why(app: Site, tmp_path: Path, name: str) -> None:
    text, said = HOSTILE[name]
    (tmp_path / "old.sql").write_text(text)
    assert said in app.refused("-e", f"dump={tmp_path / 'old.sql'}")


def test_a_dump_in_pg_dumps_own_format_that_is_cut_off_changes_nothing(
    app: Site, exported: dict[str, Path], tmp_path: Path
) -> None:
    whole = exported[".dump"].read_bytes()
    (tmp_path / "half.dump").write_bytes(whole[: len(whole) - 2000])
    assert "can't be imported" in app.refused("-e", f"dump={tmp_path / 'half.dump'}")


LINKS = {
    "a path out of the folder": ("../../../../etc/cron.d/x", tarfile.REGTYPE, "", "would end up outside"),
    "a link out of the folder": ("l", tarfile.SYMTYPE, "/etc/shadow", "leads out of the folder"),
    "a device": ("sda", tarfile.BLKTYPE, "", "neither a file nor a folder nor a link"),
}


@pytest.mark.parametrize("name", LINKS)
def test_a_tar_that_reaches_out_of_its_folder_changes_nothing(app: Site, tmp_path: Path, name: str) -> None:
    place, kind, target, said = LINKS[name]
    with tarfile.open(tmp_path / "up.tar.gz", "w:gz") as tar:
        tar.addfile(tarfile.TarInfo("fine"))
        info = tarfile.TarInfo(place)
        info.type, info.linkname = kind, target
        tar.addfile(info)
    assert said in app.refused("-e", f"folder={tmp_path / 'up.tar.gz'}", "-e", "into=uploads")


def test_an_import_that_is_killed_is_undone_by_the_next_run(app: Site, tmp_path: Path) -> None:
    (tmp_path / "slow.sql").write_text(TABLE + "SELECT pg_sleep(3600);\n")
    arguments = (
        "playbooks/import.yml",
        "-e",
        f"app={PIER}",
        "-e",
        "replace=true",
        "-e",
        f"dump={tmp_path / 'slow.sql'}",
    )
    run = app.project.start(*arguments)
    sleeps = (
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'slipway-import' AND wait_event = 'PgSleep'"
    )
    wait_for(lambda: app.superuser(sleeps) == "1", 120)
    inode = app.host.run("stat -c %i /srv/pier/.lock")
    app.host.run(f"awk '$2 == \"FLOCK\" && $6 ~ /:{inode}$/ {{print $5}}' /proc/locks | xargs kill -9")
    os.killpg(run.pid, signal.SIGKILL)
    run.communicate()
    wait_for(lambda: app.superuser(sleeps) == "0", 30)  # the session has ended with it
    assert Visitor(app.host, PIER_DOMAIN).get("/readyz").status == 200
    assert app.sql(ROWS) == app.sql(ROWS, "harbour")
    done = app.project.good("playbooks/deploy.yml", "-e", f"app={PIER}")
    assert app.superuser(DATABASES) == "harbour pier postgres template0 template1", done.output
