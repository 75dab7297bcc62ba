# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The controller's side of a removal: nothing happens before a person has said yes, and the data is fetched before it goes."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
from ansible.errors import AnsibleError
from ansible_collections.slipway.flask.plugins.action import remove
from ansible_collections.slipway.flask.plugins.module_utils._transfer import outgoing
from ansible_collections.slipway.flask.plugins.plugin_utils._action import asking
from app_descriptions import shop

SHOP = shop()
FOUND: dict[str, Any] = {
    "there": True,
    "items": [["PostgreSQL's database shop", 8_000_000], ["/srv/shop", 69_300_000], ["its user shop (uid 999)", None]],
    "problems": [], "notes": ["its backups stay"], "step": "begun", "under_way": False, "begun": "", "by": "",
    "urls": ["postgresql:///shop"], "folders": ["/srv/shop/shared/uploads", "/var/lib/notes"], "saved": {},
}  # fmt: skip


def run(
    monkeypatch: pytest.MonkeyPatch, answer: bytes | None = None, found: dict[str, Any] | None = None, check: bool = False,
    fetched: dict[str, Any] | None = None, fails: str = "", variables: dict[str, Any] | None = None, **arguments: Any,
) -> tuple[list[dict[str, Any]], dict[str, Any], list[str], list[dict[str, Any]]]:  # fmt: skip
    """Return what the host was asked, the task's result, what the person has read, and what was exported."""
    asked, read, exported = list[dict[str, Any]](), list[str](), list[dict[str, Any]]()

    class Person:
        def display(self, text: str, **_: Any) -> None:
            read.append(text)

        def prompt_until(self, text: str, **_: Any) -> bytes:
            read.append(text)
            if answer is None:
                raise AnsibleError("stdin is not interactive")
            return answer

    def export(action: Any, head: str, to: str, wanted: dict[str, Any], task_vars: Any) -> dict[str, Any]:
        exported.append({**wanted, "to": to, "after": [one.get("what", "look") for one in asked]})
        return fetched or {"changed": True, "files": ["exports/shop.dump"]}

    def host(_: str, given: dict[str, Any], **__: Any) -> dict[str, Any]:
        asked.append(json.loads(given["task"]))
        if asked[-1].get("what") == fails:
            return {"failed": True, "msg": "the disk is on fire"}
        if asked[-1].get("what") == "remove":
            return {"changed": True, "notes": ["its backups stay"]}
        return {"changed": False, "found": {**FOUND, **{key: [*value] if isinstance(value, list) else value
                                                        for key, value in (found or {}).items()}}}  # fmt: skip

    for module in (remove, asking):
        monkeypatch.setattr(module, "Display", Person)
    monkeypatch.setattr(remove.export, "fetch", export)
    task = MagicMock(args={"app": "shop", **arguments}, async_val=0, check_mode=check)
    action = remove.ActionModule(task, MagicMock(), MagicMock(), MagicMock(), MagicMock(), MagicMock())
    action._execute_module = host
    return asked, action.run(task_vars={"inventory_hostname": "web1", **(variables or {})}), read, exported


def kinds(asked: list[dict[str, Any]]) -> list[str]:
    return [one.get("what", "look") for one in asked]


def test_what_goes_is_told_with_sizes_then_stopped_exported_and_removed_in_this_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked, result, read, (exported,) = run(
        monkeypatch, confirmed="true", to="safe", backups="forget", apps=[{"name": "blog"}]
    )
    assert kinds(asked) == ["look", "stop", "remove"]
    assert [one["forget"] for one in asked] == [True] * 3
    assert asked[-1]["exported"] is True
    assert read[0].splitlines() == [
        "shop on web1: all of this will be removed",
        "   8.0 MB  PostgreSQL's database shop",
        "  69.3 MB  /srv/shop",
        "           its user shop (uid 999)",
        "  Note: its backups stay",
        "  First its database and folders are exported to safe on this machine (-e export=false skips that)",
    ]
    assert (exported["to"], exported["url"], exported["after"]) == ("safe", "postgresql:///shop", ["look", "stop"])
    assert exported["folders"] == {"uploads": "/srv/shop/shared/uploads", "var-lib-notes": "/var/lib/notes"}
    assert (result["changed"], result["files"]) == (True, ["exports/shop.dump"])
    assert read[-1].startswith("shop on web1: removed, and its backups as far as they can be\n  Note: its backups stay")
    assert "still in slipway_apps" not in read[-1]


def test_an_app_that_is_still_described_is_named_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    _, _, read, _ = run(monkeypatch, confirmed=True, apps=[{"name": "shop"}])
    assert read[-1].endswith(
        "It is still in slipway_apps: take it out. site.yml sets it up again only with -e anew=shop"
    )


@pytest.mark.parametrize(
    ("answer", "begins"),
    [(b"shop", True), (b"shop\r\n", True), (b"yes", False), (b"", False), (b"shop-eu", False), (None, False)],
)
def test_at_a_terminal_the_name_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, answer: bytes | None, begins: bool
) -> None:
    asked, result, _, exported = run(monkeypatch, answer)
    assert kinds(asked) == (["look", "stop", "remove"] if begins else ["look"])
    assert bool(exported) is begins
    assert begins or ("Nothing was changed" in result["msg"] and result["failed"])
    assert answer is not None or "-e yes=true" in result["msg"]


def test_what_is_empty_is_named_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    items = [["/run/shop", 0], ["/srv/shop", 69_300_000], ["/var/cache/shop", 40], ["its user shop (uid 999)", None]]
    _, _, read, _ = run(monkeypatch, check=True, found={"items": items, "notes": []})
    assert read[0].splitlines()[1:4] == [
        "  69.3 MB  /srv/shop",
        "           its user shop (uid 999)",
        "           empty: /run/shop, /var/cache/shop",
    ]


def test_check_mode_shows_the_list_and_asks_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, result, read, exported = run(monkeypatch, check=True)
    assert read[-1] == "Nothing was changed: --check only shows it"
    assert (kinds(asked), len(read), result["changed"], exported) == (["look"], 2, True, [])


def test_where_there_is_nothing_nothing_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = {"there": False, "items": [], "begun": "2026-11-26 14:05", "by": "ann@laptop"}
    asked, result, read, _ = run(monkeypatch, found=gone, confirmed=True)
    assert (kinds(asked), result["changed"]) == (["look"], False)
    assert read == ["shop on web1: there is nothing of it; it was removed 2026-11-26 14:05 UTC by ann@laptop"]


def test_what_is_in_the_way_is_told_before_anybody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, result, _, _ = run(
        monkeypatch, b"shop", found={"problems": ["/srv/shop/shared is a mount point"]}, confirmed=True
    )
    assert (kinds(asked), result["failed"]) == (["look"], True)
    assert result["msg"] == "shop on web1: nothing was changed, because:\n  - /srv/shop/shared is a mount point"


def test_data_stays_when_the_last_export_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, result, _, _ = run(monkeypatch, confirmed=True, fetched={"failed": True, "msg": "no room"})
    assert (kinds(asked), result["failed"]) == (["look", "stop"], True)
    assert "all of its data is there, for the last export failed: no room" in result["msg"]
    assert "-e export=false" in result["msg"]


def test_data_stays_when_the_last_export_lacks_some_of_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/link").symlink_to("/etc")
    harmless = outgoing.write(tmp_path / "data", tmp_path, io.BytesIO())
    (tmp_path / "data/secret").touch()
    real = os.open

    def opened(path: Any, *arguments: Any, **more: Any) -> int:
        if path == "secret":
            raise PermissionError
        return real(path, *arguments, **more)

    monkeypatch.setattr(outgoing.os, "open", opened)
    lost = outgoing.write(tmp_path / "data", tmp_path, io.BytesIO())
    monkeypatch.undo()
    good = {"changed": True, "files": ["exports/shop.dump"]}
    asked, result, _, _ = run(monkeypatch, confirmed=True, fetched={**good, "notes": harmless})
    assert (len(harmless), kinds(asked)) == (1, ["look", "stop", "remove"])
    asked, result, _, _ = run(monkeypatch, confirmed=True, fetched={**good, "notes": lost})
    assert (kinds(asked), result["failed"], result["files"]) == (["look", "stop"], True, ["exports/shop.dump"])
    assert (
        "secret was left out: the app itself can't read it. What could be exported is in exports/shop" in result["msg"]
    )
    assert "link" not in result["msg"] and "-e export=false" in result["msg"]


@pytest.mark.parametrize(
    ("found", "arguments"),
    [
        ({}, {"export": "false"}),
        ({"step": "exported", "under_way": True, "begun": "2026"}, {}),
        ({"urls": [], "folders": []}, {}),
    ],
)
def test_nothing_is_exported_that_is_not_wanted_was_exported_or_is_not_there(
    monkeypatch: pytest.MonkeyPatch, found: dict[str, Any], arguments: dict[str, Any]
) -> None:
    asked, result, _, exported = run(monkeypatch, found=found, confirmed=True, **arguments)
    assert (kinds(asked), exported, asked[-1]["exported"]) == (["look", "stop", "remove"], [], False)
    assert result["changed"]


def test_a_database_elsewhere_is_exported_by_the_url_that_the_list_has(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = {
        "name": "shop", "domains": ["shop.example.org"], "wsgi": "wsgi:app", "source": {"path": "/srv/code"}, "database": "url",
        "database_url": "postgresql://shop:hunter2@db.example.org/shop",
        "secrets": {"SECRET_KEY": "9f1c7a5be02d4c6f8a3e5d7b1c9f0e2a"},
    }  # fmt: skip
    _, result, read, (exported,) = run(monkeypatch, found={"urls": [], "folders": []}, confirmed=True, apps=[shop])
    assert exported["url"].endswith("://shop:hunter2@db.example.org/shop")
    assert "hunter2" not in str(result) + str(read)
    *_, none = run(monkeypatch, found={"urls": [], "folders": []}, confirmed=True, apps=[{**shop, "domains": 1}])
    assert none == []


def test_an_app_that_moved_from_one_server_to_the_other_has_both_databases_exported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    both = ["postgresql:///shop", "mysql://shop@localhost/shop"]
    asked, result, _, exported = run(monkeypatch, found={"urls": both}, confirmed=True)
    assert [one["url"] for one in exported] == both
    assert [len(one["folders"]) for one in exported] == [2, 0]
    assert [one["after"] for one in exported] == [["look", "stop"]] * 2
    assert (kinds(asked), result["files"]) == (["look", "stop", "remove"], ["exports/shop.dump"] * 2)


def test_folders_whose_names_become_the_same_in_a_file_name_are_both_exported(monkeypatch: pytest.MonkeyPatch) -> None:
    folders = ["/srv/shop/shared/var-lib-notes", "/var/lib/notes", "/var/lib-notes"]
    *_, (exported,) = run(monkeypatch, found={"folders": folders}, confirmed=True)
    assert list(exported["folders"].values()) == folders


@pytest.mark.parametrize("fails", ["stop", "remove"])
def test_a_removal_that_fails_on_its_way_says_that_it_goes_on(monkeypatch: pytest.MonkeyPatch, fails: str) -> None:
    _, result, _, _ = run(monkeypatch, confirmed=True, fails=fails)
    assert result["msg"].startswith("shop on web1: the removal is not complete: the disk is on fire\nRun this again")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"app": ""}, "pass the app to remove: -e app=NAME"),
        ({"app": "../etc"}, "'../etc' in 'app' is not a valid app name"),
        ({"backups": "gone"}, "backups is 'gone'; it must be keep or forget"),
    ],
)
def test_what_can_not_be_meant_is_refused_on_the_controller(
    monkeypatch: pytest.MonkeyPatch, arguments: dict[str, Any], said: str
) -> None:
    asked, result, _, _ = run(monkeypatch, **arguments)
    assert (asked, result["msg"]) == ([], said)


# ---- the database is on another host ---------------------------------------------------------------------------

REMOTE: dict[str, Any] = {
    "urls": [], "problems": [], "notes": [], "remote": "postgresql://shop@10.0.0.21:5432/shop?passfile=/etc/slipway/passwords/shop.pgpass",
}  # fmt: skip
SERVES: dict[str, Any] = {
    "runs": False, "urls": [], "folders": [], "problems": [], "notes": [], "serves": True,
    "clients": ["10.0.0.11/32", "10.0.0.12/32"], "items": [["PostgreSQL's database shop", 8_000_000]],
}  # fmt: skip


def fleet(host: str, *left_out: str) -> dict[str, Any]:
    """Return the variables of a task on HOST, in a run that has looked at all hosts but those LEFT_OUT."""
    addresses = {"web1": "10.0.0.11", "web2": "10.0.0.12", "db1": "10.0.0.21"}
    hostvars: dict[str, Any] = {name: {"slipway_private_address": address} for name, address in addresses.items()}
    play = [name for name in addresses if name not in left_out]
    for name in play:
        hostvars[name]["slipway_removal"] = {"found": {"there": True, **(SERVES if name == "db1" else REMOTE)}}
    groups = {"web": ["web1", "web2"], "db": ["db1"]}
    return {"inventory_hostname": host, "groups": groups, "hostvars": hostvars, "ansible_play_hosts_all": play}


def test_a_look_changes_nothing_even_when_it_is_confirmed(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, result, read, _ = run(monkeypatch, found=SERVES, variables=fleet("db1"), step="look", confirmed=True)
    assert (kinds(asked), result["changed"]) == (["look"], False)
    assert "Its database is removed here last, once a host that runs the app has exported it" in read[0]


def test_a_database_does_not_go_while_a_host_that_uses_it_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    _, result, _, _ = run(monkeypatch, found=SERVES, variables=fleet("db1", "web2"), step="look", confirmed=True)
    assert result["failed"]
    assert "web2 may still use its database: run this without --limit" in result["msg"]


def test_a_database_that_stays_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for left_out, told in ((("db1",), True), ((), False)):
        _, _, read, _ = run(monkeypatch, found=REMOTE, variables=fleet("web1", *left_out), step="look")
        assert ("its database on db1 stays: run this again without --limit" in read[0]) is told
    gone = fleet("web1", "db1")
    gone["groups"] = {"web": ["web1", "web2"]}
    _, _, read, _ = run(monkeypatch, found=REMOTE, variables=gone, check=True)
    assert "its database on 10.0.0.21 stays: drop it yourself" in read[0]


def test_one_question_is_for_all_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    _, result, read, _ = run(monkeypatch, b"shop", variables=fleet("web1"), step="ask")
    assert (read, result.get("failed")) == (["Remove shop from web1, web2, db1? Type its name and press Enter:"], None)
    _, result, _, _ = run(monkeypatch, b"no", variables=fleet("web1"), step="ask")
    assert result["failed"]
    for more in ({"confirmed": True}, {"check": True}):
        assert run(monkeypatch, None, variables=fleet("web1"), step="ask", **more)[1]["changed"] is False


def test_a_database_that_nobody_can_export_does_not_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its web hosts are new, or an earlier run has removed the app there and was killed before it came to the database."""
    alone = fleet("db1", "web1", "web2")
    asked, result, _, _ = run(monkeypatch, variables=alone, step="ask", confirmed=True)
    assert (asked, result["failed"]) == ([], True)
    assert "the database of shop on db1 can't be exported" in result["msg"] and "-e export=false" in result["msg"]
    assert not run(monkeypatch, variables=alone, step="ask", confirmed=True, export=False)[1].get("failed")


def test_of_several_hosts_the_first_exports_the_database_and_the_database_host_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked, _, _, exported = run(monkeypatch, found=REMOTE, variables=fleet("web1"), step="remove")
    assert (kinds(asked), [one["url"] for one in exported]) == (["stop", "remove"], [REMOTE["remote"]])
    _, _, _, exported = run(monkeypatch, found=REMOTE, variables=fleet("web2"), step="remove")
    assert [(one["url"], bool(one["folders"])) for one in exported] == [("", True)]
    asked, _, _, exported = run(monkeypatch, found=SERVES, variables=fleet("db1"), step="remove")
    assert (kinds(asked), exported) == (["stop", "remove"], [])


@pytest.mark.parametrize("step", ["stop", "remove"])
def test_check_mode_and_a_host_without_the_app_do_nothing(monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    assert run(monkeypatch, variables=fleet("web1"), step=step, check=True)[0] == []
    assert run(monkeypatch, variables=fleet("web1", "web1"), step=step)[0] == []


def test_an_edge_exports_nothing_although_the_list_says_where_the_database_is(monkeypatch: pytest.MonkeyPatch) -> None:
    at_edge = {"runs": False, "urls": [], "folders": [], "items": [["its site (shop.example.com)", None]]}
    described = {**SHOP, "database": "url", "database_url": "postgresql://shop:x@db.example.com/shop"}
    _, _, read, exported = run(monkeypatch, found=at_edge, confirmed=True, apps=[described])
    assert exported == []
    assert "exported" not in read[0]
    _, _, _, exported = run(monkeypatch, found={"urls": []}, confirmed=True, apps=[described])
    assert [one["url"].partition("@")[2] for one in exported] == ["db.example.com/shop"]
