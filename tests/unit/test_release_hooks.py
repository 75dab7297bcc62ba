# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The role app_release as Ansible runs its tasks, above all with hooks; what the host would answer is made up."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import stand_in_host
import yaml
from warm_ansible import Ansible

ROOT = Path(__file__).resolve().parents[2]
HOST = '''

import os


def call(action, module, arguments, task_vars):
    return {"lacks_code": True}


def ask(action, name, arguments, task_vars):
    """Answer as a host on which every stage is good: stop at the hook that is asked for.

    Of several apps, those are live that the file `live` names; who asks is written to `calls.live`.
    """
    if "apps" in arguments:
        names = [one["app"] for one in arguments["apps"]]
        with open("calls.live", "a") as file:
            file.write(json.dumps(names) + "\\n")
        live = open("live").read().split() if os.path.exists("live") else []
        records = {name: {"id": "0001-a", "app": name, "revision": "abcdef1", "seconds": {}} for name in live}
        return {"apps": [{"changed": False, "record": records[name]} if name in live else None for name in names]}
    asked = {key: arguments.get(key) or "" for key in ("app", "until", "resume", "gave_up")}
    with open("calls", "a") as file:
        file.write(json.dumps([name, *asked.values()]) + "\\n")
    with open("calls.limits", "a") as file:
        limits = {key: int(arguments[key]) for key in ("command_seconds", "drain_seconds") if key in arguments}
        file.write(json.dumps({**limits, "min_free_mb": arguments.get("min_free_mb")}) + "\\n")
    if asked["gave_up"]:
        return {"failed": True, "msg": asked["gave_up"], "stage": "check", "serves": "", "notes": []}
    record = {"id": "0001-a", "app": asked["app"], "revision": "abcdef1", "seconds": {}}
    hook = {"name": asked["until"], "app": asked["app"], "release": "0001-a"} if asked["until"] else {}
    return {"changed": True, "record": record, "previous": "", "notes": [], "draining": [], "hook": hook}
'''
GOOD, BAD = "good.yml", "bad.yml"
Play = Callable[..., list[list[str]]]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return stand_in_host.environment(tmp_path_factory.mktemp("collections"), HOST)


@pytest.fixture
def play(tmp_path: Path, environment: dict[str, str], ansible_playbook: Ansible) -> Play:
    """Return a function that runs the role for apps with hooks, and returns what the host was asked."""
    calls = tmp_path / "calls"
    (tmp_path / GOOD).write_text("- ansible.builtin.debug: {msg: well}\n")
    (tmp_path / BAD).write_text("- {name: Purge, ansible.builtin.fail: {msg: away}}\n")

    def released(entry: str, hooks: dict[str, str], *apps: Any, **variables: Any) -> list[list[str]]:
        files = {name: str(tmp_path / file) for name, file in hooks.items()}
        named = [app if isinstance(app, dict) else {"name": app} for app in apps]
        each = [{"wsgi": "a:b", "package": "a==1", "hooks": files, **app} for app in named]
        role = {"name": "slipway.flask.app_release", "tasks_from": entry}
        task = {"ansible.builtin.import_role": role, "vars": {"app_release_releases": each, **variables}}
        book = [{"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": [task]}]
        (tmp_path / "play.yml").write_text(yaml.safe_dump(book))
        done = ansible_playbook("-i", "localhost,", "play.yml", cwd=tmp_path, env=environment)
        assert done.returncode == 0, done.stdout + done.stderr
        return [json.loads(line) for line in calls.read_text().splitlines()]

    return released


def test_each_app_stops_at_each_of_its_hooks(play: Play) -> None:
    stops = [("before_build", ""), ("after_switch", "0001-a"), ("", "0001-a")]
    assert play("main", {"after_switch": GOOD, "before_build": GOOD}, "shop", "blog") == [
        ["release", app, until, resume, ""] for app in ("shop", "blog") for until, resume in stops
    ]


def test_a_hook_that_fails_gives_the_release_up_once_and_the_next_app_has_its_turn(play: Play) -> None:
    asked = play("main", {"before_build": BAD, "after_switch": GOOD}, "shop", "blog", app_release_go_on=True)
    assert [[app, resume, gave_up] for _, app, _, resume, gave_up in asked] == [
        [app, *call] for app in ("shop", "blog") for call in (["", ""], ["0001-a", "Purge: away"])
    ]


def test_apps_that_are_live_are_asked_about_once_and_not_deployed(play: Play, tmp_path: Path) -> None:
    (tmp_path / "live").write_text("shop wiki")
    deployed = play("main", {"before_build": GOOD}, "shop", "blog", "wiki")
    assert [(name, app, until) for name, app, until, _, _ in deployed] == [
        ("release", "blog", "before_build"), ("release", "blog", ""),
    ]  # fmt: skip
    assert json.loads((tmp_path / "calls.live").read_text()) == ["shop", "blog", "wiki"]


@pytest.mark.parametrize(("apps", "more"), [(["shop"], {}), (["shop", "blog"], {"app_release_plan": True})])
def test_a_single_app_and_a_plan_are_not_asked_about_before(
    play: Play, tmp_path: Path, apps: list[str], more: dict[str, Any]
) -> None:
    assert len(play("main", {}, *apps, **more)) == len(apps)
    assert not (tmp_path / "calls.live").exists()


def test_a_rollback_goes_back_once_whatever_hooks_a_deploy_has_beside_it(play: Play) -> None:
    hooks = {"before_build": GOOD, "before_start": GOOD, "after_prune": GOOD}
    assert play("rollback", hooks, "shop") == [
        ["rollback", "shop", "before_start", "", ""], ["rollback", "shop", "", "0001-a", ""]
    ]  # fmt: skip


def limits(tmp_path: Path) -> list[dict[str, int | None]]:
    return [json.loads(line) for line in (tmp_path / "calls.limits").read_text().splitlines()]


def test_limits_hold_for_every_release_that_does_not_set_its_own(play: Play, tmp_path: Path) -> None:
    """They are the role's, so that they can be set in an inventory for the apps of `slipway_apps`."""
    play(
        "main",
        {},
        "shop",
        {"name": "blog", "drain_seconds": 9},
        app_release_command_seconds=7200,
        app_release_min_free_mb=99,
    )
    assert limits(tmp_path) == [
        {"command_seconds": 7200, "drain_seconds": drain, "min_free_mb": 99} for drain in (30, 9)
    ]  # fmt: skip


def test_limits_hold_for_a_rollback_too(play: Play, tmp_path: Path) -> None:
    play("rollback", {}, "shop", app_release_drain_seconds=90)
    assert limits(tmp_path) == [{"command_seconds": 3600, "drain_seconds": 90, "min_free_mb": None}]
