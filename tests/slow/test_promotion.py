# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Staging and production on one host: what production is given is what staging serves, and visitors notice nothing."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers import PLAY_SECONDS, ROOT, Host, Play, Project, Visitor, Watch, wait_for

pytestmark = pytest.mark.once("13")

HASH = "$5$slipway$DDOPX8qBisBA8AKoV7d1pMjYahsH4hU6DPrJYCWQpIC"
CODE = """import os

from flask import Flask

app = Flask(__name__)


@app.get("/")
def index() -> str:
    return "PAGE " + os.environ.get("SLIPWAY_STAGE", "production")
"""


class Shop:
    """The code of an app in a git repository, and its two descriptions."""

    def __init__(self, folder: Path, project: Project) -> None:
        self.folder, self.project = folder, project
        self.git("init", "--quiet")
        self.commit("one", "flask>=3,<3.1.2")

    def git(self, *arguments: str) -> None:
        who = ["-c", "user.name=Ann", "-c", "user.email=ann@example.org"]
        subprocess.run(["git", "-C", str(self.folder), *who, *arguments], check=True, capture_output=True)

    def edit(self, page: str, requirements: str = "flask>=3") -> None:
        (self.folder / "app.py").write_text(CODE.replace("PAGE", page))
        (self.folder / "requirements.txt").write_text(f"{requirements}\n")

    def commit(self, page: str, requirements: str = "flask>=3") -> None:
        self.edit(page, requirements)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", page)

    def describe(self, **staging: Any) -> None:
        common = {
            "source": {"path": str(self.folder)}, "wsgi": "app:app", "database": "none", "secret_key_variable": "",
            "watch_seconds": 0,
        }  # fmt: skip
        closed = {"stage": "staging", "access": [{"path": "/", "basic_auth": {"team": HASH}}]}
        apps = [
            {"name": "shop", "domains": ["shop.example.org"], **common},
            {"name": "shop-staging", "domains": ["staging.example.org"], **common, **closed, **staging},
        ]
        self.project.write({"slipway_apps": apps})

    def deploy(self, app: str, *arguments: str) -> Play:
        return self.project.play("playbooks/deploy.yml", "-e", f"app={app}", *arguments)

    def promote(self, *arguments: str) -> Play:
        return self.deploy("shop", "-e", "revision_of=shop-staging", *arguments)


@pytest.fixture(scope="module")
def shop(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    made = Shop(tmp_path_factory.mktemp("shop"), project)
    made.describe()
    made.project.good("site.yml")
    return made


def good(play: Play) -> Play:
    assert play.code == 0, play.output
    return play


def refused(play: Play, *words: str) -> None:
    assert play.code != 0, play.output
    assert all(text in " ".join(play.output.split()) for text in words), play.output


def lock(host: Host, app: str) -> str:
    return host.run(f"cat /srv/{app}/current/requirements.lock")


def test_a_staging_site_wants_a_password_and_no_search_engine(shop: Shop, host: Host) -> None:
    visitor = Visitor(host, "staging.example.org")
    closed, robots = visitor.get("/"), visitor.get("/robots.txt")
    assert (closed.status, closed.headers["X-Robots-Tag"]) == (401, "noindex, nofollow")
    assert (robots.status, robots.text) == (200, "User-agent: *\nDisallow: /\n")
    assert visitor.get("/.well-known/acme-challenge/none").status == 404
    public = Visitor(host, "shop.example.org").get("/")
    assert (public.text, public.headers["X-Robots-Tag"]) == ("one production", None)


def test_production_gets_what_staging_serves_and_drops_no_request(shop: Shop, host: Host) -> None:
    shop.commit("two", "flask>=3,<3.1.2")
    good(shop.deploy("shop-staging"))
    shop.commit("three", "flask>=3")  # what a deploy of the source would bring
    before = lock(host, "shop-staging")
    assert "flask==3.1.1 --hash=sha256:" in before
    assert "from shop-staging, release 0002-" in good(shop.promote("--tags", "plan")).output

    with Watch(Visitor(host, "shop.example.org")) as watch:
        wait_for(lambda: watch.asked > 3, 60)
        told = good(shop.promote()).output
    assert (watch.failures, "Promoted" in told) == ([], True)
    assert Visitor(host, "shop.example.org").get("/").text == "two production"
    assert lock(host, "shop") == before
    record = host.run("cat /srv/shop/current/release.json")
    assert '"promoted": "shop-staging, release 0002-' in record
    assert "is already live" in good(shop.promote()).output


def test_what_is_not_what_it_says_is_not_promoted(shop: Shop, host: Host) -> None:
    before = host.run("readlink /srv/shop/current")
    code = "/srv/shop-staging/current/src/app.py"
    host.run(f"cp -p {code} /root/app.py && echo '# evil' >>{code}")
    refused(
        shop.promote(), "shop-staging can't be promoted: on", "the code of release 0002-", "differs from what was built"
    )
    host.run(f"cat /root/app.py >{code}")

    host.run("systemctl stop 'shop-staging@*.service'")
    refused(shop.promote(), "release 0002-", "does not run there: web is stopped")

    shop.edit("four")
    good(shop.deploy("shop-staging"))
    refused(shop.promote(), "has uncommitted changes")
    assert host.run("readlink /srv/shop/current") == before
    assert Visitor(host, "shop.example.org").get("/").text == "two production"


PREVIEW = "shop-feature-x-68eb5bbd"
"""What the preview of the branch feature/x of the app shop is called."""
PREVIEW_SITE = "feature-x-68eb5bbd.preview.example.org"


def publish(shop: Shop, host: Host, folder: Path) -> None:
    """Put the repository on the host as it is now."""
    bare = folder / "shop.git"
    subprocess.run(["git", "clone", "--quiet", "--bare", str(shop.folder), str(bare)], check=True)
    packed = subprocess.run(
        ["tar", "--create", "--gzip", "--directory", str(bare.parent), "shop.git"], check=True, capture_output=True
    )
    text = base64.b64encode(packed.stdout).decode()
    host.run(
        f"rm -rf /srv/git && mkdir -p /srv/git && echo {text} | base64 -d | tar xz --no-same-owner -C /srv/git && "
        "chmod -R o+rX /srv/git"
    )


@pytest.fixture(scope="module")
def branch(shop: Shop, host: Host, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """The repository on the host, with a branch, and the app that comes from it with previews."""
    shop.git("branch", "--move", "--force", "main")
    shop.git("checkout", "--quiet", "-b", "feature/x")
    shop.commit("branch")
    publish(shop, host, tmp_path_factory.mktemp("bare"))
    app = {
        "name": "shop", "domains": ["shop.example.org"], "source": {"git": "/srv/git/shop.git", "version": "main"},
        "wsgi": "app:app", "release_commands": [], "secrets": {"SECRET_KEY": "0123456789abcdef" * 2, "TOKEN": "production"},
        "watch_seconds": 0, "preview": {"domain": "*.preview.example.org", "access": [], "most": 1},
    }  # fmt: skip
    shop.project.write({"slipway_apps": [app]})
    host.run("systemctl stop 'shop-staging@*.service'")
    shop.project.good("playbooks/remove.yml", "-e", "app=shop-staging", "-e", "yes=true", "-e", "export=false")
    shop.project.good("site.yml")
    return shop


def preview(shop: Shop, *arguments: str) -> Play:
    return shop.project.play("playbooks/preview.yml", "-e", "app=shop", *arguments)


def ci_preview(shop: Shop, host: Host, branch: str, *words: str) -> str:
    """Do what the pipeline of a pull request does (docs/ci/github.yml), and return what it says in the comment."""
    secrets = {
        "SLIPWAY_SSH_KEY": Path(host.facts["key"]).read_text(), "SLIPWAY_KNOWN_HOSTS": Path(host.facts["known_hosts"]).read_text(),
        "GITHUB_HEAD_REF": branch, "ANSIBLE_SSH_CONTROL_PATH_DIR": shop.project.sockets,
    }  # fmt: skip
    command = [ROOT / "bin/ci", "preview", shop.project.folder / "hosts.yml", *words]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=PLAY_SECONDS, env={**os.environ, **secrets}
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_branch_is_a_site_of_its_own_that_has_none_of_the_apps_secrets(branch: Shop, host: Host) -> None:
    told = ci_preview(branch, host, "feature/x")
    assert f"  URL  https://{PREVIEW_SITE}/\n" in told
    assert f"{PREVIEW} on {host.name} is the preview of feature/x; the host removes it at " in told
    seen = Visitor(host, PREVIEW_SITE).get("/")
    assert (seen.text, seen.headers["X-Robots-Tag"]) == ("branch preview", "noindex, nofollow")
    settings = host.run(f"cat /etc/{PREVIEW}/environment")
    assert "0123456789abcdef" not in settings and "TOKEN" not in settings and f"/{PREVIEW}?host=" in settings
    assert not host.ok(f"runuser -u {PREVIEW} -- psql -d shop -c 'select 1'")
    refused(preview(branch, "-e", "branch=main"), "the host has 1 previews", "`most` in `preview` is 1")
    refused(preview(branch, "-e", "branch=feature/x", "-e", "fresh=true"), "`database` in its `preview` is not `copy`")
    refused(preview(branch, "-e", "branch=--upload-pack=x"), "it must be the name of a branch")


def test_site_yml_and_status_know_a_preview(branch: Shop, host: Host) -> None:
    again = branch.project.good("site.yml")
    assert again.count("changed") == 0, again.output
    assert Visitor(host, PREVIEW_SITE).get("/").text == "branch preview"
    told = good(branch.project.play("playbooks/status.yml")).output
    assert f"{PREVIEW} is a preview of shop (branch feature/x)" in " ".join(told.split())
    assert "not in slipway_apps" not in told


def test_the_host_removes_it_on_its_end_date_by_itself(branch: Shop, host: Host) -> None:
    file = f"/etc/slipway/previews/{PREVIEW}.json"
    host.run("systemctl start slipway-previews.service")
    assert host.ok(f"test -e {file}"), "its time has not come"
    level = re.search(
        r"level for \S+: ([0-9.]+)", host.run("systemd-analyze security --no-pager slipway-previews.service")
    )
    assert level and float(level[1]) <= 2.0
    uid = host.run(f"id -u {PREVIEW}")
    host.run(f"runuser -u {PREVIEW} -- sh -c 'touch /tmp/left-there && ipcmk -M 4096'")
    host.run(f"""sed -i 's/"ends": [0-9.]*/"ends": 1000.0/' {file} && systemctl start slipway-previews.service""")
    assert host.run("systemctl is-active slipway-previews.timer") == "active"
    gone = [file, f"/srv/{PREVIEW}", f"/etc/{PREVIEW}", f"/etc/nginx/slipway/sites/{PREVIEW}.conf"]
    assert [path for path in gone if host.ok(f"test -e {path}")] == []
    assert not host.ok(f"id {PREVIEW}")
    assert not host.ok("test -e /tmp/left-there"), "the unit that removes sees what is in places that all may write"
    assert uid not in {row.split()[7] for row in host.run("cat /proc/sysvipc/shm").splitlines()}
    assert PREVIEW not in host.psql("select datname from pg_database")
    assert Visitor(host, "shop.example.org").get("/").status == 200
    good(preview(branch, "-e", "branch=feature/x"))
    assert Visitor(host, PREVIEW_SITE).get("/").text == "branch preview"
    assert f"{PREVIEW} on {host.name} was removed" in ci_preview(branch, host, "feature/x", "--remove")
    assert not host.ok(f"test -e /srv/{PREVIEW}")


COPIED = f"shop-feature-cop-{hashlib.sha256(b'shop' + bytes(1) + b'feature/copy').hexdigest()[:8]}"
"""What the preview of the branch feature/copy is called."""
PEOPLE = """import os

import psycopg
from flask import Flask

app = Flask(__name__)


@app.get("/")
def index() -> str:
    with psycopg.connect(os.environ["DATABASE_URL"].replace("+psycopg", "")) as db:
        return "PAGE: " + " ".join(row[0] for row in db.execute("SELECT email FROM person ORDER BY id"))
"""
MIGRATE = """import os

import psycopg

with psycopg.connect(os.environ["DATABASE_URL"].replace("+psycopg", "")) as db:
    db.execute("CREATE TABLE IF NOT EXISTS person (id serial PRIMARY KEY, email text)")
"""
ANONYMIZE = """import os
import socket
import sys
import time

import psycopg

url = os.environ["DATABASE_URL"].replace("+psycopg", "")
mode, reached = os.environ["ANONYMIZE"], [name for name in ("TOKEN",) if name in os.environ]
reached += ["files"] if open("passwords.py").read() else []
for path in ("/etc/shop/environment", "/srv/shop/shared/uploads/passport", "/run/shop"):
    try:
        reached += [path] if os.path.isdir(path) and os.listdir(path) or open(path) else []
    except OSError:
        pass
try:
    socket.create_connection(("127.0.0.1", 443), 3)
    reached.append("nginx")
except OSError:
    pass
try:
    psycopg.connect(url.replace("slipway_copy", "shop", 1))
    reached.append("the app's database")
except psycopg.OperationalError:
    pass
if reached:
    sys.exit(f"it can reach {reached}")
with psycopg.connect(url, autocommit=True) as db:
    if mode == "wait":
        db.execute("CREATE TABLE waiting ()")
        while db.execute("SELECT to_regclass('go')").fetchone() == (None,):
            time.sleep(0.1)
    db.execute("UPDATE person SET email = 'nobody' || id")
if mode == "fail":
    sys.exit("there is somebody left")
"""
SECRET = "ann@private.example"


@pytest.fixture(scope="module")
def people(branch: Shop, host: Host, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], None]:
    """An app with rows that nobody else may read, and a branch of it; to be called with how `anonymize` behaves."""
    good(preview(branch, "-e", "branch=feature/x", "-e", "remove=true"))
    branch.git("checkout", "--quiet", "main")
    write = {"app.py": PEOPLE, "migrate.py": MIGRATE, "anonymize.py": ANONYMIZE}
    more = "    db.execute('ALTER TABLE person ADD COLUMN IF NOT EXISTS nick text')\n"
    for name, add in (
        ("main", {}),
        ("feature/copy", {"migrate.py": MIGRATE + more, "anonymize.py": "# evil: nothing\n"}),
    ):
        if name != "main":
            branch.git("checkout", "--quiet", "-b", name)
        for file, text in {**write, **add}.items():
            (branch.folder / file).write_text(text.replace("PAGE", name))
        (branch.folder / "requirements.txt").write_text("flask>=3\npsycopg[binary]\n")
        branch.git("add", "--all")
        branch.git("commit", "--quiet", "--message", name)
    publish(branch, host, tmp_path_factory.mktemp("people"))

    def describe(mode: str) -> None:
        app = {
            "name": "shop", "domains": ["shop.example.org"], "source": {"git": "/srv/git/shop.git", "version": "main"},
            "wsgi": "app:app", "release_commands": ["python migrate.py"], "shared_folders": ["uploads"],
            "files": {"passwords.py": "PASSWORD = 'production'"},
            "secrets": {"SECRET_KEY": "0123456789abcdef" * 2, "TOKEN": "production"}, "watch_seconds": 0,
            "preview": {
                "domain": "*.preview.example.org", "access": [], "database": "copy", "anonymize": "python anonymize.py",
                "environment": {"ANONYMIZE": mode},
            },
        }  # fmt: skip
        branch.project.write({"slipway_apps": [app]})

    describe("fail")
    branch.project.good("site.yml")
    host.psql(f"INSERT INTO person (email) VALUES ('{SECRET}'), ('bob@private.example')", "shop", "shop")
    host.run("echo 1 >/srv/shop/shared/uploads/passport && chown shop:shop /srv/shop/shared/uploads/passport")
    return describe


def left(host: Host) -> list[str]:
    """What there is of a copy that is being made."""
    found = host.psql("SELECT datname FROM pg_database UNION SELECT rolname FROM pg_roles").split()
    return (
        sorted({"slipway_copy", "slipway_preview"} & set(found))
        + host.run("ls -d /var/lib/slipway/preview-copy* || true").split()
    )


def copied(host: Host) -> str:
    site = f"feature-copy-{COPIED.rsplit('-', 1)[1]}.preview.example.org"
    return Visitor(host, site).get("/").text


def begin(shop: Shop, host: Host, *arguments: str) -> subprocess.Popen[str]:
    """Start a preview whose `anonymize` waits, and return when it does."""
    play = shop.project.start("playbooks/preview.yml", "-e", "app=shop", "-e", "branch=feature/copy", *arguments)
    asked = "runuser -u postgres -- psql -d slipway_copy -Atc 'SELECT count(*) FROM waiting'"
    try:
        wait_for(lambda: host.ok(asked) or play.poll() is not None, 300)
    finally:
        if play.poll() is not None:
            raise AssertionError(play.communicate()[0])
    return play


def test_a_copy_that_can_not_be_made_anonymous_is_dropped_and_nothing_is_live(
    branch: Shop, people: Callable[[str], None], host: Host
) -> None:
    people("fail")
    told = preview(branch, "-e", "branch=feature/copy")
    refused(
        told, "`python anonymize.py` (`anonymize`) failed with status 1 in release 0", "there is somebody left",
        "The copy was dropped, and the preview has nothing of it",
    )  # fmt: skip
    assert (left(host), host.ok(f"test -e /srv/{COPIED}/current")) == (["/var/lib/slipway/preview-copy.lock"], False)
    assert host.psql("SELECT count(*) FROM pg_tables WHERE tablename = 'person'", COPIED) == "0"


def test_a_branch_has_a_copy_of_the_data_that_is_anonymous_before_its_code_can_read_it(
    branch: Shop, people: Callable[[str], None], host: Host
) -> None:
    people("wait")
    play = begin(branch, host)
    asked = "psql -d slipway_copy -Atc 'SELECT email FROM person'"
    assert SECRET in host.run(f"runuser -u postgres -- {asked}"), "now it is there"
    for user in (COPIED, "shop"):
        assert not host.ok(f"runuser -u {user} -- {asked}")
    assert host.psql("SELECT count(*) FROM pg_tables WHERE tablename = 'person'", COPIED) == "0"
    host.psql(
        "CREATE TABLE go (); GRANT ALL ON go TO slipway_copy; ALTER TABLE go OWNER TO slipway_copy", "slipway_copy"
    )
    output, _ = play.communicate(timeout=600)
    assert play.returncode == 0, output
    assert copied(host) == "feature/copy: nobody1 nobody2"
    assert host.psql("SELECT email FROM person ORDER BY id", "shop").split() == [SECRET, "bob@private.example"]
    stored = "SELECT count(*) FROM pg_stats WHERE most_common_vals::text || histogram_bounds::text LIKE '%private%'"
    assert host.psql(stored, COPIED) == "0"
    assert left(host) == ["/var/lib/slipway/preview-copy.lock"]


def test_an_update_keeps_the_data_and_fresh_copies_it_anew_for_the_branchs_migrations(
    branch: Shop, people: Callable[[str], None], host: Host
) -> None:
    people("ok")
    host.psql("INSERT INTO person (email) VALUES ('kept')", COPIED, COPIED)
    good(preview(branch, "-e", "branch=feature/copy"))
    assert copied(host).endswith("nobody1 nobody2 kept")
    good(preview(branch, "-e", "branch=feature/copy", "-e", "fresh=true"))
    assert copied(host).endswith("nobody1 nobody2")
    columns = "SELECT count(*) FROM information_schema.columns WHERE column_name = 'nick'"
    assert (host.psql(columns, COPIED), host.psql(columns, "shop")) == ("1", "0")


def test_a_copy_that_is_killed_half_way_leaves_nothing_that_the_host_does_not_remove(
    branch: Shop, people: Callable[[str], None], host: Host
) -> None:
    people("wait")
    play = begin(branch, host, "-e", "fresh=true")
    host.run("kill -KILL $(lslocks -rno PID,PATH | grep preview-copy | cut -d ' ' -f 1)")
    play.communicate(timeout=600)
    assert left(host)[:1] == ["slipway_copy"]
    assert copied(host).endswith("nobody1 nobody2"), "it serves what it had"
    host.run("systemctl start slipway-previews.service")
    assert left(host) == ["/var/lib/slipway/preview-copy.lock"]
    assert not host.ok("systemctl is-active slipway_copy.service")
    file, gone = (
        f"/etc/slipway/previews/{COPIED}.json",
        "SELECT datname FROM pg_database UNION SELECT rolname FROM pg_roles",
    )
    host.run(f"cp -p {file} /root/preview.json")
    assert "was removed" in good(preview(branch, "-e", "branch=feature/copy", "-e", "remove=true")).output
    assert COPIED not in host.psql(gone).split()
    # A run that is killed between the database and the units.
    host.psql(f'CREATE ROLE \\"{COPIED}\\" LOGIN')
    host.psql(f'CREATE DATABASE \\"{COPIED}\\" OWNER \\"{COPIED}\\"')
    host.run(f"""cp -p /root/preview.json {file} && sed -i 's/"ends": [0-9.]*/"ends": 1000.0/' {file}""")
    host.run("systemctl start slipway-previews.service")
    assert COPIED not in host.psql(gone).split()
    assert not host.ok(f"test -e {file}")
