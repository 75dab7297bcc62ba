# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""One application from everywhere that code can come from: its page tells which revision was fetched.

The host itself serves the repository, over SSH to whoever has a key and over HTTP to whoever has a password, and archives.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import re
import subprocess
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from helpers import Host, Project, Visitor

pytestmark = pytest.mark.once("13")

DOMAIN = "shop.example.org"
TOKEN = "ann:t0ken-of-ann"
GIT = "ssh://git@127.0.0.1/srv/www/shop.git"
WEB = f"http://{TOKEN}@127.0.0.1:8099"
FILES = {
    "web/shop.py": """
import pathlib
from flask import Flask

app = Flask(__name__)


@app.get("/")
def index():
    return " ".join([pathlib.Path("VERSION").read_text(), *sorted(str(path) for path in pathlib.Path("extra").glob("*"))])
""",
    "web/requirements.txt": "Flask==3.1.3\n",
}
SERVER = f"""
import base64, functools, http.server

class Guarded(http.server.SimpleHTTPRequestHandler):
    def do_GET(self):
        if self.headers.get("Authorization") == "Basic " + base64.b64encode({TOKEN!r}.encode()).decode():
            return super().do_GET()
        self.send_response(401)
        self.send_header("WWW-Authenticate", "Basic realm=x")
        self.end_headers()

server = functools.partial(Guarded, directory="/srv/www")
http.server.ThreadingHTTPServer(("127.0.0.1", 8099), server).serve_forever()
"""
KEPT = "/var/cache/private/slipway/source-shop-*"
HOSTILE = """#!/bin/sh
# A git that was overtaken: it tells who it is and what it gets, and then does its work.
case "$1" in --git-dir) here=$(dirname "$2") ;; *) here=/tmp ;; esac
{
    echo "uid $(id -u)"
    for place in /etc/shadow /etc/shop/environment /etc/ssh/ssh_host_ed25519_key /root/.bashrc /srv/other/secret \\
        /srv/shop/current/release.json /srv/shop/sources /var/lib/dpkg/status /run/dbus/system_bus_socket /proc/1/status; do
        [ -r "$place" ] && echo "reads $place"
    done
    for place in /etc /usr /srv /srv/shop /root /home /run /var /var/lib /var/cache /opt /dev /dev/shm; do
        touch "$place/git-was-here"
    done
} >>"$here/told" 2>/dev/null
exec /usr/bin/git "$@"
"""


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-c", "user.name=Ann", "-c", "user.email=ann@example.com", "-C", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def write(folder: Path, version: str, **more: str) -> None:
    for name, text in {**FILES, "web/VERSION": version, **more}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def put(host: Host, content: bytes, path: str) -> None:
    host.run(f"mkdir -p $(dirname {path}) && echo {base64.b64encode(content).decode()} | base64 -d >{path}")


def tarball(folder: Path, name: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        tar.add(folder, name)
    return buffer.getvalue()


class Shop:
    """The application on a host: its checkout here, and its repository there."""

    def __init__(self, project: Project, folder: Path) -> None:
        self.project, self.host, self.folder = project, project.host, folder
        self.key = folder.parent / "key"
        write(folder, "one")
        git(folder, "init", "--quiet", "--initial-branch=main")
        self.commit("one", "v1")
        self.commit("two", "v2")

    def commit(self, version: str, tag: str) -> None:
        write(self.folder, version)
        git(self.folder, "add", "--all")
        git(self.folder, "commit", "--quiet", f"--message={version}")
        git(self.folder, "tag", tag)

    def serve(self) -> None:
        """Put the repository on the host, where the user `git` and a web server give it away."""
        bare = self.folder.parent / "shop.git"
        git(self.folder, "clone", "--quiet", "--bare", str(self.folder), str(bare))
        git(bare, "update-server-info")
        keygen = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.key)]
        subprocess.run(keygen, check=True)
        put(self.host, tarball(bare, "shop.git"), "/srv/repository.tar.gz")
        put(self.host, SERVER.encode(), "/srv/serve.py")
        put(self.host, self.key.with_suffix(".pub").read_bytes(), "/home/git/.ssh/authorized_keys")
        self.host.run(
            "useradd --home /home/git --shell /bin/sh git && mkdir -p /srv/www && "
            "tar -xzf /srv/repository.tar.gz --no-same-owner -C /srv/www && chown -R git /home/git /srv/www && "
            "systemd-run --quiet --unit=files python3 /srv/serve.py"
        )

    def describe(self, source: Mapping[str, Any], **more: Any) -> None:
        """Write the user's variables with this SOURCE."""
        app = {
            "name": "shop", "domains": [DOMAIN], "source": dict(source), "subfolder": "web", "wsgi": "shop:app",
            "database": "none", "secret_key_variable": "", "watch_seconds": 0, "workers": 1, **more,
        }  # fmt: skip
        self.project.write({"slipway_apps": [app]})

    def deploy(self, source: Mapping[str, Any], *arguments: str, **settings: Any) -> str:
        """Deploy the app from SOURCE and return its page."""
        self.describe(source)
        self.project.good("playbooks/deploy.yml", *arguments, **settings)
        return self.page()

    def refused(self, source: Mapping[str, Any], *arguments: str) -> str:
        """Have a deploy refused, with nothing changed, and return what it says."""
        before = self.page()
        self.describe(source)
        done = self.project.play("playbooks/deploy.yml", *arguments)
        assert done.code != 0, done.output
        assert self.page() == before
        return re.sub(r"\s+", " ", done.output)

    def page(self) -> str:
        return Visitor(self.host, DOMAIN).get("/").text

    def record(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.host.run("cat /srv/shop/current/release.json"))
        return found


@pytest.fixture(scope="module")
def shop(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """The bare host with the app on it, deployed from its repository with a deploy key."""
    made = Shop(project, tmp_path_factory.mktemp("source") / "shop")
    made.serve()
    made.describe({"git": GIT, "key": made.key.read_text()})
    project.good("site.yml")
    return made


def test_repository_with_a_deploy_key(shop: Shop) -> None:
    assert shop.page() == "two"
    head = git(shop.folder, "rev-parse", "HEAD")
    record = shop.record()
    assert (record["revision"], record["source"], record["dirty"]) == (head, GIT, False)
    assert shop.record()["id"] == f"0001-{head[:7]}"
    assert not shop.host.ok("grep -rq 'PRIVATE KEY' /srv/shop /etc/shop /root /dev/shm")


def test_git_that_was_overtaken_is_not_root_and_gets_nothing_of_the_host(shop: Shop) -> None:
    put(shop.host, HOSTILE.encode(), "/usr/local/bin/git")
    shop.host.run(
        "chmod 755 /usr/local/bin/git; mkdir -p /srv/other /srv/shop/repository.git; echo x >/srv/other/secret"
    )
    assert shop.deploy({"git": GIT, "key": shop.key.read_text()}, "-e", "version=v1") == "one"
    shop.host.run("rm /usr/local/bin/git")
    told = shop.host.run(f"cat {KEPT}/told /srv/shop/told 2>/dev/null || true").splitlines()
    assert told.count("uid 0") == 0 < sum(row.startswith("uid ") for row in told)
    assert {row for row in told if not row.startswith("uid ")} == set()
    # systemd 252 lets it write to its empty /home and /root, which go with it.
    assert shop.host.run("find / -xdev -name git-was-here; find /dev /run -name git-was-here") == ""
    assert not shop.host.ok("test -e /srv/shop/repository.git"), "a mirror that root made before stays"
    assert shop.host.run(f"find /var/cache/private -maxdepth 0 -printf %U%m; stat -c %a {KEPT}") == "0700700"


@pytest.mark.parametrize("place", ["/etc/ssh/ssh_known_hosts", f"{KEPT}/known_hosts"])
def test_server_whose_key_the_host_knows_must_have_that_key(shop: Shop, place: str) -> None:
    source = {"git": GIT, "key": shop.key.read_text()}
    own, place = shop.host.run(f"echo {KEPT}/known_hosts; echo {place}").splitlines()
    assert not shop.host.ok("test -e /etc/ssh/ssh_known_hosts")
    assert shop.host.ok(f"ssh-keygen -F 127.0.0.1 -f {own} && cp {own} /root/met && truncate --size=0 {own}")
    other = " ".join(shop.key.with_suffix(".pub").read_text().split()[:2])
    shop.host.run(f"echo '127.0.0.1 {other}' >>{place} && chmod 600 {place}")
    assert "Host key verification failed" in shop.refused(source, "-e", "version=v1")
    shop.host.run(f"cat /root/met >{own}; rm -f /etc/ssh/ssh_known_hosts")
    assert shop.deploy(source, "-e", "version=v1") == "one"


def test_repository_in_a_folder_of_the_host_is_read_if_all_may_read_it(shop: Shop) -> None:
    place = "/srv/code of ann/shop.git"
    shop.host.run(f"mkdir -m 700 '/srv/code of ann' && cp -r --no-preserve=mode /srv/www/shop.git '{place}'")
    shop.host.run(f"chown -R git '{place}'; chmod -R go+rX '{place}'")
    assert shop.deploy({"git": place, "version": "v1"}) == "one"
    assert shop.deploy({"git": f"file://{place.replace(' ', '%20')}", "version": "v2"}) == "two"
    shop.host.run(f"chmod -R o-rwx '{place}/objects'")
    said = shop.refused({"git": place, "version": "main"})
    assert f"may not read {place}/objects: let everybody read the repository (`chmod -R o+rX '{place}'`)" in said


def test_another_version_for_one_run(shop: Shop) -> None:
    source = {"git": GIT, "key": shop.key.read_text()}
    assert shop.deploy(source, "-e", "version=v1") == "one"
    assert shop.record()["revision"] == git(shop.folder, "rev-parse", "v1")
    assert "has no branch, tag or commit 'v9'" in shop.refused(source, "-e", "version=v9")


@pytest.fixture
def agent(shop: Shop) -> Iterator[str]:
    """An agent here that holds the key; its socket."""
    socket = str(shop.folder.parent / "agent")
    process = subprocess.Popen(["ssh-agent", "-D", "-a", socket], stdout=subprocess.DEVNULL)
    while not os.path.exists(socket):
        assert process.poll() is None
    subprocess.run(["ssh-add", "-q", str(shop.key)], env={**os.environ, "SSH_AUTH_SOCK": socket}, check=True)
    yield socket
    process.terminate()
    process.wait()


def test_repository_with_a_forwarded_agent(shop: Shop, agent: str, tmp_path: Path) -> None:
    environment = {"SSH_AUTH_SOCK": agent, "ANSIBLE_SSH_EXTRA_ARGS": "-o ForwardAgent=yes -o ControlPath=none"}
    assert shop.deploy({"git": GIT, "version": "v2"}, environment=environment) == "two"


def test_repository_with_a_token_that_nobody_sees(shop: Shop) -> None:
    assert shop.deploy({"git": f"{WEB}/shop.git", "version": "v1"}) == "one"
    assert shop.record()["source"] == "http://127.0.0.1:8099/shop.git"
    token = TOKEN.partition(":")[2]
    assert not shop.host.ok(f"grep -rq {token} /srv/shop /etc/shop")
    assert not shop.host.ok(f"journalctl --no-pager | grep -q {token}")
    assert shop.host.ok("journalctl --no-pager | grep -q slipway.flask.release"), (
        "modules write what they are told there"
    )


def test_archive_from_the_web(shop: Shop) -> None:
    write(shop.folder, "three")
    content = tarball(shop.folder / "web", "shop-3/web")
    put(shop.host, content, "/srv/www/shop-3.tar.gz")
    source = {"archive": f"{WEB}/shop-3.tar.gz", "sha256": hashlib.sha256(content).hexdigest()}
    said = shop.refused({**source, "sha256": "0" * 64})
    assert f"has the SHA-256 {source['sha256']}, not {'0' * 64}" in said
    assert "t0ken" not in said
    assert shop.deploy(source) == "three"
    assert (shop.record()["revision"], shop.record()["source"]) == (
        source["sha256"],
        "http://127.0.0.1:8099/shop-3.tar.gz",
    )
    assert shop.host.run("ls -A /srv/shop/sources") == f"{source['sha256']}.archive"


def test_archive_from_here(shop: Shop, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "shop.zip", "w") as file:
        for name, text in {**FILES, "web/VERSION": "four"}.items():
            file.writestr(f"shop-4/{name}", text)
    assert shop.deploy({"archive": str(tmp_path / "shop.zip")}) == "four"
    again = shop.project.good("playbooks/deploy.yml")
    assert again.count("changed") == 0, again.output


def test_folder_with_what_git_ignores_but_without_what_slipwayignore_names(shop: Shop) -> None:
    write(shop.folder, "five", **{"web/.gitignore": "extra\n", "web/.slipwayignore": "*.map\n"})
    write(shop.folder, "five", **{"web/extra/app.css": "", "web/extra/app.css.map": "", "web/__pycache__/x.pyc": ""})
    source = {"path": str(shop.folder)}
    assert shop.deploy(source) == "five"
    assert shop.record()["dirty"]
    assert shop.deploy({**source, "everything": True}) == "five extra/app.css"
