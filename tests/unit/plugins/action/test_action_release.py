# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The controller's side of a deploy: what is sent, and what a person is told."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import os
import subprocess
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
from ansible_collections.slipway.flask.plugins.action import release, release_failures
from ansible_collections.slipway.flask.plugins.plugin_utils._action import kept, sources
from ansible_collections.slipway.flask.plugins.plugin_utils._action import release as action_release
from ansible_collections.slipway.flask.plugins.plugin_utils._source import folder

RECORD = {"id": "0001-a", "app": "shop", "revision": "abcdef1", "seconds": {"fetch": 1.0}}
DEPLOYED = {"changed": True, "record": RECORD, "need_archive": False, "previous": ""}
Shown = list[str]


class Action(release.ActionModule):
    """Answers as the host's side would; keeps what it was called with."""

    def __init__(self, check_mode: bool, answers: list[dict[str, Any]], **arguments: Any) -> None:
        of_task = {key: arguments.pop(key) for key in ("plan", "go_on", "resume", "gave_up") if key in arguments}
        description = {"name": "shop", "wsgi": "app:app", **arguments}
        task = MagicMock(args={"description": description, **of_task}, async_val=0, check_mode=check_mode, diff=False)
        super().__init__(task, MagicMock(), MagicMock(), MagicMock(), MagicMock(), MagicMock())
        self.answers, self.calls, self.sent = answers, [], b""
        self.removed: list[str] = []
        self._connection._shell.join_path = lambda *parts: "/".join(parts)

    def _execute_module(self, name: str, arguments: dict[str, Any], **_: Any) -> dict[str, Any]:
        if name == kept.MODULE:
            return {"changed": False, "lacks_code": True}
        assert (name, set(arguments)) == ("slipway.flask.release_on_host", {"task"})
        asked = json.loads(arguments["task"])
        assert asked.pop("_half") == {"name": "release", "key": kept.key()}
        self.calls.append(asked)
        return dict(self.answers.pop(0))

    def _make_tmp_path(self, remote_user: str | None = None) -> str:
        return "/remote"

    def _remove_tmp_path(self, tmp_path: str, force: bool = False) -> None:
        self.removed.append(tmp_path)

    def _transfer_file(self, local_path: str, remote_path: str) -> str:
        self.sent = Path(local_path).read_bytes()
        return remote_path


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Shown:
    """What is displayed."""
    texts: Shown = []
    display = MagicMock(
        display=lambda text, color="": texts.append(text), warning=lambda text: texts.append(f"warning: {text}")
    )
    monkeypatch.setattr(action_release, "Display", lambda: display)
    return texts


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """An inventory's folder, beside the source folder `shop`."""
    (tmp_path / "shop/web").mkdir(parents=True)
    (tmp_path / "shop/web/app.py").write_text("x")
    (tmp_path / "shop/README").write_text("x")
    (tmp_path / "inventory").mkdir()
    return tmp_path / "inventory"


def run(
    base: Path, *answers: dict[str, Any], check_mode: bool = False, **arguments: Any
) -> tuple[Action, dict[str, Any]]:
    action = Action(check_mode, list(answers), **arguments)
    return action, action.run(task_vars={"inventory_dir": str(base), "inventory_hostname": "web1"})


def test_a_host_that_has_the_source_is_called_once(base: Path, shown: Shown) -> None:
    action, result = run(base, DEPLOYED, path="../shop", verify={"domain": "shop.example.com"})
    packed = folder.pack(base.parent / "shop", base / "tar")
    (call,) = action.calls
    assert (call["source_key"], call["revision"], call["dirty"]) == (packed.key, packed.revision, False)
    assert "path" not in call
    assert "@" in call["by"]
    assert result["changed"]
    assert shown == ["shop on web1: release 0001-a is live\n  URL             https://shop.example.com/\n"
                     "  Revision        abcdef1\n  Migration head  no migrations known\n"
                     "  Seconds         1.0 (fetch 1.0)\n  Before          nothing: this is the first release"]  # fmt: skip


def test_a_small_source_goes_along_so_that_the_host_need_not_ask_for_it(base: Path, shown: Shown) -> None:
    action, _ = run(base, DEPLOYED, path="../shop")
    folder.pack(base.parent / "shop", base / "tar")
    assert gzip.decompress(base64.b64decode(action.calls[0]["content"])) == (base / "tar").read_bytes()
    checked, _ = run(base, DEPLOYED, check_mode=True, path="../shop")
    assert "content" not in checked.calls[0], "nothing would be unpacked"


def test_a_host_that_lacks_a_large_source_is_sent_it(base: Path, shown: Shown) -> None:
    (base.parent / "shop/web/video").write_bytes(os.urandom(sources.SMALL_BYTES))
    action, result = run(base, {"changed": False, "need_archive": True}, DEPLOYED, path="../shop", subfolder="web")
    folder.pack(base.parent / "shop/web", base / "tar")
    assert gzip.decompress(action.sent) == (base / "tar").read_bytes()
    assert "content" not in action.calls[0]
    assert action.calls[1] == {**action.calls[0], "upload": "/remote/source"}
    assert (result["changed"], action.removed) == (True, ["/remote"])
    assert "need_archive" not in result


def test_a_deploy_that_fails_is_told_with_its_stage_and_leaves_no_archive(base: Path, shown: Shown) -> None:
    failed = {"failed": True, "msg": "because", "stage": "gate", "invocation": {"module_args": {"files": "secret"}}}
    action, result = run(base, {"changed": False, "need_archive": True}, failed, path="../shop")
    assert result["failed"]
    told = "shop on web1: the deploy failed at stage 'gate'. The previous release is still live.\nbecause"
    assert result["msg"] == told
    assert (action.removed, shown) == (["/remote"], [])
    assert "secret" not in str(result)


def many(base: Path, host: str, **answers: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Release each app on HOST in a play that goes on, then have it end; return both results, the first of the last app."""
    variables = {"inventory_dir": str(base), "inventory_hostname": host}
    for app, answer in answers.items():
        last = Action(False, [answer], name=app, path="../shop", go_on=True).run(task_vars=variables)
    task = MagicMock(args={"apps": len(answers)}, async_val=0, check_mode=False, diff=False)
    end = release_failures.ActionModule(task, *(MagicMock() for _ in range(5)))
    return last, end.run(task_vars=variables)


@pytest.fixture
def controller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run of Ansible of its own."""
    (tmp_path / "local").mkdir()
    monkeypatch.setattr("ansible.constants.DEFAULT_LOCAL_TMP", str(tmp_path / "local"))


FAILED = {"failed": True, "msg": "'wsgi' can't be imported\nTraceback", "stage": "check", "serves": "0001-a"}


@pytest.mark.usefixtures("controller")
def test_an_app_that_fails_is_told_at_once_and_the_play_fails_at_its_end(base: Path, shown: Shown, sent: Sent) -> None:
    last, end = many(base, "web1", shop=FAILED, wiki=DEPLOYED, blog={**FAILED, "serves": "", "stage": "build"})
    head = "shop on web1: the deploy failed at stage 'check'. The previous release is still live."
    assert shown[0] == f"{head}\n'wsgi' can't be imported\nTraceback\n"
    assert ("failed" in last, last["given_up"].splitlines()[1]) == (False, "'wsgi' can't be imported")
    assert end["msg"].splitlines() == [
        "2 of 3 apps failed on web1; the run went on with the others:",
        "  - shop: the deploy failed at stage 'check'. The previous release is still live.",
        "    'wsgi' can't be imported",
        "  - blog: the deploy failed at stage 'build'. No release is live yet.",
        "    'wsgi' can't be imported",
    ]
    assert (end["failed"], end["failures"]) == (True, ["shop", "blog"])


@pytest.mark.usefixtures("controller")
def test_a_host_fails_for_its_own_apps_only(base: Path, shown: Shown, sent: Sent) -> None:
    assert many(base, "web1", shop=FAILED)[1]["failed"]
    assert "failed" not in many(base, "web2", shop=DEPLOYED)[1]


@pytest.mark.usefixtures("controller")
def test_a_failure_on_the_controller_names_its_app_too(base: Path, shown: Shown) -> None:
    action = Action(False, [], name="shop", path="../none", go_on=True)
    result = action.run(task_vars={"inventory_dir": str(base), "inventory_hostname": "web1"})
    assert result["given_up"] == f"shop on web1: the source folder {base.parent}/none holds no files"


@pytest.mark.usefixtures("controller")
def test_each_failed_app_is_told_to_its_webhooks(base: Path, shown: Shown, sent: Sent) -> None:
    for app in ("shop", "wiki"):
        action = Action(False, [dict(FAILED)], name=app, path="../shop", go_on=True, notifications=WEBHOOKS[:1])
        action.run(task_vars={"inventory_dir": str(base), "inventory_hostname": "web1"})
        assert "go_on" not in action.calls[0]
    assert [(content["app"], content["outcome"]) for _, content in sent] == [("shop", "failed"), ("wiki", "failed")]


@pytest.mark.usefixtures("controller")
def test_a_plan_that_would_be_refused_goes_on_too(base: Path, shown: Shown) -> None:
    action = Action(
        False, [{"failed": True, "msg": "no disk", "notes": []}], name="shop", path="../shop", go_on=True, plan=True
    )
    result = action.run(task_vars={"inventory_dir": str(base), "inventory_hostname": "web1"})
    assert "the plan failed" in result["given_up"]


def test_a_git_source_is_the_hosts_own_business(base: Path, shown: Shown) -> None:
    action, _ = run(base, DEPLOYED, git="https://example.com/shop.git", version="v1")
    (call,) = action.calls
    assert (call["git"], call["version"], "source_key" in call) == ("https://example.com/shop.git", "v1", False)


@pytest.mark.parametrize("arguments", [{}, {"path": "../shop", "git": "https://example.com/a.git"}])
def test_a_source_is_either_a_folder_or_a_repository(base: Path, arguments: dict[str, Any]) -> None:
    action, result = run(base, **arguments)
    assert (result["failed"], action.calls) == (True, [])
    assert result["msg"].startswith("'source' needs one of 'path'")


def test_an_empty_source_is_refused_before_the_host_is_asked(base: Path) -> None:
    action, result = run(base, path="../none")
    assert result["msg"] == f"the source folder {base.parent}/none holds no files"
    assert (result["failed"], action.calls) == (True, [])


def test_check_mode_prints_no_report_of_what_did_not_happen(base: Path, shown: Shown) -> None:
    _, result = run(base, DEPLOYED, check_mode=True, path="../shop")
    assert (result["changed"], shown) == (True, [])


def hooked(base: Path, **hooks: str) -> dict[str, str]:
    for path in hooks.values():
        (base / path).write_text("[]")
    return hooks


WAITING = {**DEPLOYED, "hook": {"name": "after_switch", "release": "0001-a"}}


def test_a_release_is_stopped_at_its_first_hook_and_told_the_file_of_its_tasks(base: Path, shown: Shown) -> None:
    hooks = hooked(base, after_drain="a.yml", after_switch="b.yml")
    action, result = run(base, WAITING, path="../shop", hooks=hooks)
    (call,) = action.calls
    assert (call["until"], "hooks" in call, "resume" in call) == ("after_switch", False, False)
    assert result["hook"] == {"name": "after_switch", "release": "0001-a", "files": [str(base / "b.yml")]}
    assert shown == [], "it is not over"


def test_a_release_goes_on_after_a_hook_without_its_source(base: Path, shown: Shown) -> None:
    hooks = hooked(base, after_drain="a.yml", after_switch="b.yml")
    action, result = run(base, {**DEPLOYED, "hook": {}}, path="../none", hooks=hooks, resume=WAITING["hook"])
    (call,) = action.calls
    assert (call["until"], call["resume"], "path" in call) == ("after_drain", "0001-a", False)
    assert ("hook" in result, len(shown)) == (False, 1)


@pytest.mark.parametrize("hooks", [{"after_lunch": "a.yml"}, {"after_switch": "none.yml"}])
def test_wrong_hooks_are_refused_before_the_host_is_asked(base: Path, hooks: dict[str, str]) -> None:
    action, result = run(base, path="../shop", hooks=hooks)
    assert (result["failed"], action.calls) == (True, [])
    assert "in 'hooks'" in result["msg"]


def test_a_run_of_this_machine_that_has_died_holds_nothing(base: Path, shown: Shown) -> None:
    child = subprocess.Popen(["true"])
    child.wait()
    holder = f"{action_release.machine()}/{child.pid}"
    action, result = run(base, {"failed": True, "msg": "held", "holder": holder}, DEPLOYED, path="../shop")
    assert (action.calls[1]["gone"], result["changed"]) == (holder, True)


@pytest.mark.parametrize(
    "holder",
    [f"{action_release.machine()}/{os.getpid()}", "elsewhere/boot/1", "", "x"],
    ids=["it lives", "on another machine", "unknown", "unreadable"],
)
def test_a_run_that_lives_or_may_live_keeps_its_hold(base: Path, holder: str) -> None:
    action, result = run(base, {"failed": True, "msg": "held", "holder": holder}, path="../shop")
    assert (len(action.calls), result["failed"], "holder" in result) == (1, True, False)


WEBHOOKS = [{"url": "https://hooks.example.com/t0ken"}, {"url": "https://hooks.example.com/t0ken", "format": "slack"}]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """What is posted, by address; the webhook answers well."""
    posts: list[tuple[str, dict[str, Any]]] = []

    def send(url: str, content: bytes) -> str:
        posts.append((url, json.loads(content)))
        return ""

    monkeypatch.setattr(action_release.notifications, "send", send)
    return posts


Sent = list[tuple[str, dict[str, Any]]]


def test_a_deploy_is_told_to_its_webhooks_and_not_to_the_host(base: Path, shown: Shown, sent: Sent) -> None:
    action, result = run(base, DEPLOYED, path="../shop", notifications=WEBHOOKS)
    assert [url for url, _ in sent] == [webhook["url"] for webhook in WEBHOOKS]
    told, slack = (content for _, content in sent)
    assert (told["what"], told["app"], told["host"], told["outcome"]) == ("deploy", "shop", "web1", "succeeded")
    assert (told["release"], told["seconds"]) == ("0001-a", {"fetch": 1.0})
    assert slack == {"text": shown[0]}
    assert "t0ken" not in str(action.calls) + str(result) + str(shown)


def test_of_a_failure_webhooks_get_the_stage_and_the_first_line(base: Path, shown: Shown, sent: Sent) -> None:
    failed = {"failed": True, "msg": "/ answered 500. Its journal:\nann@example.com was here", "stage": "gate"}
    run(base, failed, path="../shop", notifications=WEBHOOKS)
    assert [content.get("outcome", "") for _, content in sent] == ["failed", ""]
    assert "at stage 'gate'" in sent[1][1]["text"] and "answered 500" in sent[1][1]["text"]
    assert "ann@example.com" not in str(sent)


@pytest.mark.parametrize(
    ("answer", "check"), [({**DEPLOYED, "changed": False}, False), (DEPLOYED, True), (WAITING, False)]
)
def test_webhooks_are_left_alone_when_nothing_has_happened_yet(
    base: Path, shown: Shown, sent: Sent, answer: dict[str, Any], check: bool
) -> None:
    hooks = hooked(base, after_switch="b.yml")
    run(base, answer, check_mode=check, path="../shop", hooks=hooks, notifications=WEBHOOKS)
    assert sent == []


def test_a_webhook_that_fails_is_one_warning(base: Path, shown: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(action_release.notifications, "send", lambda url, content: "it answered 404")
    _, result = run(base, DEPLOYED, path="../shop", notifications=WEBHOOKS[:1])
    assert shown[1:] == ["warning: notification 1 (slipway) of shop on web1 could not be sent: it answered 404"]
    assert not result.get("failed")


def test_credentials_in_an_address_are_kept_apart_from_what_a_host_writes_into_its_log(
    base: Path, shown: Shown
) -> None:
    action, _ = run(base, DEPLOYED, git="https://ann:t0ken@example.com/shop.git")
    (call,) = action.calls
    assert call["git"] == "https://example.com/shop.git"
    assert call["secret_url"] == "https://ann:t0ken@example.com/shop.git"
    action, _ = run(base, DEPLOYED, archive="https://example.com/a.tgz?X-Signature=t0ken", sha256="a" * 64)
    assert [action.calls[0][name] for name in ("archive", "secret_url")] == [
        "https://example.com/a.tgz",
        "https://example.com/a.tgz?X-Signature=t0ken",
    ]


ENVIRONMENT = 'LOG_LEVEL="info"\nADMIN_PASSWORD="Tr0ub4dor&3"\n'


def test_commands_and_settings_are_sent_as_texts_that_no_log_has(base: Path, shown: Shown) -> None:
    commands = [{"command": "flask create-admin --password $ADMIN_PASSWORD", "once": True}, "flask db upgrade"]
    action, _ = run(base, DEPLOYED, path="../shop", release_commands=commands, expected_environment=ENVIRONMENT)
    (call,) = action.calls
    told = json.loads(call["commands"])
    assert [one["command"] for one in told["release_commands"]] == [commands[0]["command"], "flask db upgrade"]
    assert set(json.loads(call["expected"])["hashes"]) == {"LOG_LEVEL", "ADMIN_PASSWORD"}
    assert {"release_commands", "build_commands", "setup_commands", "expected_environment"} & set(call) == set()
    assert "Tr0ub4dor" not in str(call) and "info" not in call["expected"]


def test_a_secret_in_a_command_is_refused_before_the_host_is_asked(base: Path) -> None:
    action, result = run(
        base, path="../shop", release_commands=["flask create-admin 'Tr0ub4dor&3'"], expected_environment=ENVIRONMENT
    )
    assert (result["failed"], action.calls) == (True, [])
    assert "contains the value of ADMIN_PASSWORD: write $ADMIN_PASSWORD" in result["msg"]
    assert "Tr0ub4dor" not in str(result)


def test_an_archive_here_is_sent_as_it_is_and_named_by_its_checksum(base: Path, shown: Shown) -> None:
    (base / "shop.zip").write_bytes(b"zip")
    key = hashlib.sha256(b"zip").hexdigest()
    action, _ = run(base, {"changed": False, "need_archive": True}, DEPLOYED, archive="shop.zip", sha256=key)
    first, second = action.calls
    assert (first["archive"], first["source_key"], first["revision"]) == ("shop.zip", key, key)
    assert (second["upload"], action.sent) == ("/remote/source", b"zip")


def test_an_archive_here_with_another_checksum_is_refused(base: Path) -> None:
    (base / "shop.zip").write_bytes(b"zip")
    action, result = run(base, archive="shop.zip", sha256="a" * 64)
    assert f"not {'a' * 64} as its `sha256` says" in result["msg"]
    assert (result["failed"], action.calls) == (True, [])


def test_a_folder_is_packed_once_for_all_hosts_and_again_for_a_later_deploy(base: Path, shown: Shown) -> None:
    def key(host: str) -> str:
        action = Action(False, [dict(DEPLOYED)], path="../shop")
        action.run(task_vars={"inventory_dir": str(base), "inventory_hostname": host})
        return str(action.calls[0]["source_key"])

    first = key("web1")
    (base.parent / "shop/README").write_text("changed in between")
    assert key("web2") == first, "all hosts get the same"
    second = key("web1")
    assert second != first, "what a play changed between two deploys counts"
    assert key("web2") == second
