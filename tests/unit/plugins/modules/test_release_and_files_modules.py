# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The modules files and release as Ansible calls them on a host, and whether their documentation is true."""

from __future__ import annotations

import grp
import json
import os
import pwd
import subprocess
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.slipway.flask.plugins.action import files as files_action
from ansible_collections.slipway.flask.plugins.action import preflight as preflight_action
from ansible_collections.slipway.flask.plugins.module_utils._app.health import Health
from ansible_collections.slipway.flask.plugins.module_utils._host import units, written
from ansible_collections.slipway.flask.plugins.module_utils._host.file_state import pack
from ansible_collections.slipway.flask.plugins.module_utils._release import by_key
from ansible_collections.slipway.flask.plugins.module_utils._release.deploy import Deploy
from ansible_collections.slipway.flask.plugins.module_utils._release.record import Record, ReleaseError
from ansible_collections.slipway.flask.plugins.module_utils._release.request import Verify, spec
from ansible_collections.slipway.flask.plugins.module_utils._release.run import Outcome
from ansible_collections.slipway.flask.plugins.modules import (
    files,
    files_on_host,
    preflight,
    release,
    release_on_host,
    rollback,
)
from as_ansible import Call, options_of, task

SETTINGS = {"app": "shop", "wsgi": "app:app", "user": "no-such-user", "health": {"path": "/healthz"}}

# ---- release -----------------------------------------------------------------------------------------------------


def described(option: dict[str, Any]) -> dict[str, Any]:
    """Return the facts of an option that both documentation and argument spec know."""
    found = {key: option.get(key) for key in ("type", "elements", "default")} | {
        "required": option.get("required", False)
    }
    inner = option.get("suboptions") or option.get("options")
    if inner:
        found["options"] = {name: described(part) for name, part in inner.items()}
    if option.get("apply_defaults"):
        found["default"] = {}
    return found


def test_the_documentation_tells_what_a_task_takes_beside_the_app() -> None:
    common = {"description", "resume", "gave_up"}
    assert set(options_of(release)) == {*common, "plan", "go_on"}
    assert set(options_of(rollback)) == {*common, "to", "schema"}
    schema = spec("rollback")["schema"]
    assert {key: options_of(rollback)["schema"][key] for key in schema} == schema


def test_whatever_may_be_secret_is_kept_out_of_logs() -> None:
    hidden = {name for name, option in release_on_host.argument_spec().items() if option.get("no_log")}
    assert hidden == {
        "git_key",
        "secret_url",
        "index_url",
        "extra_index_urls",
        "files",
        "content",
        "commands",
        "expected",
    }


def test_addresses_of_interpreters_are_kept_out_of_logs_too() -> None:
    options = release_on_host.argument_spec()["python_downloads"]["options"]
    assert {name for name, option in options.items() if option.get("no_log")} == {"mirror", "list_url"}


def test_a_release_that_fails_tells_its_stage(call: Call, tmp_path: Path) -> None:
    result = call(
        release_on_host.main, **task(**SETTINGS, root=str(tmp_path / "srv"), settings_folder=str(tmp_path / "etc"))
    )
    assert result["msg"] == "there is no user 'no-such-user' on the host; run site.yml first"
    assert result["stage"] == "preflight"


def test_a_release_that_fails_tells_what_serves_and_what_else_is_worth_knowing(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def deploy(engine: Deploy) -> Outcome:
        engine.context.notes += ["the variables have different settings than the host", "twice", "twice"]
        raise ReleaseError("because", "check")

    monkeypatch.setattr(Deploy, "deploy", deploy)
    places = {"root": str(tmp_path), "settings_folder": str(tmp_path)}
    first = call(release_on_host.main, **task(**SETTINGS, **places))
    assert (first["serves"], first["notes"]) == ("", ["the variables have different settings than the host", "twice"])
    (tmp_path / "current").symlink_to("releases/0001-a")
    assert call(release_on_host.main, **task(**SETTINGS, **places))["serves"] == "0001-a"


def test_a_release_tells_its_record_and_the_engine_gets_every_default(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Deploy] = []

    def deploy(engine: Deploy) -> Outcome:
        seen.append(engine)
        return Outcome(True, Record("0002-a", "shop", "a" * 40, "f"), notes=["n"], previous="0001-b")

    monkeypatch.setattr(Deploy, "deploy", deploy)
    places = {"root": str(tmp_path), "settings_folder": str(tmp_path)}
    result = call(release_on_host.main, **task(**SETTINGS, **places), _ansible_check_mode=True)
    told = (result["changed"], result["release"], result["previous"], result["notes"], result["need_archive"])
    assert told == (True, "0002-a", "0001-b", ["n"], False)
    assert result["record"]["revision"] == "a" * 40
    assert seen[0].check is True
    assert seen[0].request.health == Health(path=("/healthz",), status=(200,), host="", timeout_seconds=60)
    assert seen[0].request.verify == Verify(domain="", address="127.0.0.1", port=443)


def test_each_of_several_apps_is_asked_whether_it_needs_a_deploy(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends: dict[str, Outcome | Exception] = {
        "shop": Outcome(False, Record("0002-a", "shop", "a" * 40, "f"), notes=["n"], previous="0001-b"),
        "wiki": Outcome(False, due=True),
        "blog": Outcome(True),
        "held": ReleaseError("somebody deploys it"),
        "full": OSError(28, "No space left on device"),
    }

    def deploy(engine: Deploy) -> Outcome:
        assert engine.request.look
        end = ends[engine.app]
        if isinstance(end, Exception):
            raise end
        return end

    settled: list[str] = []
    monkeypatch.setattr(Deploy, "deploy", deploy)
    monkeypatch.setattr(by_key, "narrow", lambda asked: None)
    monkeypatch.setattr(by_key, "settle", lambda asked, given, key: settled.append(f"{asked.app} {given['app']} {key}"))
    places = {"root": str(tmp_path), "settings_folder": str(tmp_path)}
    apps = [{**SETTINGS, "app": name, **places} for name in ends]
    answer = call(release_on_host.main, **task(apps=apps, _half={"name": "release", "key": "k"}))
    assert [bool(found) for found in answer["apps"]] == [True, False, False, False, False]
    assert answer["apps"][0]["record"]["id"] == "0002-a"
    assert (answer["changed"], answer["apps"][0]["notes"], settled) == (False, ["n"], ["shop shop k", "blog blog k"])


def test_a_question_about_several_apps_is_held_to_the_same_options(call: Call) -> None:
    answer = call(
        release_on_host.main, **task(apps=[{**SETTINGS, "root": "/r", "settings_folder": "/s", "colour": "red"}])
    )
    assert "colour" in answer["msg"]


def test_an_error_of_the_host_is_no_traceback(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def deploy(_: Deploy) -> Outcome:
        raise PermissionError(13, "Permission denied", "/srv/shop")

    monkeypatch.setattr(Deploy, "deploy", deploy)
    places = {"root": str(tmp_path), "settings_folder": str(tmp_path)}
    assert call(release_on_host.main, **task(**SETTINGS, **places))["msg"] == "/srv/shop: Permission denied"


# ---- files -------------------------------------------------------------------------------------------------------


def payload(folder: Path, content: str) -> str:
    me, mine = pwd.getpwuid(os.getuid()).pw_name, grp.getgrgid(os.getgid()).gr_name
    return pack([{"dest": str(folder / "f"), "content": content, "owner": me, "group": mine, "mode": "0600"}])


def test_files_tells_what_it_changed_and_shows_a_diff_only_when_asked(call: Call, tmp_path: Path) -> None:
    result = call(files_on_host.main, **task(payload=payload(tmp_path, "hunter2")))
    assert (result["changed"], result["changed_files"]) == (True, [str(tmp_path / "f")])
    assert "diff" not in result
    again = call(
        files_on_host.main, **task(payload=payload(tmp_path, "hunter3")), _ansible_diff=True, _ansible_check_mode=True
    )
    assert (again["changed"], len(again["diff"])) == (True, 1)
    assert "hunter" not in json.dumps(again)
    assert (tmp_path / "f").read_text() == "hunter2"


def test_files_that_are_refused_are_no_change(call: Call, tmp_path: Path) -> None:
    result = call(files_on_host.main, **task(payload=payload(tmp_path, "x"), validate=["false"]))
    assert (result["failed"], result["changed_files"]) == (True, [])
    assert not (tmp_path / "f").exists()


def test_files_are_not_written_when_their_user_is_somebody_elses(call: Call, tmp_path: Path) -> None:
    refused = call(files_on_host.main, **task(payload=payload(tmp_path, "x"), users=[{"name": "root"}]))
    assert "its uid 0 is reserved for the system" in refused["msg"]
    assert not (tmp_path / "f").exists()


class Systemd:
    """Runs all units, and notes what it is told; that FAILS, or the module is KILLED before."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.fails = self.killed = False

    def __call__(self, argv: Sequence[str]) -> subprocess.CompletedProcess[str]:
        if argv[0] == "journalctl":
            return subprocess.CompletedProcess(argv, 0, "", "")
        if argv[1] == "show":
            return subprocess.CompletedProcess(argv, 0, "ActiveState=active\nUnitFileState=enabled\n", "")
        if self.killed:
            raise KeyboardInterrupt
        self.told.append(argv[1])
        return subprocess.CompletedProcess(argv, int(self.fails), "", "")


@pytest.fixture
def systemd(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Systemd:
    known = Systemd()
    monkeypatch.setattr(units, "NOTES", tmp_path / "notes")
    monkeypatch.setattr(written, "bring", partial(units.bring, run=known))
    return known


NGINX = [{"name": "nginx.service"}]


def test_a_reload_that_failed_is_made_up_for_by_the_next_run_though_nothing_changes(
    call: Call, systemd: Systemd, tmp_path: Path
) -> None:
    systemd.fails = True
    assert call(files_on_host.main, **task(payload=payload(tmp_path, "x"), units=NGINX))["failed"]
    systemd.fails = False
    pretended = call(files_on_host.main, **task(payload=payload(tmp_path, "x"), units=NGINX), _ansible_check_mode=True)
    assert (pretended["changed"], systemd.told) == (True, ["reload"])
    again = call(files_on_host.main, **task(payload=payload(tmp_path, "x"), units=NGINX))
    assert (again["changed"], again["changed_files"], again["actions"]) == (True, [], ["nginx.service reloaded"])
    last = call(files_on_host.main, **task(payload=payload(tmp_path, "x"), units=NGINX))
    assert (last["changed"], systemd.told) == (False, ["reload", "reload"])


def test_a_run_that_was_killed_before_the_reload_leaves_it_to_the_next(
    call: Call, systemd: Systemd, tmp_path: Path
) -> None:
    systemd.killed = True
    with pytest.raises(KeyboardInterrupt), patch_module_args(task(payload=payload(tmp_path, "x"), units=NGINX)):
        files_on_host.main()
    systemd.killed = False
    other = pack([])  # files that nobody reads but whoever starts next
    assert call(files_on_host.main, **task(payload=other))["changed"] is False
    assert call(files_on_host.main, **task(payload=payload(tmp_path, "x"), units=NGINX))["changed"] is True
    assert systemd.told == ["reload"]


def test_what_systemd_was_not_told_of_its_units_is_told_by_the_next_run(
    call: Call, systemd: Systemd, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(units, "FOLDER", f"{tmp_path}/")
    systemd.fails = True
    assert call(files_on_host.main, **task(payload=payload(tmp_path, "x")))["failed"]
    systemd.fails = False
    assert call(files_on_host.main, **task(payload=payload(tmp_path, "x")))["actions"] == ["systemd reloaded"]
    assert call(files_on_host.main, **task(payload=payload(tmp_path, "x")))["changed"] is False


def test_files_that_were_refused_leave_no_reload(call: Call, systemd: Systemd, tmp_path: Path) -> None:
    """What else has changed leaves one: test_tls_modules.py."""
    same = {"payload": payload(tmp_path, "x"), "units": NGINX}
    assert call(files_on_host.main, **task(**same))["changed"] is True
    systemd.told.clear()
    wrong = {"payload": payload(tmp_path, "y"), "units": NGINX, "validate": ["false"]}
    assert call(files_on_host.main, **task(**wrong))["failed"]
    assert call(files_on_host.main, **task(**same))["changed"] is False
    assert systemd.told == []


def test_files_tells_of_users_that_it_would_make(call: Call, tmp_path: Path) -> None:
    told = call(
        files_on_host.main, **task(payload=pack([]), users=[{"name": "no-such-user"}]), _ansible_check_mode=True,
        _ansible_diff=True,
    )  # fmt: skip
    assert (told["changed"], told["actions"]) == (True, ["user no-such-user made"])
    assert [(part["before_header"], part["after"]) for part in told["diff"]] == [
        ("users and units", "user no-such-user made\n")
    ]


@pytest.mark.parametrize("name", ["users", "units", "prune"])
def test_the_documentation_of_files_tells_what_the_host_takes(name: str) -> None:
    documented = options_of(files)[name]["suboptions"]
    spec = written.ARGUMENTS[name]["options"]
    assert {key: described(option) for key, option in documented.items()} == {
        key: described(option) for key, option in spec.items()
    }


@pytest.mark.parametrize(("module", "action"), [(files, files_action), (preflight, preflight_action)])
def test_the_documentation_tells_what_the_action_takes(module: Any, action: Any) -> None:
    assert set(options_of(module)) == set(action.ActionModule._VALID_ARGS)


def test_the_documentation_of_files_tells_what_an_entry_holds() -> None:
    entry = options_of(files)["files"]["suboptions"]
    assert set(entry) == files_action.KEYS
    assert tuple(entry["state"]["choices"]) == files_action.STATES
