# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Where the secrets of a run are: with their app, and nowhere else on the host or here, whatever happens in the run.

Two apps of one file each; a command of theirs gets a password by name. Each secret is a text that can be searched for. The
tests run in the file's order.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from helpers import Host, Play, Project, tiny_app, wait_for

pytestmark = pytest.mark.once("13")

PASSWORD, KEY, FILE, HOOK, LITERAL = (f"canary-{name}-7f3a" for name in ("password", "key", "file", "hook", "literal"))
CANARIES = (PASSWORD, KEY, FILE, HOOK, LITERAL)
COMMANDS = """
import syslog

@app.cli.command("create-admin")
@__import__("click").option("--password")
def create_admin(password):
    assert password == os.environ["ADMIN_PASSWORD"]
    assert password not in open("/proc/self/cmdline").read(), "it is in the process list"
    syslog.syslog("admin made")  # journald notes the sender's command line with it
    with open("instance/admins", "a") as file:
        file.write("ann\\n")


@app.cli.command("wait")
def wait():
    __import__("time").sleep(60)
"""
ADMIN = {"command": "flask create-admin --password $ADMIN_PASSWORD", "once": True, "name": "first admin"}


class Pair:
    """The user's folder with both apps."""

    def __init__(self, folder: Path, project: Project) -> None:
        self.folder, self.project = folder, project
        self.changes: dict[str, Any] = {}
        for name in ("shop", "wiki"):
            (folder / name).mkdir(parents=True)
            (folder / name / "requirements.txt").write_text("flask==3.1.2\n")
            self.code(name)

    def code(self, name: str, more: str = "") -> None:
        (self.folder / name / "app.py").write_text(tiny_app(repr(name)) + COMMANDS + more)

    def app(self, name: str) -> dict[str, Any]:
        return {
            "name": name, "domains": [f"{name}.example.org"], "source": {"path": str(self.folder / name)}, "wsgi": "app:app",
            "workers": 1, "database": "none", "watch_seconds": 0, "shared_folders": ["instance"],
            "files": {"instance/settings.ini": FILE}, "release_commands": [ADMIN],
            "secrets": {"SECRET_KEY": f"{KEY}-of-the-app", "ADMIN_PASSWORD": f"{PASSWORD} 'quoted' $HOME\nand more"},
            "notifications": [{"url": f"http://127.0.0.1:9/{HOOK}"}], **self.changes,
        }  # fmt: skip

    def play(self, *arguments: str, **environment: str) -> Play:
        self.project.write({"slipway_apps": [self.app("shop"), self.app("wiki")]})
        return self.project.play(*arguments, environment=environment)


@pytest.fixture(scope="module")
def pair(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return Pair(tmp_path_factory.mktemp("apps"), project)


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of the controller's for all that Ansible writes there."""
    return tmp_path_factory.mktemp("local")


def not_on_the_host(host: Host) -> None:
    """Require that each canary is only in files of root's or of its app's that nobody else can read, and in no log."""
    for text in CANARIES:
        found = host.run(
            f"grep -rlsaF {text} /etc /srv /run /var /tmp /root /home /opt /usr/local --exclude-dir=proc || true"
        ).split()
        for path in found:
            mode, owner = host.run(f"stat -c '%a %U' {path}").split()
            assert mode in ("600", "400") and owner in ("root", "shop", "wiki"), (
                f"{text} is in {path}, {mode} of {owner}"
            )
            assert path.startswith(("/etc/shop/", "/etc/wiki/", "/srv/shop/shared/", "/srv/wiki/shared/")), path
        assert not host.ok(f"journalctl --no-pager --all -o export | grep -aqF {text}"), text
        pattern = f"[{text[0]}]{text[1:]}"  # it does not find itself
        assert host.run(f"cat /proc/[0-9]*/cmdline | tr '\\0' '\\n' | grep -a '{pattern}' || true") == ""


def test_no_secret_of_a_run_is_in_a_log_or_a_process_list(pair: Pair, host: Host, local: Path) -> None:
    settings = {"ANSIBLE_LOG_PATH": str(local / "log"), "ANSIBLE_LOCAL_TEMP": str(local / "tmp")}
    done = pair.play("site.yml", "-vv", **settings)
    assert done.code == 0, done.output
    assert host.run("cat /srv/*/shared/instance/admins").split() == ["ann", "ann"]
    assert json.loads(host.run("cat /srv/shop/once.json"))["ran"].keys() == {"first admin"}
    assert host.ok("journalctl --no-pager -o cat | grep -q 'admin made'")
    not_on_the_host(host)
    for text in CANARIES:
        assert text not in done.output
        found = subprocess.run(["grep", "-rlF", text, str(local)], capture_output=True, text=True, check=False)
        assert found.stdout == ""
    assert "create-admin" not in host.run(
        "journalctl --no-pager -o cat; cat /srv/*/history.jsonl /srv/*/current/release.json"
    )


@pytest.mark.parametrize("how", ["release_commands", "exec.yml"])
def test_a_literal_secret_in_a_command_is_refused_and_shown_nowhere(pair: Pair, host: Host, how: str) -> None:
    command = f"flask create-admin --password {LITERAL}"
    if how == "exec.yml":
        refused = pair.play("playbooks/exec.yml", "-e", "app=shop", "-e", f"command={command}")
    else:
        pair.changes = {"release_commands": [command]}
        refused = pair.play("playbooks/deploy.yml")
        pair.changes = {}
    assert refused.code != 0
    assert "has a literal value after --password, which looks like a secret" in refused.output
    assert LITERAL not in refused.output
    not_on_the_host(host)


def test_one_app_that_fails_keeps_no_other_from_being_deployed(pair: Pair, host: Host) -> None:
    pair.code("shop", "import nowhere\n")
    pair.code("wiki", "# changed\n")
    before = {name: host.run(f"readlink /srv/{name}/current") for name in ("shop", "wiki")}
    failed = pair.play("playbooks/deploy.yml", "--tags", "plan")
    assert failed.code != 0 and "wiki on " in failed.output and "would go on" in failed.output, failed.output
    pair.changes = {"environment": {"LOG_LEVEL": "debug"}}
    failed = pair.play("playbooks/deploy.yml")
    pair.changes = {}
    pair.code("shop")
    assert failed.code == 2
    assert host.run("readlink /srv/shop/current") == before["shop"]
    assert host.run("readlink /srv/wiki/current") != before["wiki"]
    assert "1 of 2 apps failed on" in failed.output and failed.output.count("fatal: ") == 1
    assert failed.output.count("Note: the variables have different settings than the host (LOG_LEVEL added)") == 1
    assert host.run("cat /srv/*/shared/instance/admins").split() == ["ann", "ann"], "once is once"
    not_on_the_host(host)


def test_what_a_restored_backup_and_a_killed_module_leave_is_gone_after_the_next_deploy(pair: Pair, host: Host) -> None:
    serving = host.run("basename $(readlink /srv/shop/current)")
    units = "/etc/systemd/system"
    host.run(f"cp -a /etc/shop/releases/{serving} /etc/shop/releases/0099-feedfac")
    host.run(f"cp {units}/shop@{serving}.service {units}/shop@0099-feedfac.service")
    running = pair.project.start("playbooks/exec.yml", "-e", "app=shop", "-e", "command='flask wait'")
    payload = "ls -d /tmp/ansible_slipway.flask.release_exec_on_host_payload_*"
    wait_for(lambda: host.ok(f"{payload} && pgrep -f 'flask wai[t]'"), 60)
    host.run("kill -9 $(pgrep -x python3 | sort -n | tail -1); pkill -9 -f 'flask wai[t]'; " + payload)
    os.killpg(running.pid, signal.SIGKILL)
    running.communicate()
    pair.code("shop", "# changed\n")
    deployed = pair.play("playbooks/deploy.yml", "-e", "app=shop")
    assert deployed.code == 0, deployed.output
    assert "/etc/shop had settings of releases that /srv/shop does not have (0099-feedfac)" in deployed.output
    assert not host.ok(f"ls -d /etc/shop/releases/0099-feedfac {units}/shop@0099-feedfac.service | grep -q .")
    assert not host.ok(payload)
    assert host.ok(f"test -d /etc/shop/releases/{serving}")
