# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Deploys that fail, at each stage: what served still serves, nothing is left behind, and the reason is told."""

from __future__ import annotations

import os
import re
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._host import systemd
from ansible_collections.slipway.flask.plugins.module_utils._host.systemd import HostError
from ansible_collections.slipway.flask.plugins.module_utils._python.environment import EnvironmentError_
from ansible_collections.slipway.flask.plugins.module_utils._release import lock, preparation, run
from ansible_collections.slipway.flask.plugins.module_utils._release import source as release_source
from ansible_collections.slipway.flask.plugins.module_utils._release.record import ReleaseError
from fake_host import SECRET, FakeHost

UPGRADE = [{"command": "flask db upgrade", "once": False}]
ACCESS = '{"release": "0002-a", "method": "GET", "path": "/healthz", "status": 503, "duration_ms": 1, "user_agent": "slipway"}'
TLS = {"site": "https://shop.example.com/healthz"}


def damage(host: FakeHost) -> dict[str, Any]:
    """Let the archive arrive cut short."""
    copy = release_source.shutil.copyfile

    def half(source: str, target: Any) -> None:
        copy(source, target)
        os.truncate(target, 50)

    host.patch(release_source, "shutil", SimpleNamespace(**{**vars(release_source.shutil), "copyfile": half}))
    return {}


def set_probe(host: FakeHost, answer: dict[str, Any] | str) -> dict[str, Any]:
    host.probes = [answer]
    return {}


def fail(host: FakeHost, event: str, error: Exception) -> dict[str, Any]:
    host.fails[event] = error
    return {}


def command(host: FakeHost, line: str, output: str) -> None:
    host.commands[line] = (3, output)


# Each row: the stage that fails, what makes it fail (returns changed settings), and what the message must say.
FAILURES: dict[str, tuple[str, Any, str]] = {
    "damaged archive": ("fetch", damage, "the source's archive is damaged .*; deploy again"),
    "full disk": ("fetch", lambda host: fail(host, "fetch", OSError(28, "No space left")), "No space left"),
    "file outside": ("fetch", lambda host: {"files": {"../../../../x": "y"}}, "'x' in 'files' would end up outside"),
    "missing package": (
        "build",
        lambda host: fail(host, "build", EnvironmentError_("No solution found: flaks does not exist")),
        "No solution found: flaks does not exist",
    ),
    "build command": (
        "build",
        lambda host: (
            command(host, "npm run build", "line 1\nnpm ERR! missing script")
            or {"build_commands": [{"command": "npm run build", "once": False}]}
        ),
        r"`npm run build` failed with status 3\. Its last lines:\nline 1\nnpm ERR! missing script",
    ),
    "build command with an open quote": (
        "build",
        lambda host: {"build_commands": [{"command": "sh -c 'x", "once": False}]},
        "no closing quotation",
    ),
    "import": (
        "check",
        lambda host: set_probe(host, {"error": "ModuleNotFoundError: No module named 'shop'"}),
        r"'wsgi' is 'app:app', which can't be imported: ModuleNotFoundError: No module named 'shop'(?s:.*)Traceback",
    ),
    "gunicorn": (
        "check",
        lambda host: set_probe(host, {"error": "No module named 'imp'", "gunicorn": "19.9.0", "python": "3.13.5"}),
        r"gunicorn 19\.9\.0, which the app's requirements ask for, does not run on Python 3\.13\.5 \(`overrides: \[\"gunicorn>=23",
    ),
    "syntax of a newer Python": (
        "check",
        lambda host: set_probe(host, {"error": "SyntaxError: invalid syntax (shop.py, line 4)", "python": "3.11.2"}),
        r"line 4\)\nThe app runs on Python 3\.11\.2\. If this is the syntax of a newer one, name it: (?s:.*)Its last lines",
    ),
    "build command without npm": (
        "build",
        lambda host: (
            command(host, "npm run build", "/usr/bin/env: ‘npm’: No such file or directory")
            or {"build_commands": [{"command": "npm run build", "once": False}]}
        ),
        r"A program is missing: add npm to the app's system_packages(?s:.*)Its last lines:\n(?s:.*)No such file",
    ),
    "driver": (
        "check",
        lambda host: set_probe(host, {"error": "ModuleNotFoundError: No module named 'psycopg2'"}),
        r"which can't be imported(?s:.*)Leave `database_scheme` out, set it to postgresql\+psycopg, or put psycopg2",
    ),
    "no answer": ("check", lambda host: set_probe(host, "Killed\n"), r"it ended without an answer(?s:.*)Killed"),
    "debug": ("check", lambda host: set_probe(host, {"flask": True, "debug": True}), "the app runs in debug mode"),
    "guessable key": (
        "check",
        lambda host: set_probe(host, {"flask": True, "secret_key": "dev"}),
        "the app's own setting: SECRET_KEY in 'secrets' is a placeholder",
    ),
    "short key": ("check", lambda host: set_probe(host, {"flask": True, "secret_key": "x9#Kq2!m"}), "has 8 characters"),
    "migration": (
        "migrate",
        lambda host: (
            command(host, "flask db upgrade", "psycopg.errors.DuplicateColumn") or {"release_commands": UPGRADE}
        ),
        "`flask db upgrade` failed with status 3(?s:.*)DuplicateColumn",
    ),
    "no import after the migration": (
        "migrate",
        lambda host: (
            setattr(host, "probes", [{"heads": ["b"], "current": ["a"]}, {"current": ["b"]}, {"error": "boom"}])
            or {"release_commands": [*UPGRADE, {"command": "flask seed", "once": False}]}
        ),
        "can't be imported: boom",
    ),
    "start": (
        "start",
        lambda host: fail(host, "start", HostError("shop@2 did not start. The end of its journal:\nboom")),
        "did not start(?s:.*)boom",
    ),
    "wrong status": (
        "gate",
        lambda host: (
            setattr(host, "health", [503])
            or setattr(host, "journal", f"journal\n{ACCESS}\n{ACCESS}")
            or {"health": {**host.settings["health"], "timeout_seconds": 0.05}}
        ),
        r"/healthz still answered 503 after 0\.05 s; it must answer 200\. The end of the journal:\njournal$",
    ),
    "a page that wants a login": (
        "gate",
        lambda host: (
            setattr(host, "health", [302])
            or setattr(host, "journal", "journal")
            or {"health": {**host.settings["health"], "timeout_seconds": 0.05}}
        ),
        r"/healthz still answered 302 after 0\.05 s; it must answer 200\. If that page is not for every visitor, set `health_path`",
    ),
    "no answer on the socket": (
        "gate",
        lambda host: (
            setattr(host, "health", [ConnectionRefusedError("Connection refused")])
            or {"health": {**host.settings["health"], "timeout_seconds": 0.05}}
        ),
        r"/healthz did not answer \(Connection refused\)",
    ),
    "switch": ("switch", lambda host: fail(host, "before switch", OSError(28, "No space left")), "No space left"),
    "killed link": ("switch", lambda host: fail(host, "switched", OSError(5, "Input/output error")), "Input/output"),
    "wrong status from outside": (
        "verify",
        lambda host: setattr(host, "site", [502, 200]) or {},
        "https://shop.example.com/healthz answered 502 through nginx, not 200",
    ),
    "readiness that comes and goes": (
        "gate",
        lambda host: setattr(host, "health", [200, 503] * 99) or {},
        "/healthz answered 503 after 200, again and again; it must answer 200",
    ),
    "no answer from outside": (
        "verify",
        lambda host: setattr(host, "site", [ConnectionRefusedError("Connection refused"), 200]) or {},
        "https://shop.example.com/healthz did not answer through nginx: Connection refused",
    ),
}


@pytest.fixture
def broken(host: FakeHost, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> FakeHost:
    """A host that can be patched for one deploy."""
    host.patch = monkeypatch.setattr
    fetch = preparation.Preparation.fetch
    monkeypatch.setattr(preparation.Preparation, "fetch", lambda stage: (fetch(stage), host.event("fetch")))
    return host


@pytest.mark.parametrize(("stage", "cause", "message"), FAILURES.values(), ids=FAILURES)
@pytest.mark.parametrize("first", [True, False], ids=["first deploy", "later deploy"])
def test_a_deploy_that_fails_leaves_what_served_and_no_trace_but_its_reason(
    broken: FakeHost, first: bool, stage: str, cause: Any, message: str
) -> None:
    host = broken
    if first:
        for place in (host.paths.settings / "releases", host.wants):
            place.mkdir()
    else:
        host.deploy()
        host.change()
    before, lines = host.serving(), host.history
    changes = cause(host)
    with pytest.raises(ReleaseError) as raised:
        host.deploy(**changes)
    assert re.search(message, str(raised.value)), str(raised.value)
    assert raised.value.stage == stage
    assert host.serving() == before
    (line,) = host.history[len(lines) :]
    assert (line["outcome"], line["stage"], line["message"]) == ("failed", stage, str(raised.value))
    assert line["id"][:4] == ("0001" if first else "0002")
    assert list(line["seconds"])[-1] == stage


def test_after_a_failure_the_next_deploy_serves_under_a_number_of_its_own(host: FakeHost) -> None:
    host.deploy()
    host.change()
    host.fails["start"] = HostError("no")
    with pytest.raises(ReleaseError):
        host.deploy()
    assert host.deploy().changed
    assert [(line["id"][:4], line["outcome"]) for line in host.history] == [
        ("0001", "deployed"), ("0002", "failed"), ("0003", "deployed"),
    ]  # fmt: skip
    assert host.running == {host.current}


def test_an_archive_that_arrived_damaged_is_sent_again(broken: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    host = broken
    with monkeypatch.context() as patch:
        host.patch = patch.setattr
        damage(host)
        with pytest.raises(ReleaseError, match="damaged"):
            host.deploy()
    assert host.deploy().changed
    assert host.sent == 2


def test_a_service_that_dies_is_not_waited_for(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    host.health = [ConnectionRefusedError("refused")]
    monkeypatch.setattr(systemd, "start", lambda unit: None)  # it starts, and ends at once
    with pytest.raises(ReleaseError, match=r"did not answer \(refused\) and its service ended; it must"):
        host.deploy(health={**host.settings["health"], "timeout_seconds": 5})
    assert sum(event.startswith("ask socket") for event in host.events) == 1


def environments(host: FakeHost) -> list[str]:
    """Return the environments that the host has, sorted."""
    return sorted(os.listdir(host.paths.environments))


def fail_to_start(host: FakeHost) -> None:
    """Deploy changed code, whose service does not start."""
    host.change()
    host.fails["start"] = HostError("no")
    with pytest.raises(ReleaseError):
        host.deploy()
    host.fails.clear()


def test_an_environment_that_was_built_whole_is_kept_for_the_next_try_and_goes_when_that_succeeds(
    host: FakeHost,
) -> None:
    host.deploy()
    archives = sorted(os.listdir(host.paths.sources))
    for name in ("env2", "env3"):
        host.environment = name
        fail_to_start(host)
        assert environments(host) == ["env1", name], "one, the last"
    assert sorted(os.listdir(host.paths.sources)) == archives, "no archive is left behind"
    host.environment = ""  # it fails to build
    host.fails["build"] = EnvironmentError_("no such package")
    with pytest.raises(ReleaseError):
        host.deploy()
    host.fails.clear()
    assert environments(host) == ["env1", "env3"], "a try that builds nothing costs nothing"
    host.environment = "env4"
    host.deploy()
    assert environments(host) == ["env1", "env4"]


@pytest.mark.parametrize(
    ("stage", "cause"),
    [
        ("build", lambda host, text: command(host, "make", text) or {"build_commands": [{"command": "make", "once": False}]}),
        ("check", lambda host, text: set_probe(host, {"error": f"RuntimeError: {text}"})),
        ("check", lambda host, text: set_probe(host, f"{text}\n")),
        ("migrate", lambda host, text: command(host, "flask db upgrade", text) or {"release_commands": UPGRADE}),
        ("start", lambda host, text: fail(host, "start", HostError(f"did not start:\n{text}"))),
        (
            "gate",
            lambda host, text: setattr(host, "health", [500]) or setattr(host, "journal", text)
            or {"health": {**host.settings["health"], "timeout_seconds": 0}},
        ),
    ],
)  # fmt: skip
def test_no_secret_that_an_app_prints_is_told_or_written_down(host: FakeHost, stage: str, cause: Any) -> None:
    host.configure(f'DATABASE_URL="postgresql://shop:p4ssw0rd@db/x"\nSECRET_KEY="{SECRET}"\n')
    changes = cause(host, f"config is {SECRET}, cannot reach postgresql://shop:p4ssw0rd@db/y")
    with pytest.raises(ReleaseError) as raised:
        host.deploy(**changes)
    assert raised.value.stage == stage
    told = str(raised.value) + host.paths.history.read_text()
    assert (SECRET in told, "p4ssw0rd" in told) == (False, False)
    assert "config is ********, cannot reach postgresql://shop:********@db/y" in str(raised.value)


def test_a_release_that_visitors_fare_worse_with_gives_way_and_those_who_wait_there_are_served(host: FakeHost) -> None:
    host.deploy()
    before, old, lines = host.serving(), host.current, host.history
    host.change()
    host.watched = ["after the switch, 9 of 9 requests got a server error"]
    host.waiting, host.events = [1, 0], []
    with pytest.raises(ReleaseError, match="9 of 9 requests") as raised:
        host.deploy()
    assert (raised.value.stage, host.serving()) == ("watch", before)
    (line,) = host.history[len(lines) :]
    assert (line["outcome"], line["stage"]) == ("failed", "watch")
    new, back = line["id"], host.events.index(f"switched to {old}")
    assert host.events[back:] == [
        f"switched to {old}",
        *[f"backlog {host.memory}/shop/{new}/gunicorn.sock"] * 2,
        f"stop {new}",
    ]


# ---- after the switch ----------------------------------------------------------------------------------------------


def test_a_failure_after_the_switch_leaves_the_new_release_and_the_next_run_finishes(host: FakeHost) -> None:
    host.deploy()
    old = host.current
    host.change()
    host.fails[f"stop {old}"] = OSError(5, "Input/output error")
    with pytest.raises(ReleaseError) as raised:
        host.deploy()
    new = host.current
    assert (raised.value.stage, new[:4], new in host.running) == ("drain", "0002", True)
    host.running.add(old)
    outcome = host.deploy()
    assert (outcome.changed, host.current, host.running) == (False, new, {new})
    assert [(line["id"], line["outcome"]) for line in host.history] == [(old, "deployed"), (new, "deployed")]


# ---- before the first stage ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("units/shop@.service", "the app's service is not set up; run site.yml first"),
        ("etc/shop/environment", "the app's service is not set up; run site.yml first"),
        ("etc/shop/gunicorn.conf.py", "the app's service is not set up; run site.yml first"),
    ],
)
def test_a_host_that_was_not_provisioned_is_refused_and_untouched(host: FakeHost, missing: str, message: str) -> None:
    (host.folder / missing).unlink()
    before = host.tree()
    with pytest.raises(ReleaseError, match=message) as raised:
        host.deploy()
    assert str(host.folder / missing) in str(raised.value)
    assert (host.tree(), host.events, raised.value.stage) == (before, [], "preflight")


def test_a_missing_user_is_refused(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    def getpwnam(_: str) -> None:
        raise KeyError

    monkeypatch.setattr(run, "pwd", SimpleNamespace(getpwnam=getpwnam))
    before = host.tree()
    with pytest.raises(ReleaseError, match=r"there is no user 'shop' on the host; run site\.yml first"):
        host.deploy()
    assert host.tree() == before


def test_a_full_disk_is_refused_before_anything_is_written(host: FakeHost) -> None:
    before = host.tree()
    with pytest.raises(ReleaseError, match=r"only \d+ MB of disk is free below .*, 999999999 MB is needed"):
        host.deploy(min_free_mb=999_999_999)
    assert host.tree() == before


def test_a_second_deploy_at_the_same_time_is_refused(host: FakeHost) -> None:
    host.deploy()
    host.change()
    before, host.events = host.serving(), []
    with (
        lock.lock(host.paths.root / ".lock", "bob@box"),
        pytest.raises(ReleaseError, match=r"bob@box has been deploying this app for \d s; wait until it is done"),
    ):
        host.deploy()
    assert (host.serving(), host.events) == (before, [])


def test_a_list_of_commands_that_can_not_be_read_is_not_taken_for_an_empty_one(host: FakeHost) -> None:
    host.deploy()
    host.change()
    (host.paths.root / "once.json").write_text("{cut")
    with pytest.raises(ReleaseError, match=r"once\.json, which records the commands that have run once, can't be read"):
        host.deploy(release_commands=[{"command": "flask init-db", "once": True}])
    assert [event for event in host.events if event.startswith("run")] == []
