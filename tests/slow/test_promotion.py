# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Staging and production on one host: what production is given is what staging serves, and visitors notice nothing."""

from __future__ import annotations

import base64
import os
import re
import subprocess
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


@pytest.fixture(scope="module")
def branch(shop: Shop, host: Host, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """The repository on the host, with a branch, and the app that comes from it with previews."""
    shop.git("branch", "--move", "--force", "main")
    shop.git("checkout", "--quiet", "-b", "feature/x")
    shop.commit("branch")
    bare = tmp_path_factory.mktemp("bare") / "shop.git"
    subprocess.run(["git", "clone", "--quiet", "--bare", str(shop.folder), str(bare)], check=True)
    packed = subprocess.run(
        ["tar", "--create", "--gzip", "--directory", str(bare.parent), "shop.git"], check=True, capture_output=True
    )
    text = base64.b64encode(packed.stdout).decode()
    host.run(
        f"mkdir -p /srv/git && echo {text} | base64 -d | tar xz --no-same-owner -C /srv/git && chmod -R o+rX /srv/git"
    )
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
