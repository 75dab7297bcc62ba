# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The modules release_info, release_exec and release_report as Ansible calls them, and whether their documentation is true."""

from __future__ import annotations

import json
import re
import subprocess
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.slipway.flask.plugins.action import maintenance as maintenance_action
from ansible_collections.slipway.flask.plugins.action import release_exec as exec_action
from ansible_collections.slipway.flask.plugins.action import release_failures as failures_action
from ansible_collections.slipway.flask.plugins.action import release_info as info_action
from ansible_collections.slipway.flask.plugins.action import release_report as report_action
from ansible_collections.slipway.flask.plugins.module_utils._app.health import Health
from ansible_collections.slipway.flask.plugins.module_utils._nginx import maintenance as nginx_maintenance
from ansible_collections.slipway.flask.plugins.module_utils._release import status
from ansible_collections.slipway.flask.plugins.module_utils._release.commands import Commands
from ansible_collections.slipway.flask.plugins.module_utils._release.history import append_history
from ansible_collections.slipway.flask.plugins.module_utils._release.record import Paths, Record
from ansible_collections.slipway.flask.plugins.module_utils._remove import journal as removals
from ansible_collections.slipway.flask.plugins.modules import (
    maintenance,
    maintenance_on_host,
    release_exec,
    release_exec_on_host,
    release_failures,
    release_info,
    release_info_on_host,
    release_report,
)
from as_ansible import Call, options_of, task


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    """A host on which release 0001-abc of the shop serves."""
    paths = Paths("shop", tmp_path / "srv", tmp_path / "etc")
    paths.release("0001-abc").mkdir(parents=True)
    record = Record("0001-abc", "shop", "abcdef", "f", outcome="deployed", seconds={"fetch": 1.0})
    record.write(paths.release("0001-abc") / "release.json")
    append_history(paths.history, record)
    paths.current.symlink_to("releases/0001-abc")
    return paths


def described(paths: Paths) -> dict[str, Any]:
    return {
        "app": "shop", "root": str(paths.root), "settings": str(paths.settings), "domain": "shop.example.com",
        "health": {"path": ["/healthz"], "status": [200], "host": ""},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("module", "action"),
    [
        (release_info, info_action),
        (release_exec, exec_action),
        (release_report, report_action),
        (release_failures, failures_action),
        (maintenance, maintenance_action),
    ],
)
def test_the_documentation_tells_what_the_action_takes(module: Any, action: Any) -> None:
    assert set(options_of(module)) == set(action.ActionModule._VALID_ARGS)
    assert yaml.safe_load(module.EXAMPLES)


@pytest.mark.parametrize(
    ("module", "half", "names"),
    [
        (release_info, release_info_on_host, ("limit", "status")),
        (release_exec, release_exec_on_host, ("seconds",)),
    ],
)
def test_documented_defaults_are_the_real_ones(module: Any, half: Any, names: tuple[str, ...]) -> None:
    options = options_of(module)
    for name in names:
        assert (options[name]["default"], options[name]["type"]) == (
            half.ARGUMENTS[name]["default"],
            half.ARGUMENTS[name]["type"],
        )


@pytest.mark.parametrize("check", [True, False])
def test_a_history_is_told_in_check_mode_too(call: Call, paths: Paths, check: bool) -> None:
    result = call(release_info_on_host.main, **task(apps=[described(paths)]), _ansible_check_mode=check)
    (found,) = result["apps"]
    assert (result["changed"], found["serving"], found["total"]) == (False, "0001-abc", 1)


def test_no_history_is_no_failure(call: Call, tmp_path: Path) -> None:
    empty = Paths("shop", tmp_path / "srv", tmp_path / "etc")
    assert call(release_info_on_host.main, **task(apps=[described(empty)]))["apps"][0]["entries"] == []


def test_a_limit_that_shows_nothing_is_refused(call: Call, paths: Paths) -> None:
    result = call(release_info_on_host.main, **task(apps=[described(paths)], limit=0))
    assert result["msg"] == "limit is 0; it must be 1 or more (the number of entries to show)"


def test_status_asks_with_the_url_of_the_app(call: Call, paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []

    def status_of(*arguments: Any) -> dict[str, Any]:
        seen.append(arguments)
        return {"app": "shop"}

    monkeypatch.setattr(release_info_on_host, "status_of", status_of)
    url = "postgresql://shop:hunter2@db/shop"
    result = call(release_info_on_host.main, **task(apps=[described(paths)], status=True, urls={"shop": url}))
    assert (result["apps"], result["left"]) == ([{"app": "shop"}], [])
    assert seen == [(paths, Health(("/healthz",), (200,)), "shop.example.com", "shop", url)]
    assert "hunter2" not in json.dumps(result)
    assert status.status_of is not status_of


@pytest.mark.parametrize(("step", "gone"), [("gone", True), ("stopped", False), (None, False)])
def test_status_tells_of_an_app_that_is_in_the_list_although_it_was_removed(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: Any, gone: bool
) -> None:
    empty = Paths("shop", tmp_path / "srv", tmp_path / "etc")
    never = {"app": "shop", "release": "", "problems": ["nothing has been deployed yet"]}
    monkeypatch.setattr(release_info_on_host, "status_of", lambda *_: dict(never))
    monkeypatch.setattr(removals, "FOLDER", tmp_path)
    if step:
        removals.Journal("shop", "ann@laptop", "2026-11-26 14:05", step).write()
    (found,) = call(release_info_on_host.main, **task(apps=[described(empty)], status=True))["apps"]
    said = (
        "it was removed from this host 2026-11-26 14:05 UTC by ann@laptop, with its data. Take it out of slipway_apps"
    )
    assert found["problems"][0].startswith(said) is gone
    assert (found.get("removed"), len(found["problems"])) == (gone or None, 1)


def test_a_command_runs_in_the_release_that_serves(call: Call, paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []

    def run(context: Commands, argv: list[str], purpose: str) -> subprocess.CompletedProcess[str]:
        seen.append((context.record.id, context.request.user, context.request.wsgi, argv))
        assert purpose.startswith("exec-")
        return subprocess.CompletedProcess(argv, 3, "out", "err")

    monkeypatch.setattr(Commands, "run", run)
    places = {"app": "shop", "root": str(paths.root), "settings": str(paths.settings)}
    result = call(release_exec_on_host.main, **task(**places, wsgi="shop:app", words='["flask", "users"]'))
    assert seen == [("0001-abc", "shop", "shop:app", ["flask", "users"])]
    told = (result["changed"], result["release"], result["rc"], result["stdout"], result["stderr"])
    assert told == (True, "0001-abc", 3, "out", "err")


def test_without_a_release_there_is_nothing_to_run_in(call: Call, tmp_path: Path) -> None:
    places = {"app": "shop", "root": str(tmp_path), "settings": str(tmp_path)}
    result = call(release_exec_on_host.main, **task(**places, wsgi="shop:app", words='["id"]'))
    assert result["msg"] == "nothing has been deployed yet, so there is nothing to run the command in"


def test_sites_are_closed_and_opened(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maintenance_on_host, "switch", partial(nginx_maintenance.switch, folder=tmp_path))
    asked = {"sites": ["shop"], "by": "ann@laptop"}
    refused = call(maintenance_on_host.main, **task(**asked, closed=True))
    assert "nginx has no site 'shop' on this host" in refused["msg"] and "provision.yml" in refused["msg"]
    for folder in ("sites", "maintenance"):
        (tmp_path / folder).mkdir()
    (tmp_path / "sites/shop.conf").touch()
    flag = tmp_path / "maintenance/shop"
    for closed, check, changed in [
        (True, True, True),
        (True, False, True),
        (True, False, False),
        (False, True, True),
        (False, False, True),
        (False, False, False),
    ]:
        before = flag.exists()
        result = call(maintenance_on_host.main, **task(**asked, closed=closed), _ansible_check_mode=check)
        assert (result["changed"], result["sites"]) == (changed, ["shop"] if changed else [])
        assert flag.exists() is (before if check else closed)
    assert nginx_maintenance.closed_since("shop", tmp_path) == ""
    flag.touch()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", nginx_maintenance.closed_since("shop", tmp_path))
