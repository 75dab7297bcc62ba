# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Roles in somebody else's playbook: the collection from its tarball, no Galaxy, no ansible.cfg, no file of this checkout."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from helpers import ROOT, TOOLS, Host, Play, Project, Visitor, tiny_app

pytestmark = pytest.mark.once("13")

DOMAIN = "elsewhere.example.org"
TINY = tiny_app("f\"{os.environ['GREETING']} from release {os.environ['RELEASE_ID']}\"")
ASK_SOCKET = """
import http.client, socket
connection = http.client.HTTPConnection("localhost")
connection.sock = socket.socket(socket.AF_UNIX)
connection.sock.connect("/run/tiny/one/gunicorn.sock")
connection.request("GET", "/")
print(connection.getresponse().read().decode())
"""


class Foreign:
    """A folder with a playbook and an inventory, and beside it an empty one that the collection was installed into."""

    def __init__(self, project: Project, collections: Path) -> None:
        self.project, self.collections = project, collections

    def play(self, *roles: dict[str, Any], tasks: list[dict[str, Any]] | None = None, facts: bool = False) -> Play:
        """Run a playbook with ROLES after TASKS."""
        whole = {"hosts": "web", "gather_facts": facts, "pre_tasks": tasks or [], "roles": list(roles)}
        (self.project.folder / "play.yml").write_text(yaml.safe_dump([whole], sort_keys=False))
        environment = {"ANSIBLE_COLLECTIONS_PATH": str(self.collections)}
        return self.project.good("play.yml", cwd=self.project.folder, environment=environment)


@pytest.fixture(scope="module")
def foreign(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Foreign:
    built, empty = tmp_path_factory.mktemp("built"), tmp_path_factory.mktemp("collections")
    galaxy = [str(TOOLS / "ansible-galaxy"), "collection"]
    subprocess.run([*galaxy, "build", "--output-path", built], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    (tarball,) = built.glob("slipway-flask-*.tar.gz")
    install = [*galaxy, "install", "--offline", "--collections-path", str(empty), str(tarball)]
    subprocess.run(
        install, cwd=empty, check=True, capture_output=True, env={**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(empty)}
    )
    project.write({})
    return Foreign(project, empty)


def test_service_without_nginx(foreign: Foreign, host: Host) -> None:
    """python_venv builds an environment for a folder that another task copied; gunicorn_systemd runs it."""
    tasks = [
        {
            "ansible.builtin.copy": {"dest": f"/opt/tiny/src/{name}", "content": content, "mode": "0644"},
            "name": f"Copy {name}",
        }
        for name, content in {"tiny.py": TINY, "requirements.txt": "Flask==3.1.3\n"}.items()
    ]
    folder = {"ansible.builtin.file": {"path": "/opt/tiny/src", "state": "directory", "mode": "0755"}}
    environment = {
        "project": "/opt/tiny/src",
        "root": "/opt/tiny/venvs",
        "link": "/opt/tiny/venv",
        "extra_packages": ["gunicorn==27.0.1"],
    }
    roles = (
        {"role": "slipway.flask.python_venv", "python_venv_environments": [environment]},
        {
            "role": "slipway.flask.gunicorn_systemd",
            "gunicorn_systemd_services": [
                {
                    "name": "tiny",
                    "wsgi": "tiny:app",
                    "working_directory": "/opt/tiny/src",
                    "venv": "/opt/tiny/venv",
                    "instance": "one",
                    "environment": {"GREETING": "Good morning"},
                }
            ],
        },
    )
    foreign.play(*roles, tasks=[{"name": "Make the folder", **folder}, *tasks])
    assert host.run(f"python3 -c {shlex.quote(ASK_SOCKET)}") == "Good morning from release one"
    assert host.run("ps -o user= -p $(systemctl show -p MainPID --value tiny@one)") == "tiny"
    assert not host.ok("command -v nginx || command -v psql")

    again = foreign.play(*roles, tasks=[{"name": "Make the folder", **folder}, *tasks])
    assert again.count("changed") == 0, again.output


def test_nginx_alone(foreign: Foreign, host: Host) -> None:
    """nginx_tls brings TLS to a server that it knows nothing of but the address."""
    host.run("mkdir -p /opt/pages && echo 'Served by python3.' >/opt/pages/index.html")
    host.run("systemd-run --unit pages python3 -m http.server --bind 127.0.0.1 --directory /opt/pages 9000")
    site = {"name": "elsewhere", "domains": [DOMAIN], "upstream": ["127.0.0.1:9000"]}
    role = {"role": "slipway.flask.nginx_tls", "nginx_tls_sites": [site]}
    foreign.play(role, facts=True)  # with a play's own facts, in variables too, as Ansible's default has it
    answer = Visitor(host, DOMAIN).get("/")
    assert (answer.status, answer.text) == (200, "Served by python3.\n")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"

    again = foreign.play(role)
    assert again.count("changed") == 0, again.output


def test_nothing_comes_from_the_checkout(foreign: Foreign) -> None:
    """The roles that ran are those of the empty folder: no other one has the collection."""
    listed = subprocess.run(
        [TOOLS / "ansible-galaxy", "collection", "list", "slipway.flask", "--format", "json"],
        cwd=foreign.project.folder, env={**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(foreign.collections)},
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    assert list(json.loads(listed)) == [str(foreign.collections / "ansible_collections")]
