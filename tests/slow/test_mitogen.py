# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Mitogen as an option: site.yml and a deploy run through it as they do without, and in one connection."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from helpers import ROOT, TOOLS, Host, Project, Visitor, tiny_app

pytestmark = pytest.mark.once("12")

DOMAIN = "tiny.example.org"
PAGE = "f\"WORD from release {os.environ['RELEASE_ID']}\""


@pytest.fixture(scope="module")
def mitogen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The settings that docs/performance.md tells, for the version that requirements-mitogen.txt pins."""
    folder = tmp_path_factory.mktemp("mitogen")
    pins = ["--require-hashes", "-r", str(ROOT / "requirements-mitogen.txt")]
    subprocess.run([str(TOOLS / "uv"), "pip", "install", "--quiet", "--target", str(folder), *pins], check=True)
    return {
        "PYTHONPATH": str(folder),
        "ANSIBLE_STRATEGY": "mitogen_linear",
        "ANSIBLE_STRATEGY_PLUGINS": str(folder / "ansible_mitogen/plugins/strategy"),
    }


@pytest.fixture(scope="module")
def source(project: Project) -> Path:
    """An app's folder, described in the project."""
    folder = project.folder / "tiny"
    folder.mkdir()
    (folder / "requirements.txt").write_text("Flask==3.1.3\n")
    project.write({"slipway_apps": [
        {"name": "tiny", "domains": [DOMAIN], "source": {"path": "tiny"}, "wsgi": "tiny:app", "database": "none",
         "workers": 1, "secrets": {"SECRET_KEY": "0f3a9c5be17d42868d1b"}},
    ]})  # fmt: skip
    return folder


def sessions(host: Host) -> int:
    """Return how many sessions sshd has begun."""
    return int(host.run("journalctl --unit ssh --no-pager --output cat --grep 'Starting session' | wc -l"))


def test_a_bare_host_and_a_deploy(host: Host, project: Project, source: Path, mitogen: dict[str, str]) -> None:
    (source / "tiny.py").write_text(tiny_app(PAGE.replace("WORD", "Hello")))
    project.good("site.yml", environment=mitogen)
    assert "Hello from release 0001-" in Visitor(host, DOMAIN).get("/").text

    host.run("echo 'LogLevel VERBOSE' >/etc/ssh/sshd_config.d/sessions.conf && systemctl restart ssh")
    (source / "tiny.py").write_text(tiny_app(PAGE.replace("WORD", "Welcome")))
    done = project.good("playbooks/deploy.yml", environment=mitogen)
    assert "Welcome from release 0002-" in Visitor(host, DOMAIN).get("/").text
    assert "release 0002-" in done.output, "the summary is shown"
    assert sessions(host) == 1, "Mitogen was in use: one Python on the host runs it all"


def test_a_refused_deploy_is_told_and_the_old_release_serves(
    host: Host, project: Project, source: Path, mitogen: dict[str, str]
) -> None:
    (source / "tiny.py").write_text("import nothing_of_that_name\n")
    done = project.play("playbooks/deploy.yml", environment=mitogen)
    assert done.code != 0
    assert "No module named 'nothing_of_that_name'" in done.output
    assert "Welcome from release 0002-" in Visitor(host, DOMAIN).get("/").text


def test_a_change_to_the_ways_in_is_confirmed_by_a_new_login(
    host: Host, project: Project, source: Path, mitogen: dict[str, str]
) -> None:
    """Mitogen has no connection that is really new; one of OpenSSH takes its place."""
    settings = project.folder / "access.yml"
    people = [{"name": "ann", "sudo": True, "keys": [Path(f"{host.facts['key']}.pub").read_text()]}]
    more = {"slipway_baseline": True, "slipway_firewall": False, "slipway_bans": False, "slipway_people": people}
    settings.write_text(json.dumps(more))
    project.good("playbooks/provision.yml", "--tags", "access", "-e", f"@{settings}", environment=mitogen)
    assert json.loads(host.run("slipway-guard status"))["last"]["outcome"] == "confirmed"
    assert host.ok("id ann")
