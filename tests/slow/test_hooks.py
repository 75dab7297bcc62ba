# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A user's own tasks between the stages, and what a person and their tools are told while a deploy runs and when it is over.

The app is one file without a database, so that the host is ready soon. The tests run in the file's order.
"""

from __future__ import annotations

import json
import os
import re
import signal
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from helpers import Host, Play, Project, Visitor, Watch, tiny_app, wait_for

# What is tested is the controller's; one Debian release is enough.
pytestmark = pytest.mark.once("13")
DOMAIN = "tiny.example.org"
LOG = "/var/tmp/hooks"
NOTE = """- name: Note what is seen from here
  ansible.builtin.shell: >-
    echo {{ app_release_hook.name }} {{ app_release_hook.release }}
    $(test -d {{ app_release_hook.folder }}/src && echo there) $(basename $(readlink /srv/tiny/current)) >> LOG
  changed_when: true
""".replace("LOG", LOG)
BAD = """- name: Purge the cache
  ansible.builtin.fail: {msg: the content network is away}
"""
DIGEST = """import os, sys, time
from pathlib import Path

state = Path(os.environ["STATE_DIRECTORY"])
print("the digest of", os.environ["RELEASE_ID"], flush=True)
while (state / "slow").exists():
    time.sleep(0.1)
if (state / "fails").exists():
    sys.exit("no mail server")
"""
NOW = ("playbooks/exec.yml", "-e", "app=tiny", "-e", "schedule=digest")
OSV = 8098
VULNERABLE = (
    "flask 2.2.2: CVE-2023-30861 (high), fixed in 2.2.5",
    "jinja2 3.1.2: CVE-2024-22195 (medium), fixed in 3.1.3",
    "werkzeug 2.2.2: CVE-2023-25577 (high), fixed in 2.2.3",
)
LONG = """- name: Wait for somebody
  ansible.builtin.pause: {minutes: 10}
"""


class Sink(BaseHTTPRequestHandler):
    got: list[tuple[str, dict[str, Any]]] = []

    def do_POST(self) -> None:
        self.got.append((self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def sink() -> Iterator[str]:
    """The address of a webhook on the controller."""
    Sink.got = []
    with HTTPServer(("", 0), Sink) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class Tiny:
    """The app's folder and description."""

    def __init__(self, folder: Path, project: Project) -> None:
        self.folder, self.project = folder, project
        folder.mkdir()
        (folder / "requirements.txt").write_text("flask==3.1.2\n")
        for name, text in (("note", NOTE), ("bad", BAD), ("long", LONG)):
            (project.folder / f"{name}.yml").write_text(text)

    def say(self, word: str, **description: Any) -> None:
        """Make the app answer WORD when it is deployed next."""
        (self.folder / "app.py").write_text(tiny_app(repr(word)))
        app = {
            "name": "tiny", "domains": [DOMAIN], "source": {"path": str(self.folder)}, "wsgi": "app:app", "workers": 2,
            "database": "none", "watch_seconds": 0, "secrets": {"SECRET_KEY": "5d1f7a5be02d4c6f8a3e5d7b1c9f0e2a"}, **description,
        }  # fmt: skip
        self.project.write({"slipway_apps": [app]})

    def deploy(self, *arguments: str) -> Play:
        return self.project.play("playbooks/deploy.yml", *arguments)


@pytest.fixture(scope="module")
def tiny(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    made = Tiny(tmp_path_factory.mktemp("app") / "tiny", project)
    made.say("first")
    project.good("site.yml")
    return made


def serving(host: Host) -> str:
    return host.run("basename $(readlink /srv/tiny/current)")


def word(host: Host) -> str:
    return Visitor(host, DOMAIN).get("/").text


def test_hooks_progress_webhooks_and_journal_of_a_deploy(tiny: Tiny, host: Host, sink: str) -> None:
    old = serving(host)
    tiny.say(
        "second",
        build_commands=["sleep 4"],
        hooks={"after_switch": "note.yml", "before_build": "note.yml", "after_verify": "note.yml"},
        notifications=[{"url": f"{sink}/t0ken"}, {"url": f"{sink}/t0ken", "format": "slack"}],
    )
    host.run(f"rm -f {LOG}")
    with Watch(Visitor(host, DOMAIN)) as watch:
        done = tiny.deploy()
    assert done.code == 0, done.output
    new = serving(host)
    assert watch.failures == []
    assert (new != old, word(host)) == (True, "second")
    assert host.run(f"cat {LOG}").splitlines() == [
        f"before_build {new} there {old}", f"after_switch {new} there {new}", f"after_verify {new} there {new}"
    ]  # fmt: skip
    progress = re.findall(rf"^tiny on {host.name}: .*(?:\d s|…)$", done.output, re.MULTILINE)
    assert any(line.endswith("build …") for line in progress), done.output
    (path, told), (_, slack) = Sink.got
    assert (path, told["outcome"], told["release"], told["previous"]) == ("/t0ken", "succeeded", new, old)
    assert slack["text"].startswith(f"tiny on {host.name}: release {new} is live\n")
    assert "t0ken" not in done.output
    journal = host.run(f"journalctl --no-pager -o cat SLIPWAY_RELEASE={new}")
    assert re.fullmatch(rf"tiny: {old} → {new} deployed, by \S+@\S+, \d+\.\d s", journal)
    again = tiny.deploy()
    assert (again.code, again.count("changed"), len(Sink.got)) == (0, 0, 2), again.output
    assert len(host.run(f"cat {LOG}").splitlines()) == 3


@pytest.mark.parametrize("hook", ["before_start", "after_switch"])
def test_a_hook_that_fails_gives_the_release_up(tiny: Tiny, host: Host, sink: str, hook: str) -> None:
    old, releases = serving(host), host.run("ls /srv/tiny/releases")
    tiny.say("third", hooks={hook: "bad.yml"}, notifications=[{"url": f"{sink}/t0ken", "format": "discord"}])
    with Watch(Visitor(host, DOMAIN)) as watch:
        done = tiny.deploy()
    assert done.code != 0, done.output
    told = f"tiny on {host.name}: the deploy failed at hook '{hook}'. The previous release is still live."
    assert done.output.count(told) == 1
    assert "Purge the cache: the content network is away" in done.output
    assert [content["content"].splitlines()[0] for _, content in Sink.got] == [told]
    assert (serving(host), word(host), watch.failures) == (old, "second", [])
    assert host.run("ls /srv/tiny/releases") == releases


def test_a_run_at_a_hook_keeps_others_out_until_it_dies(tiny: Tiny, host: Host) -> None:
    old = serving(host)
    tiny.say("fourth", hooks={"before_migrate": "long.yml"})
    first = tiny.project.start("playbooks/deploy.yml")
    wait_for(lambda: host.ok("test -e /run/slipway/tiny.lease"), seconds=120)
    second = tiny.deploy()
    assert second.code != 0
    assert re.search(
        r"\S+@\S+ has been deploying this app for \d+ s and is at the hook 'before_migrate'", second.output
    )
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    tiny.say("fourth")
    third = tiny.deploy()
    assert third.code == 0, third.output
    assert (serving(host) != old, word(host)) == (True, "fourth")
    assert not host.ok("test -e /run/slipway/tiny.lease")
    assert [line["outcome"] for line in map(json.loads, host.run("tail -n 2 /srv/tiny/history.jsonl").splitlines())] == [
        "killed", "deployed"
    ]  # fmt: skip


def test_a_rollback_runs_the_hooks_of_its_stages_unless_told_not_to(tiny: Tiny, host: Host) -> None:
    old = serving(host)
    tiny.say("fifth")
    assert tiny.deploy().code == 0
    new = serving(host)
    tiny.say("fifth", hooks={"before_build": "bad.yml", "before_start": "note.yml", "after_verify": "bad.yml"})
    host.run(f"rm -f {LOG}")
    with Watch(Visitor(host, DOMAIN)) as watch:
        failed = tiny.project.play("playbooks/rollback.yml")
        assert (serving(host), word(host)) == (new, "fifth")
        done = tiny.project.play("playbooks/rollback.yml", "-e", "skip_hooks=true")
    told = f"tiny on {host.name}: the rollback failed at hook 'after_verify'. The previous release is still live."
    assert (failed.code != 0, failed.output.count(told)) == (True, 1), failed.output
    assert host.run(f"cat {LOG}") == f"before_start {old} there {new}"
    assert done.code == 0, done.output
    assert (serving(host), word(host), watch.failures) == (old, "fourth", [])
    last = [json.loads(line)["outcome"] for line in host.run("tail -n 2 /srv/tiny/history.jsonl").splitlines()]
    assert last == ["rollback failed", "rolled back"]


def test_a_hook_without_a_file_is_refused_before_anything_is_done(tiny: Tiny, host: Host) -> None:
    before = host.run("find /srv/tiny /etc/tiny -printf '%p %T@\\n' | sort | sha256sum")
    tiny.say("fifth", hooks={"after_swich": "note.yml", "before_build": "none.yml"})
    wrong = tiny.deploy()
    assert "unknown hook 'after_swich' in 'hooks' (did you mean 'after_switch'?)" in wrong.output
    tiny.say("fifth", hooks={"before_build": "none.yml"})
    missing = tiny.deploy()
    assert "'before_build' in 'hooks' is 'none.yml', but there is no such file" in missing.output
    assert (wrong.code != 0, missing.code != 0) == (True, True)
    assert host.run("find /srv/tiny /etc/tiny -printf '%p %T@\\n' | sort | sha256sum") == before


@pytest.fixture
def scheduled(tiny: Tiny, host: Host, sink: str) -> Tiny:
    """The app with a schedule, whose failures the host tells to the webhook; its Procfile has a process that nothing runs."""
    (tiny.folder / "digest.py").write_text(DIGEST)
    (tiny.folder / "Procfile").write_text("web: gunicorn app:app\nworker: python work.py\n")
    gateway = host.run("ip route show default | cut -d' ' -f3")
    hook = f"{sink.replace('127.0.0.1', gateway)}/t0ken"
    digest = {"command": "python digest.py", "schedule": "*-*-* 03:00 Europe/Berlin"}
    tiny.say("sixth", processes={"digest": digest}, notifications=[{"url": hook}])
    return tiny


def test_a_schedule_that_fails_is_told_and_runs_by_hand(scheduled: Tiny, host: Host) -> None:
    """Through its own unit, as when its time comes: a person sees what it prints and how it ended, a webhook only the latter."""
    brought = scheduled.project.good("site.yml")
    assert "a Procfile with worker (`python work.py`), which nothing runs here" in brought.output
    release = serving(host)
    done = scheduled.project.good(*NOW)
    assert f"the digest of {release}\n" in done.output
    assert f"schedule 'digest' in release {release} of tiny on {host.name} succeeded" in done.output
    assert "digest: next " in scheduled.project.good("playbooks/status.yml").output
    Sink.got.clear()
    host.run("touch /var/lib/tiny.digest/fails")
    failed = scheduled.project.play(*NOW)
    assert failed.code != 0 and "no mail server" in failed.output, failed.output
    assert f"of tiny on {host.name} failed with status 1" in failed.output
    ((path, told),) = Sink.got
    assert (path, told["what"], told["schedule"], told["outcome"]) == ("/t0ken", "schedule", "digest", "failed")
    assert "no mail server" not in json.dumps(told)
    status = scheduled.project.play("playbooks/status.yml")
    assert status.code != 0 and "digest: the last run failed with status 1" in status.output, status.output
    host.run("rm /var/lib/tiny.digest/fails")
    scheduled.project.good(*NOW)
    scheduled.project.good("playbooks/status.yml")
    assert [content["outcome"] for _, content in Sink.got] == ["failed", "succeeded"]
    modes = host.run("stat -c '%U %a' /var/lib/slipway/runs/tiny.digest.json /etc/tiny/.notifications.json")
    assert modes.splitlines() == ["root 600", "root 600"]


def test_a_run_under_way_outlives_a_deploy_and_none_begins_beside_it(scheduled: Tiny, host: Host) -> None:
    old = serving(host)
    host.run(f"touch /var/lib/tiny.digest/slow; systemctl start --no-block tiny.digest@{old}.service")
    wait_for(lambda: host.ok(f"journalctl --quiet -u tiny.digest@{old} | grep -q 'the digest of'"), seconds=30)
    (scheduled.folder / "digest.py").write_text(f"{DIGEST}# changed\n")
    deployed = scheduled.deploy()
    assert deployed.code == 0 and f"{old} is draining: 1 run, at most " in deployed.output, deployed.output
    new = serving(host)
    assert (
        host.run("systemctl list-units --plain --no-legend 'tiny.*.timer' | cut -d' ' -f1")
        == f"tiny.digest@{new}.timer"
    )
    refused = scheduled.project.play(*NOW)
    assert refused.code != 0 and "a run of an older release is under way" in refused.output, refused.output
    host.run("rm /var/lib/tiny.digest/slow")
    state = f"systemctl show --property ActiveState --value tiny.digest@{old}.service"
    wait_for(lambda: host.run(state) == "inactive", seconds=30)
    assert f"the digest of {new}" in scheduled.project.good(*NOW).output
    runs = json.loads(host.run("cat /var/lib/slipway/runs/tiny.digest.json"))["runs"]
    assert [(run["release"], run["result"]) for run in runs[:2]] == [(new, "success"), (old, "success")]
