# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A release that stops for the user's own tasks: where, who may go on with it, and what a failed hook leaves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._release import hooks as release_hooks
from ansible_collections.slipway.flask.plugins.module_utils._release import lease
from ansible_collections.slipway.flask.plugins.module_utils._release.deploy import Deploy
from ansible_collections.slipway.flask.plugins.module_utils._release.record import ReleaseError
from ansible_collections.slipway.flask.plugins.module_utils._release.rollback import Rollback
from ansible_collections.slipway.flask.plugins.module_utils._release.stages import NAMES, position, stays
from fake_host import FakeHost


def stopped(host: FakeHost, hook: str) -> str:
    """Deploy once well, begin a second deploy that stops at HOOK, and return the id of its release."""
    host.deploy()
    host.change()
    outcome = host.deploy(until=hook)
    assert outcome.record and outcome.hook["name"] == hook
    return outcome.record.id


def go_on(host: FakeHost, release: str, **changes: Any) -> Any:
    return Deploy(host.request(resume=release, **changes)).deploy()


@pytest.mark.parametrize("name", release_hooks.NAMES)
def test_a_release_goes_on_after_every_hook(host: FakeHost, name: str) -> None:
    release = stopped(host, name)
    done = position(name)
    assert list(json.loads((host.paths.release(release) / "release.json").read_text())["seconds"]) == list(NAMES[:done])
    assert (host.current == release) == (done > NAMES.index("switch"))
    outcome = go_on(host, release)
    assert (outcome.changed, outcome.hook, outcome.record.outcome) == (True, {}, "deployed")
    assert list(outcome.record.seconds) == list(NAMES)
    assert (host.current, host.running) == (release, {release})
    assert [line["outcome"] for line in host.history] == ["deployed", "deployed"]
    assert lease.Lease.read("shop") is None


def test_a_hook_knows_its_release(host: FakeHost) -> None:
    host.deploy()
    old = host.current
    host.change()
    told = host.deploy(until="before_fetch").hook
    release = told["release"]
    assert told == {
        "name": "before_fetch", "what": "deploy", "app": "shop", "release": release, "folder": str(host.paths.release(release)),
        "revision": told["revision"], "previous": old,
    }  # fmt: skip
    assert told["revision"].startswith(release.partition("-")[2])


@pytest.mark.parametrize("name", [name for name in release_hooks.NAMES if not stays(name)])
def test_a_failed_hook_gives_the_release_up_like_a_failed_stage(host: FakeHost, name: str) -> None:
    host.deploy()
    before = host.serving()
    host.change()
    release = host.deploy(until=name).hook["release"]
    with pytest.raises(ReleaseError, match="the cache is away") as caught:
        go_on(host, release, gave_up="the cache is away")
    assert caught.value.stage == name
    assert host.serving() == before
    assert [(line["outcome"], line["stage"]) for line in host.history] == [("deployed", ""), ("failed", name)]
    host.deploy()  # nobody holds the app


@pytest.mark.parametrize("name", [name for name in release_hooks.NAMES if stays(name)])
def test_a_hook_that_fails_when_the_old_release_is_stopped_leaves_the_new_one_serving(
    host: FakeHost, name: str
) -> None:
    release = stopped(host, name)
    with pytest.raises(ReleaseError, match="no"):
        go_on(host, release, gave_up="no")
    assert (host.current, host.running) == (release, {release})
    assert [line["outcome"] for line in host.history] == ["deployed", "deployed"]


def test_nobody_else_touches_the_app_while_a_hook_runs(host: FakeHost) -> None:
    release = stopped(host, "before_start")
    text = r"ann@box has been deploying this app for \d+ s and is at the hook 'before_start'; wait"
    for run in (host.deploy, Rollback(host.request()).roll_back):
        with pytest.raises(ReleaseError, match=text) as caught:
            run()
        assert caught.value.holder == "box/1"
    assert go_on(host, release).record.id == release


def test_a_run_that_died_at_a_hook_is_discarded_when_that_is_known(host: FakeHost) -> None:
    release = stopped(host, "before_start")
    host.change("app = 3\n")
    outcome = host.deploy(gone="box/1")
    assert release not in host.paths.release_ids()
    assert outcome.record and host.current == outcome.record.id
    with pytest.raises(ReleaseError, match="deploy again"):
        go_on(host, release)
    assert host.current == outcome.record.id


@pytest.mark.parametrize("name", ["before_start", "after_switch"])
def test_a_hook_that_takes_too_long_loses_the_app(host: FakeHost, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    release = stopped(host, name)
    later = lease.uptime() + 901
    monkeypatch.setattr(lease, "uptime", lambda: later)
    with pytest.raises(ReleaseError, match="held for 900 s at most"):
        go_on(host, release)
    assert host.deploy().changed == (name == "before_start")
    assert host.running == {host.current}


def test_a_migration_after_a_hook_is_judged_by_what_the_app_says_now(host: FakeHost) -> None:
    host.probes = [{"heads": ["b"], "current": ["b"]}]
    host.settings["release_commands"] = [{"command": "flask db upgrade", "once": False}]
    release = stopped(host, "before_migrate")
    host.probes = [{"heads": ["b"], "current": ["a"]}]
    host.events.clear()
    go_on(host, release)
    assert host.events[:2] == ["probe", "run flask db upgrade"]


@pytest.mark.parametrize("failure", ["ImportError: no", OSError("no space left")], ids=["app", "host"])
def test_a_check_that_fails_when_it_comes_again_after_a_hook_gives_the_release_up(
    host: FakeHost, failure: str | OSError
) -> None:
    release = stopped(host, "before_migrate")
    if isinstance(failure, OSError):
        host.fails["probe"] = failure
    else:
        host.probes = [{"error": failure}]
    with pytest.raises(ReleaseError) as caught:
        go_on(host, release)
    assert caught.value.stage == host.history[-1]["stage"] == "check"
    assert release not in host.paths.release_ids()
    assert lease.Lease.read("shop") is None, "nobody has to wait"


def test_what_serves_already_stops_at_no_hook(host: FakeHost) -> None:
    host.deploy()
    outcome = host.deploy(until="before_fetch")
    assert (outcome.changed, outcome.hook) == (False, {})


def test_a_lease_that_can_not_be_read_holds_nothing(host: FakeHost) -> None:
    stopped(host, "before_start")
    lease.path_of("shop").write_text("{")
    assert host.deploy().changed


def test_nobody_but_root_reads_who_holds_what(host: FakeHost) -> None:
    stopped(host, "before_start")
    assert lease.path_of("shop").stat().st_mode & 0o777 == 0o600


def test_hooks_come_in_the_order_of_the_stages() -> None:
    hooks = {"after_switch": "c", "before_build": "b", "after_fetch": "a"}
    first = release_hooks.following(hooks)
    second = release_hooks.following(hooks, first)
    third = release_hooks.following(hooks, second)
    assert (first, second, third) == ("after_fetch", "before_build", "after_switch")
    assert release_hooks.following(hooks, third) == release_hooks.following({}) == ""


@pytest.mark.parametrize(
    ("hooks", "said"),
    [
        ([], "'hooks' must be a mapping"),
        ({"after_swich": "x.yml"}, "unknown hook 'after_swich' in 'hooks' (did you mean 'after_switch'?); it must be"),
        ({1: "x.yml"}, "unknown hook '1' in 'hooks'; it must be before_ or after_ and one of the stages fetch, build"),
        ({"after_switch": ""}, "'after_switch' in 'hooks' must name a file of tasks"),
        ({"after_switch": ["x.yml"]}, "'after_switch' in 'hooks' must name a file of tasks"),
    ],
)
def test_a_wrong_description_of_hooks_is_refused(hooks: Any, said: str) -> None:
    (problem,) = release_hooks.problems(hooks)
    assert problem.startswith(said)


def test_a_file_of_a_hook_that_is_not_there_is_refused_with_the_place_looked_at(tmp_path: Path) -> None:
    (tmp_path / "there.yml").write_text("[]")
    hooks = {"after_switch": "none.yml", "before_build": "there.yml"}
    assert release_hooks.problems(hooks) == []
    assert release_hooks.file_problems(hooks, tmp_path) == [
        f"'after_switch' in 'hooks' is 'none.yml', but there is no such file (looked at {tmp_path}/none.yml)"
    ]
