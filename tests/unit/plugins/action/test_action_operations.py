# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The controller's side of releases, status and exec: which app on which host, what is printed, and when a play fails."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
from ansible_collections.slipway.flask.plugins.action import (
    maintenance,
    queries,
    release_exec,
    release_info,
    release_report,
    sbom,
    upgrade_database,
)
from ansible_collections.slipway.flask.plugins.plugin_utils._action import given

SHOP: dict[str, Any] = {
    "name": "shop",
    "domains": ["shop.example.com", "www.shop.example.com"],
    "source": {"path": "../shop"},
    "wsgi": "shop:app",
    "secrets": {"SECRET_KEY": "7c1d6f0be2a94385b1e9c07f5ad2386e"},
    "health_path": "/healthz",
    "database": "url",
    "database_url": "postgresql://shop:hunter2@db.example.com/shop",
}
WIKI = {**SHOP, "name": "wiki", "domains": ["wiki.example.com"], "database": "none", "database_url": ""}
HISTORY = {"app": "shop", "serving": "", "present": [], "total": 0, "entries": []}
STATUS: dict[str, Any] = {
    "app": "shop", "release": "0001-a", "revision": "a", "since": "", "disk_used": 1, "disk_free": 1, "problems": [],
    "certificate": {"days": 1, "issuer": "self-signed"}, "connections": {"said": "no database"},
}  # fmt: skip
DONE = {"release": "0001-a", "rc": 0, "stdout": "ann\nbob\n", "stderr": "", "changed": True}
Shown = list[tuple[str, bool]]


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Shown:
    """What is displayed, and whether as an error."""
    texts: Shown = []
    display = MagicMock(display=lambda text, stderr=False: texts.append((text, stderr)))
    for module in (maintenance, queries, release_exec, release_info, release_report, sbom, upgrade_database):
        monkeypatch.setattr(module, "Display", lambda: display)
    return texts


class Runner:
    """Runs an action plugin as host web1 of a play of three, and keeps what the host was asked."""

    def __init__(self, module: Any, answer: dict[str, Any], check_mode: bool = False) -> None:
        self.module, self.answer, self.check_mode = module, answer, check_mode
        self.asked: list[dict[str, Any]] = []
        self.results: dict[str, Any] = {}
        self.groups: dict[str, list[str]] = {}
        self.apps: dict[str, Any] = {"web1": [SHOP, WIKI], "web2": [SHOP], "web3": [{**WIKI, "name": "blog"}]}

    def run(self, host: str = "web1", /, **arguments: Any) -> dict[str, Any]:
        task = MagicMock(args=arguments, async_val=0, check_mode=self.check_mode, diff=False)
        action = self.module.ActionModule(task, MagicMock(), MagicMock(), MagicMock(), MagicMock(), MagicMock())
        action._execute_module = self.execute
        hostvars: dict[str, Any] = {
            name: {"slipway_apps": apps, "slipway_private_address": f"10.0.0.{number}"}
            for number, (name, apps) in enumerate(self.apps.items(), 1)
        }
        for name, found in self.results.items():
            hostvars[name]["slipway_status"] = found
        variables = {"inventory_hostname": host, "ansible_play_hosts_all": list(self.apps), "hostvars": hostvars}
        variables["groups"] = self.groups
        result: dict[str, Any] = action.run(task_vars=variables)
        return result

    def execute(self, name: str, arguments: dict[str, Any], **_: Any) -> dict[str, Any]:
        self.asked.append(json.loads(arguments["task"]) if "task" in arguments else arguments)
        return dict(self.answer)


# ---- release_info ------------------------------------------------------------------------------------------------


def test_a_history_is_printed_for_each_app_and_the_host_is_asked_once(shown: Shown) -> None:
    runner = Runner(release_info, {"changed": False, "apps": [HISTORY, {**HISTORY, "app": "wiki"}]})
    result = runner.run(apps=[SHOP, WIKI], app="", limit=5)
    (asked,) = runner.asked
    assert asked["limit"] == 5
    assert asked["apps"][0] == {
        "app": "shop", "root": "/srv/shop", "settings": "/etc/shop", "domain": "shop.example.com",
        "health": {"path": ["/healthz"], "status": [200], "host": "shop.example.com"},
    }  # fmt: skip
    assert "hunter2" not in str(runner.asked)
    assert [text.split(":")[0] for text, _ in shown] == ["wiki on web1"], "web2 has the shop, too"
    assert result["several"] and not result["changed"]
    alone = Runner(release_info, {"changed": False, "apps": [HISTORY]})
    alone.apps = {"web1": [SHOP]}
    assert not alone.run(apps=[SHOP], app="").get("several")
    assert shown[-1][0].startswith("shop on web1: ")


def test_the_histories_of_several_hosts_are_shown_as_one(shown: Shown) -> None:
    runner = Runner(release_report, {})
    runner.results = {"web1": {"apps": [HISTORY]}, "web2": {"apps": [HISTORY]}, "web3": {"skipped": True}}
    assert not runner.run(variable="slipway_status", history=True, limit="5").get("failed")
    ((told, _),) = shown
    assert told.startswith("shop on web1, web2: ")


def test_a_status_is_registered_and_not_printed(shown: Shown) -> None:
    runner = Runner(release_info, {"changed": False, "apps": [STATUS]})
    result = runner.run(apps=[SHOP, WIKI], app="shop", status=True)
    (asked,) = runner.asked
    assert [app["app"] for app in asked["apps"]] == ["shop"]
    assert "db.example.com" in asked["urls"]["shop"]
    assert (result["apps"], shown) == ([STATUS], [])


def test_an_unknown_app_is_refused_before_a_host_is_asked(shown: Shown) -> None:
    runner = Runner(release_info, {})
    result = runner.run(apps=[SHOP, WIKI], app="wikki")
    assert result["failed"]
    assert result["msg"] == "there is no app 'wikki' (did you mean 'wiki'?); the apps are: blog, shop, wiki"
    assert runner.asked == []


def test_a_host_without_the_app_is_skipped(shown: Shown) -> None:
    runner = Runner(release_info, {})
    assert runner.run(apps=[SHOP], app="blog")["skipped"]
    assert (runner.asked, shown) == ([], [])


def test_a_host_that_fails_is_told_as_it_is(shown: Shown) -> None:
    result = Runner(release_info, {"failed": True, "msg": "limit is 0"}).run(apps=[SHOP], limit=0)
    assert (result["failed"], result["msg"], shown) == (True, "limit is 0", [])


# ---- queries -----------------------------------------------------------------------------------------------------


def test_the_database_of_each_app_is_asked_and_told(shown: Shown) -> None:
    said = {"app": "wiki", "said": "it has no PostgreSQL database"}
    runner = Runner(queries, {"changed": False, "apps": [said]})
    runner.run(apps=[SHOP, WIKI], app="", limit=3, reset="true")
    (asked,) = runner.asked
    assert asked["apps"] == [{"app": "shop", "database": "url"}, {"app": "wiki", "database": "none"}]
    assert list(asked["urls"]) == ["shop"]
    assert (asked["limit"], asked["reset"]) == (3, True)
    assert shown == [("wiki on web1: it has no PostgreSQL database\n", False)]


def test_no_database_is_asked_for_an_unknown_app(shown: Shown) -> None:
    runner = Runner(queries, {})
    assert runner.run(apps=[SHOP, WIKI], app="wikki")["failed"]
    assert runner.asked == []


OF_OTHER = {**SHOP, "database": "local", "database_url": ""}


def with_database_host(module: Any, answer: dict[str, Any]) -> Runner:
    """Return what runs an action on web1, whose database is on web2."""
    runner = Runner(module, answer)
    runner.apps = {"web1": [OF_OTHER], "web2": [OF_OTHER]}
    runner.groups = {"web": ["web1"], "db": ["web2"]}
    return runner


def test_a_database_on_another_host_is_asked_there(shown: Shown) -> None:
    runner = with_database_host(queries, {"changed": False, "apps": []})
    assert runner.run("web1", apps=[OF_OTHER], app="")["skipped"]
    assert runner.asked == []
    runner.run("web2", apps=[OF_OTHER], app="")
    assert [asked["apps"] for asked in runner.asked] == [[{"app": "shop", "database": "local"}]]


def test_a_server_that_others_use_is_not_upgraded_and_theirs_is_not_looked_for(shown: Shown) -> None:
    runner = with_database_host(upgrade_database, {})
    refused = runner.run("web2", apps=[OF_OTHER], confirmed=True)
    assert refused["failed"]
    assert refused["msg"].startswith("web2: nothing was changed: web1 depend on its PostgreSQL")
    assert runner.run("web1", apps=[OF_OTHER], confirmed=True)["skipped"]
    assert runner.asked == []


# ---- upgrade_database ---------------------------------------------------------------------------------------------

LOCAL = {**WIKI, "name": "blog", "database": "local"}
NOTHING = {"changed": False, "plan": None, "journal": None, "done": ""}


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ({}, "look"),
        ({"confirmed": "true"}, "upgrade"),
        ({"back": "true"}, "look"),
        ({"back": "true", "confirmed": True}, "back"),
        ({"forget": "true"}, "forget"),
    ],
)
def test_an_upgrade_is_only_shown_until_somebody_says_yes(shown: Shown, arguments: dict[str, Any], what: str) -> None:
    runner = Runner(upgrade_database, NOTHING)
    result = runner.run(apps=[SHOP, LOCAL], **arguments)
    (asked,) = runner.asked
    assert asked["what"] == what
    assert [app["app"] for app in asked["apps"]] == ["blog"], "only those with a database on the host"
    assert not result.get("failed")
    assert "nothing to upgrade" in shown[0][0]


def test_an_upgrade_that_would_be_refused_fails_when_it_is_shown(shown: Shown) -> None:
    plan = {"old": "15/main", "new": "17/main", "databases": {}, "needed": 1, "free": 1, "seconds": 1, "backup": "dump",
            "collations": [], "removes": "", "sites": [], "problems": ["no room"]}  # fmt: skip
    result = Runner(upgrade_database, {**NOTHING, "plan": plan}).run(apps=[LOCAL])
    assert result["failed"]
    assert result["msg"] == "web1: the upgrade would be refused:\n  - no room"
    assert len(shown) == 1


def test_back_and_forget_contradict_each_other(shown: Shown) -> None:
    runner = Runner(upgrade_database, NOTHING)
    assert (
        runner.run(apps=[LOCAL], back=True, forget=True)["msg"]
        == "pass either -e back=true or -e forget=true, not both"
    )
    assert runner.asked == []


# ---- release_report ----------------------------------------------------------------------------------------------


def report(shown: Shown, **results: Any) -> dict[str, Any]:
    runner = Runner(release_report, {})
    runner.results = results
    return runner.run(variable="slipway_status")


def test_one_table_tells_of_every_host(shown: Shown) -> None:
    found = {"apps": [STATUS]}
    result = report(shown, web1=found, web2=found, web3={"skipped": True})
    assert not result.get("failed")
    ((table, _),) = shown
    assert table.splitlines()[0].split() == ["shop", "web1", "web2"]


def test_an_app_that_does_not_serve_fails_the_play_after_the_table(shown: Shown) -> None:
    broken = {"apps": [{**STATUS, "problems": ["/healthz answered 500; it must answer 200"]}]}
    result = report(shown, web1={"apps": [STATUS]}, web2=broken, web3={"unreachable": True, "msg": "no route"})
    assert result["failed"]
    assert result["msg"].splitlines() == [
        "Something is wrong:",
        "  - shop on web2: /healthz answered 500; it must answer 200",
        "  - web3: no route",
    ]
    assert len(shown) == 1


def test_a_host_that_told_nothing_counts_as_one_that_does_not_serve(shown: Shown) -> None:
    result = report(shown, web1={"apps": [STATUS]}, web2={"skipped": True})
    assert result["msg"].endswith("  - web3: it could not be reached")


def test_a_host_that_serves_another_revision_or_is_closed_alone_fails_the_play(shown: Shown) -> None:
    older = {**STATUS, "revision": "7654321", "closed_since": "2026-01-01T00:00:00Z"}
    result = report(shown, web1={"apps": [STATUS]}, web2={"apps": [older]}, web3={"skipped": True})
    assert "shop on web2: it serves 7654321, but web1 " in result["msg"] or "shop on web1: it serves" in result["msg"]
    assert "shop: it is closed for maintenance on web2 alone" in result["msg"]


def test_an_app_that_left_the_list_is_named_below_the_table(shown: Shown) -> None:
    result = report(
        shown, web1={"apps": [STATUS], "left": ["the app 'blog' is …"]}, web2={"skipped": True}, web3={"skipped": True}
    )
    assert not result.get("failed"), "whoever is not described is not asked to serve"
    assert shown[0][0].splitlines()[-1] == "web1: the app 'blog' is …"


def test_what_there_is_to_know_of_a_host_is_told_below_the_table(shown: Shown) -> None:
    result = report(
        shown,
        web1={"apps": [STATUS], "notes": ["PostgreSQL 15/main is older …"]},
        web2={"skipped": True},
        web3={"skipped": True},
    )
    assert not result.get("failed")
    assert shown[0][0].splitlines()[-1] == "web1: PostgreSQL 15/main is older …"


# ---- release_exec ------------------------------------------------------------------------------------------------


def test_a_command_runs_in_words_and_its_output_is_printed_as_it_is(shown: Shown) -> None:
    runner = Runner(release_exec, {**DONE, "stderr": "warning\n"})
    result = runner.run(apps=[SHOP, WIKI], app="shop", command="flask users list --role 'site admin'")
    (asked,) = runner.asked
    assert json.loads(asked["words"]) == ["flask", "users", "list", "--role", "site admin"]
    assert (asked["app"], asked["wsgi"], asked["root"]) == ("shop", "shop:app", "/srv/shop")
    told = "`flask users list` in release 0001-a of shop on web1 ended with status 0"
    assert shown == [("ann\nbob", False), ("warning", True), (told, False)]
    assert (result["changed"], result["rc"], result["stdout"]) == (True, 0, "ann\nbob\n")


def test_a_command_that_fails_fails_the_play(shown: Shown) -> None:
    result = Runner(release_exec, {**DONE, "rc": 3, "stdout": "", "stderr": "no such user\n"}).run(
        apps=[SHOP], command="flask users show eve"
    )
    assert (result["failed"], result["rc"]) == (True, 3)
    assert result["msg"] == "`flask users show` in release 0001-a of shop on web1 ended with status 3"
    assert shown == [("no such user", True)]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"command": "id"}, "choose one app with -e app=NAME; the apps are: shop, wiki"),
        ({"command": "id", "app": "shopp"}, "there is no app 'shopp' (did you mean 'shop'?); the apps are: blog, shop"),
        ({"app": "shop"}, "pass the command to run: -e command='flask …'"),
        ({"command": "flask 'x", "app": "shop"}, "the command can't be split into words"),
        (
            {"command": "flask create-admin --password hunter2", "app": "shop"},
            "the command (`flask create-admin …`) has a literal value after --password, which looks like a secret",
        ),
        (
            {"command": "flask say 7c1d6f0be2a94385b1e9c07f5ad2386e", "app": "shop"},
            "the command (`flask say …`) contains the value of SECRET_KEY: write $SECRET_KEY there",
        ),
        (
            {"command": "flask say $SECRET", "app": "shop"},
            "the command uses $SECRET, which is neither in 'environment'",
        ),
    ],
)
def test_what_is_not_clear_is_refused_before_a_host_is_asked(
    shown: Shown, arguments: dict[str, str], told: str
) -> None:
    runner = Runner(release_exec, DONE)
    result = runner.run(apps=[SHOP, WIKI], **arguments)
    assert result["failed"]
    assert result["msg"].startswith(told)
    assert "hunter2" not in result["msg"] and "7c1d6f" not in result["msg"]
    assert (runner.asked, shown) == ([], [])


DIGEST = {**SHOP, "processes": {"digest": {"command": "flask digest", "schedule": "06:00"}, "worker": {"command": "w"}}}


def test_a_schedule_runs_now_and_its_end_is_told(shown: Shown) -> None:
    runner = Runner(release_exec, {**DONE, "rc": 3, "stdout": "no mail server\n", "end": "failed with status 3"})
    result = runner.run(apps=[DIGEST], schedule="digest")
    assert (runner.asked[0]["schedule"], runner.asked[0]["words"]) == ("digest", "[]")
    assert result["msg"] == "schedule 'digest' in release 0001-a of shop on web1 failed with status 3"
    assert shown == [("no mail server", False)]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"schedule": "digset"}, "shop has no schedule 'digset' (did you mean 'digest'?); its schedules are: digest"),
        ({"schedule": "worker"}, "shop has no schedule 'worker'; its schedules are: digest"),
        (
            {"schedule": "digest", "command": "id"},
            "pass either -e command='flask …' or -e schedule=NAME",
        ),
    ],
)
def test_a_schedule_that_is_none_is_refused(shown: Shown, arguments: dict[str, str], told: str) -> None:
    runner = Runner(release_exec, DONE)
    assert runner.run(apps=[DIGEST], **arguments)["msg"].startswith(told)
    assert runner.asked == []


def test_an_app_without_schedules_says_so(shown: Shown) -> None:
    assert Runner(release_exec, DONE).run(apps=[SHOP], schedule="x")["msg"] == "shop has no schedule 'x'; it has none"


@pytest.mark.parametrize(
    ("command", "extra_vars", "meant"),
    [
        ("flask", ["app=shop", "command=flask users list --role=x 'a b'"], "flask users list --role=x 'a b'"),
        ("flask", ["command=flask --count=5"], "flask --count=5"),
        ("flask users", ["command='flask users'"], "flask users"),
        ("id", ["command=id app=shop"], "id"),
        ("flask shell", ["@vars.yml", '{"command": "flask shell"}'], "flask shell"),
        ("flask", ["command=id -u"], "flask"),
        ("", ["command="], ""),
    ],
)
def test_a_command_is_not_cut_at_its_first_space(command: str, extra_vars: list[str], meant: str) -> None:
    assert given.whole("command", command, extra_vars) == meant


@pytest.mark.parametrize(("host", "app"), [("web2", "shop"), ("web1", "blog")])
def test_only_the_first_host_that_has_the_app_runs_it(shown: Shown, host: str, app: str) -> None:
    runner = Runner(release_exec, DONE)
    assert runner.run(host, apps=runner.apps[host], app=app, command="id")["skipped"]
    assert runner.asked == []
    assert not runner.run("web3", apps=runner.apps["web3"], app="blog", command="id").get("skipped")


@pytest.mark.parametrize(
    ("arguments", "there"),
    [({"host": "web2"}, ["web2"]), ({"on": "all"}, ["web1", "web2"]), ({"on": "first"}, ["web1"]), ({}, ["web1"])],
)
def test_a_command_runs_where_it_is_asked_for(shown: Shown, arguments: dict[str, str], there: list[str]) -> None:
    runner = Runner(release_exec, DONE)
    for host in ("web1", "web2"):
        runner.run(host, apps=runner.apps[host], app="shop", command="id", **arguments)
    assert [text.rpartition(" on ")[2].split()[0] for text, _ in shown if "of shop on" in text] == there
    lines = [line for text, _ in shown for line in text.splitlines() if line.endswith(("ann", "bob"))]
    each = [f"{host} | " if len(there) > 1 else "" for host in there]
    assert lines == [f"{before}{name}" for before in each for name in ("ann", "bob")]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"host": "web1x"}, "shop is not on a host 'web1x' (did you mean 'web1'?); its hosts are: web1, web2"),
        ({"host": "web2", "on": "all"}, "pass either -e host=NAME or -e on=all, not both"),
        ({"on": "every"}, "on is 'every'; it must be all, or first"),
    ],
)
def test_a_host_that_is_none_runs_nothing(shown: Shown, arguments: dict[str, str], told: str) -> None:
    runner = Runner(release_exec, DONE)
    assert runner.run(apps=[SHOP], command="id", **arguments)["msg"].startswith(told)
    assert runner.run("web2", apps=[SHOP], command="id", **arguments)["skip_reason"] == "web1 says what is wrong"
    assert runner.asked == []


def test_check_mode_runs_nothing(shown: Shown) -> None:
    runner = Runner(release_exec, DONE, check_mode=True)
    assert runner.run(apps=[SHOP], command="id")["skipped"]
    assert runner.asked == []


# ---- maintenance -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "changed", "line"),
    [
        ("on", ["shop"], "shop on web1: closed for maintenance, visitors get 503; -e state=off opens it"),
        (True, [], "shop on web1: already closed for maintenance, visitors get 503; -e state=off opens it"),
        ("off", ["shop"], "shop on web1: open"),
        ("False", [], "shop on web1: already open"),
    ],
)
def test_closing_and_opening_is_told(shown: Shown, state: Any, changed: list[str], line: str) -> None:
    runner = Runner(maintenance, {"changed": bool(changed), "sites": changed})
    result = runner.run(apps=[SHOP, WIKI], app="shop", state=state)
    assert (result["changed"], shown) == (bool(changed), [(line, False)])
    assert (runner.asked[0]["sites"], runner.asked[0]["closed"]) == (["shop"], state in ("on", True))


def test_hosts_are_looked_at_before_one_of_several_is_switched(shown: Shown) -> None:
    runner = Runner(maintenance, {"changed": True, "sites": ["shop"]})
    assert not runner.run(apps=[SHOP], state="on", look=True)["changed"]
    assert runner.asked[0]["look"] is True
    assert runner.run("web3", apps=runner.apps["web3"], state="on", look=True)["skipped"], "no other host has the blog"
    assert (len(runner.asked), shown) == (1, [])


def test_a_host_is_switched_back_when_another_could_not_be(shown: Shown) -> None:
    runner = Runner(maintenance, {"changed": True, "sites": ["shop"]})
    runner.results = {"web1": {"sites": ["shop"]}, "web2": {"unreachable": True, "msg": "no route"}}
    assert not runner.run(apps=[SHOP], state="on", undo="slipway_status").get("failed")
    assert (runner.asked[0]["sites"], runner.asked[0]["closed"]) == (["shop"], False)
    assert shown == [("shop on web1: open again, because web2 could not be switched", False)]
    result = runner.run("web2", apps=[SHOP], state="on", undo="slipway_status")
    assert result["msg"] == "web2: no route; the sites on web1 were left or brought back as they were"


def test_nobody_is_asked_again_when_all_were_switched(shown: Shown) -> None:
    runner = Runner(maintenance, {})
    runner.results = {host: {"sites": ["shop"]} for host in ("web1", "web2")}
    assert runner.run(apps=[SHOP], state="on", undo="slipway_status") == {"changed": False}
    assert (runner.asked, shown) == ([], [])


@pytest.mark.parametrize("state", ["", "closed", None])
def test_a_state_that_is_neither_on_nor_off_is_refused(shown: Shown, state: Any) -> None:
    runner = Runner(maintenance, {})
    result = runner.run(apps=[SHOP], state=state)
    assert (result["failed"], result["msg"]) == (True, f"state is '{state}'; use -e state=on or -e state=off")
    assert runner.asked == []


def test_a_host_without_the_app_is_left_alone_and_an_unknown_app_refused(shown: Shown) -> None:
    runner = Runner(maintenance, {})
    assert runner.run(apps=[SHOP], app="blog", state="on")["skipped"]
    assert "there is no app 'shpo' (did you mean 'shop'?)" in runner.run(apps=[SHOP], app="shpo", state="on")["msg"]
    assert runner.asked == [] and shown == []


def test_a_status_asks_for_vulnerabilities_of_the_apps_that_want_it(shown: Shown) -> None:
    runner = Runner(release_info, {"changed": False, "apps": [STATUS]})
    runner.run(apps=[{**SHOP, "audit": "report"}, WIKI], app="", status=True, audit_url="http://osv.example.com")
    (one,) = runner.asked[0]["audits"]
    assert (one["app"], one["root"], one["url"], one["audit"]["mode"]) == (
        "shop", "/srv/shop", "http://osv.example.com", "report",
    )  # fmt: skip


def test_known_vulnerabilities_are_printed_below_the_table_and_fail_nothing(shown: Shown) -> None:
    runner = Runner(release_report, {})
    runner.results["web1"] = {
        "apps": [{**STATUS, "audit": {"lines": ["vulnerable: flask 2.2.2: CVE-2023-30861 (high)"]}}]
    }
    runner.results["web2"] = runner.results["web3"] = {"skipped": True}
    assert not runner.run(variable="slipway_status").get("failed")
    assert "shop on web1: vulnerable: flask 2.2.2: CVE-2023-30861 (high)" in shown[0][0]


# ---- the SBOM ----------------------------------------------------------------------------------------------------


def test_the_sbom_of_what_serves_comes_into_a_file_with_the_names_of_host_and_app(shown: Shown, tmp_path: Path) -> None:
    runner = Runner(sbom, {"content": base64.b64encode(b"{}\n").decode()})
    result = runner.run(apps=[SHOP, WIKI], app="", to=str(tmp_path / "sboms"))
    files = [tmp_path / "sboms" / f"web1-{app}.cdx.json" for app in ("shop", "wiki")]
    assert (result["changed"], result["files"], [path.read_text() for path in files]) == (
        True,
        list(map(str, files)),
        ["{}\n"] * 2,
    )
    assert [asked["src"] for asked in runner.asked] == [f"/srv/{app}/current/sbom.cdx.json" for app in ("shop", "wiki")]
    assert not runner.run(apps=[SHOP], app="shop", to=str(tmp_path / "sboms"))["changed"]


def test_the_sbom_of_an_older_release_is_asked_for_by_its_id(shown: Shown, tmp_path: Path) -> None:
    runner = Runner(sbom, {"failed": True, "msg": "file not found: /srv/shop/releases/0001-a/sbom.cdx.json"})
    result = runner.run(apps=[SHOP], app="shop", release="0001-a", to=str(tmp_path))
    assert result["msg"].startswith(
        "shop on web1: there is no /srv/shop/releases/0001-a/sbom.cdx.json: release 0001-a is not"
    )
    assert (
        "it must be the id of one" in runner.run(apps=[SHOP], app="shop", release="../../etc", to=str(tmp_path))["msg"]
    )
    assert list(tmp_path.iterdir()) == []
