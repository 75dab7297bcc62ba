# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Five applications that somebody else wrote, on one host, with variables only: not a line of their code is changed.

- flaskr, the application of Flask's tutorial, from Flask's source archive: pyproject.toml, a factory, SQLite in its
  instance folder, and a command that must make the tables once and never again.
- ihatemoney, deployed as the package on the index that it is: a settings file named by an environment variable,
  PostgreSQL, and migrations that run when it is imported.
- task_app, the Celery example from the same archive: a worker, and a broker and results in Redis under its own variables.
- rq-dashboard, a package as well: its pages, and beside them the RQ worker whose jobs they show.
- An Otter Wiki, a package that can't even be imported before a Git repository is there, and that writes when it is.

Beside them is one of ours, as many are: Flask-Migrate, a list without a driver, and its database in MariaDB.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from foreign_apps import BLOG, DASHBOARD, MONEY, MONEY_PACKAGE, NOTES, TASKS, WIKI, apps
from helpers import ROOT, TOOLS, Host, Project, Visitor, form, wait_for
from links import Attack, connects

pytestmark = pytest.mark.once("12")

FLASK = "Flask==3.1.3"
DOWNLOADER = "pip==26.1.2"
"""uv downloads no source archives; `uv tool run` fetches pip for it."""


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the source of flaskr and of task_app as their authors publish it."""
    folder = tmp_path_factory.mktemp("sources")
    download = ["uv", "tool", "run", "--quiet", DOWNLOADER, "download", "--quiet", "--no-deps"]
    environment = {**os.environ, "PATH": f"{TOOLS}:{os.environ['PATH']}"}
    if "UV_DEFAULT_INDEX" in environment:
        environment.setdefault("PIP_INDEX_URL", environment["UV_DEFAULT_INDEX"])
    subprocess.run([*download, "--no-binary", "flask", FLASK], cwd=folder, env=environment, check=True)
    (archive,) = folder.glob("flask-*.tar.gz")
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    for example, name in (("tutorial", "flaskr"), ("celery", "task_app")):
        (folder / archive.name.removesuffix(".tar.gz") / "examples" / example).rename(folder / name)
    shutil.copytree(ROOT / "tests/slow/notes_app", folder / "notes")
    return folder


@pytest.fixture(scope="module")
def attack(host: Host, tmp_path_factory: pytest.TempPathFactory) -> Attack:
    """Two more apps, one of which wants what is the other one's."""
    return Attack(host, tmp_path_factory.mktemp("attack"))


class Site(Project):
    """The host with all of them on it."""

    attack: Attack

    def describe(self, variables: dict[str, Any]) -> None:
        """Write the VARIABLES of the foreign apps, and beside them the two of the attack."""
        self.write(
            {**variables, **self.attack.settings, "slipway_apps": [*variables["slipway_apps"], *self.attack.apps]}
        )


@pytest.fixture(scope="module")
def site(host: Host, attack: Attack, sources: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    made = Site(tmp_path_factory.mktemp("project"), host)
    made.attack = attack
    made.describe(apps(sources))
    made.good("site.yml")
    yield made
    shutil.rmtree(made.sockets, ignore_errors=True)


def described(*words: str) -> dict[str, Any]:
    """Return the entry that bin/describe prints; what it found in a secret stays out."""
    command = [sys.executable, str(ROOT / "bin/lib/describe_app.py"), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    (entry,) = yaml.safe_load(done.stdout)["slipway_apps"]
    return {key: list(value) if key == "files" else value for key, value in entry.items()}


def test_bin_describe_writes_the_entries_that_were_written_by_hand(sources: Path) -> None:
    """All but what only a person knows: the domain, the folder's place, and how many workers are wanted."""
    for written, words in zip(
        apps(sources)["slipway_apps"][:2], [[str(sources / "flaskr")], ["--package", MONEY_PACKAGE]], strict=True
    ):
        found = described(*words)
        for key in set(written) - {"name", "domains", "source", "workers"}:
            value = list(written[key]) if key == "files" else written[key]
            if key == "release_commands":  # FLASK_APP is set, so that --app may stay away
                value = [{**one, "command": one["command"].replace(" --app flaskr", "")} for one in value]
            assert found.get(key) == value, key
        assert set(found) - set(written) <= {"health_path"}


def test_second_run_changes_nothing(site: Site) -> None:
    again = site.good("site.yml")
    assert (again.count("changed"), again.count("failed")) == (0, 0), again.output


def test_tables_of_the_blog_are_made_only_once(site: Site, sources: Path) -> None:
    """A visitor registers, logs in and writes; a later deploy with another setting leaves what was written."""
    visitor = Visitor(site.host, BLOG)
    someone = {"username": "ada", "password": "a long enough password"}
    assert visitor.get("/").status == 200
    assert visitor.post("/auth/register", someone).headers["Location"] == "/auth/login"
    assert visitor.post("/auth/login", someone).headers["Location"] == "/"
    assert set(visitor.cookies) == {"session"}
    assert visitor.post("/create", {"title": "Afloat", "body": "The first post."}).status == 302
    assert "The first post." in visitor.get("/").text

    site.describe(apps(sources, cookie="crew"))
    changed = site.good("playbooks/deploy.yml")
    assert changed.count("changed") == 1, changed.output  # the other application was not touched
    newcomer = Visitor(site.host, BLOG)
    assert "The first post." in newcomer.get("/").text
    assert newcomer.post("/auth/login", someone).headers["Location"] == "/"
    assert set(newcomer.cookies) == {"crew"}


def test_repository_of_the_wiki_is_there_before_its_code_and_its_pages_outlive_a_release(
    site: Site, sources: Path
) -> None:
    visitor = Visitor(site.host, WIKI)
    assert "Welcome" in visitor.get("/Home").text
    fields = form(visitor.get("/Harbour/edit").text, "content")
    saved = visitor.post("/Harbour/save", {**fields, "content": "Moored at last.", "commit": "moor"})
    assert saved.status == 302, saved.text
    pages = "/srv/wiki/shared/data/pages"
    assert site.host.run(f"stat -c '%U %a' {pages}").startswith("wiki ")
    changed = apps(sources)
    changed["slipway_apps"][-1]["setup_commands"].append("git -C $REPOSITORY config gc.auto 50")
    site.describe(changed)
    again = site.good("playbooks/deploy.yml", "-e", "app=wiki")
    assert "back to it: rollback.yml -e app=wiki" in again.output, again.output
    assert site.host.run(f"git config --file {pages}/.git/config gc.auto") == "50"
    assert "Moored at last." in visitor.get("/Harbour").text


def test_static_files_of_the_blog(site: Site) -> None:
    answer = Visitor(site.host, BLOG).get("/static/style.css")
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/css")


def test_static_files_and_revision_of_a_package(site: Site) -> None:
    answer = Visitor(site.host, MONEY).get("/static/css/main.css")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/css")
    record = json.loads(site.host.run("cat /srv/ihatemoney/current/release.json"))
    assert (record["revision"], record["source"], record["id"]) == ("7.2", MONEY_PACKAGE, "0001-7.2")


def test_project_that_a_form_makes_is_in_postgresql(site: Site) -> None:
    visitor = Visitor(site.host, MONEY)
    assert visitor.get("/").status == 200
    fields = form(visitor.get("/create").text, "contact_email")
    filled = {"name": "Rowing trip", "password": "oars and sails", "contact_email": "cox@example.org"}
    made = visitor.post("/create", {**fields, **filled})
    assert made.status in (302, 303), made.text
    assert visitor.get("/rowing-trip/").status in (200, 302)
    row = site.host.psql("select id, name, contact_email from project", "ihatemoney", "ihatemoney")
    assert row == "rowing-trip|Rowing trip|cox@example.org"


HALF = """
import sqlalchemy as sa
from alembic import op

revision, down_revision = "0002", "0001"


def upgrade():
    op.add_column("notes", sa.Column("author", sa.String(40), server_default="", nullable=False))
    op.execute("ALTER TABLE notes ADD COLUMN author INT")  # which is there by now


def downgrade():
    op.drop_column("notes", "author")
"""


def test_migration_of_mariadb_that_fails_half_way_is_told_and_its_dump_undoes_it(site: Site, sources: Path) -> None:
    visitor, host, deploy = Visitor(site.host, NOTES), site.host, ["playbooks/deploy.yml", "-e", "app=notes"]
    assert visitor.post("/", {"text": "Grüße ✓ 🚢"}).status == 302
    assert re.fullmatch(r"[0-9.]+-MariaDB\S* notes@localhost\nGrüße ✓ 🚢", visitor.get("/").text)

    def columns() -> str:
        return host.run(
            "runuser -u notes -- mariadb -NBe 'SELECT * FROM alembic_version; SHOW COLUMNS FROM notes' notes"
        )

    before, revision = columns(), sources / "notes/migrations/versions/0002_author.py"
    assert before.startswith("0001")
    revision.write_text(HALF)
    failed = site.play(*deploy)
    assert failed.code != 0
    assert "MySQL does not undo a migration that fails half-way: alembic_version is at 0001" in failed.output
    assert "ALTER TABLE notes ADD COLUMN author INT" in failed.output
    assert "author" in columns()
    assert visitor.get("/").text.endswith("🚢")  # what served before goes on
    found = re.search(r"as it was before is in (\S+\.dump); to bring it back: (.+)", failed.output)
    assert found, failed.output
    assert host.run(f"stat -c '%a %U' {found[1]}") == "600 root"
    host.run(found[2])
    assert columns() == before
    assert visitor.get("/").text.endswith("🚢")

    revision.write_text(re.sub(".*which is there by now\n", "", HALF))
    with host_lock(host):
        held = site.play(*deploy)
    assert held.code != 0
    assert "It gave up after 5 s (migrations_lock_timeout_seconds)" in held.output
    site.good(*deploy)
    assert columns().startswith("0002")
    site.good("playbooks/rollback.yml", "-e", "app=notes", "-e", "rollback_schema=downgrade")
    assert columns() == before
    assert visitor.get("/").text.endswith("🚢")


@contextmanager
def host_lock(host: Host) -> Iterator[None]:
    """Hold a lock on the table for as long as the block runs, as a session does that is in a transaction."""
    session = "START TRANSACTION; SELECT COUNT(*) FROM notes; SELECT SLEEP(3600)"
    host.run(f"nohup runuser -u notes -- mariadb notes -e '{session}' >/dev/null 2>&1 </dev/null &")
    found = "SELECT {} FROM information_schema.PROCESSLIST WHERE INFO LIKE 'SELECT SLEEP%'"
    wait_for(lambda: host.run(f'mariadb -NBe "{found.format("COUNT(*)")}"') == "1", seconds=20)
    try:
        yield
    finally:
        host.run(f"""mariadb -NBe "{found.format("CONCAT('KILL ', ID)")}" | mariadb""")


def test_task_that_a_visitor_sends_is_done_by_the_worker(site: Site) -> None:
    visitor = Visitor(site.host, TASKS)
    task = json.loads(visitor.post("/tasks/add", {"a": "19", "b": "23"}).text)["result_id"]

    def result() -> dict[str, Any]:
        found: dict[str, Any] = json.loads(visitor.get(f"/tasks/result/{task}").text)
        return found

    wait_for(lambda: result()["ready"], seconds=20)
    assert result() == {"ready": True, "successful": True, "value": 42}


def test_job_of_the_worker_is_seen_in_the_dashboard(site: Site) -> None:
    visitor = Visitor(site.host, DASHBOARD)
    assert "<title>" in visitor.get("/").text
    sent = "rq enqueue --url $REDIS_URL --job-id greeting builtins.len :[1,2,3]"
    site.good("playbooks/exec.yml", "-e", json.dumps({"app": "queues", "command": sent}))
    queues = json.loads(visitor.get("/0/data/queues.json").text)["queues"]
    assert [queue["name"] for queue in queues] == ["default"]
    job = "/0/data/job/greeting.json"
    wait_for(lambda: json.loads(visitor.get(job).text)["status"] == "finished", seconds=20)
    (worker,) = json.loads(visitor.get("/0/data/workers.json").text)["workers"]
    assert worker["queues"] == ["default"]


OTHERS = [
    ("flaskr", "/srv/ihatemoney/current/src/ihatemoney.cfg"),
    ("flaskr", "/etc/ihatemoney/environment"),
    ("flaskr", "$(ls -d /etc/ihatemoney/releases/*/environment)"),
    ("flaskr", "/proc/$(systemctl show -p MainPID --value 'ihatemoney@*')/environ"),
    ("ihatemoney", "/srv/flaskr/current/src/flaskr/db.py"),
    ("ihatemoney", "/srv/flaskr/shared/instance/flaskr.sqlite"),
    ("ihatemoney", "/srv/flaskr/shared/instance/config.py"),
    ("ihatemoney", "/etc/flaskr/environment"),
]


@pytest.mark.parametrize(("user", "path"), OTHERS, ids=[f"{user}: {path}" for user, path in OTHERS])
def test_files_of_the_other_application(site: Site, user: str, path: str) -> None:
    assert site.host.ok(f"test -e {path}")
    assert not site.host.ok(f"runuser -u {user} -- test -r {path}")


@pytest.mark.parametrize(("user", "other"), [("flaskr", "ihatemoney"), ("ihatemoney", "flaskr")])
def test_socket_of_the_other_application(site: Site, user: str, other: str) -> None:
    """Nobody but nginx and the application itself can talk to its socket."""
    assert connects(site.host, "www-data", other)
    assert connects(site.host, other, other)
    assert not connects(site.host, user, other)


def test_database_of_the_other_application(site: Site) -> None:
    ask = "psql -d ihatemoney -Atc 'select count(*) from project'"
    assert site.host.ok(f"runuser -u ihatemoney -- {ask}")
    for user in ("flaskr", "www-data"):
        assert not site.host.ok(f"runuser -u {user} -- {ask}")
        assert not site.host.ok(f"runuser -u {user} -- {ask.replace('psql', 'psql -U ihatemoney')}")


def test_an_app_gets_nothing_of_another_through_nginx(site: Site) -> None:
    site.attack.everything()
