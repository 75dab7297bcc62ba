# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Staging and production on one host: what production is given is what staging serves, and visitors notice nothing."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from helpers import Host, Play, Project, Visitor, Watch, wait_for

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
