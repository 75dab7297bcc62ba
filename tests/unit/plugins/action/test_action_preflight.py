# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What is refused before a host is changed, as one message; a host is asked only about a right description."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
from ansible_collections.slipway.flask.plugins.action import preflight
from ansible_collections.slipway.flask.plugins.plugin_utils._preflight import look

APP: dict[str, Any] = {
    "name": "shop",
    "domains": ["shop.example.com"],
    "source": {"path": "../shop"},
    "wsgi": "shop:app",
    "secrets": {"SECRET_KEY": "7c1d6f0be2a94385b1e9c07f5ad2386e"},
}
HOST = "id=debian\nversion=12\nname=Debian GNU/Linux 12\ncodename=bookworm\nuid={uid}\nuser=ann\nsystemd=yes\n{sudo}" \
       "python={python}\ndisk_mb=5000\nmemory_mb=1970\ncores=2\n"  # fmt: skip


class Action(preflight.ActionModule):
    """Answers the probe with a text."""

    def __init__(self, answer: str, become_password: str | None, **arguments: Any) -> None:
        task = MagicMock(args=arguments, async_val=0, check_mode=False, diff=False)
        connection = MagicMock()
        connection.become.get_option = lambda name: become_password
        super().__init__(task, connection, MagicMock(), MagicMock(), MagicMock(), MagicMock())
        self.answer, self.asked = answer, 0

    def _low_level_execute_command(self, cmd: str, **_: Any) -> dict[str, Any]:
        assert cmd.startswith(look.PROBE) or self.asked
        self.asked += 1
        return {"rc": 0, "stdout": self.answer, "stderr": ""}


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """An inventory's folder, beside the source folder `shop`."""
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop/requirements.txt").write_text("flask\n")
    (tmp_path / "inventory").mkdir()
    return tmp_path / "inventory"


def run(
    base: Path, apps: Any, uid: int = 0, sudo: str = "", python: str = "yes", password: str | None = None, disk_mb: int = 1024
) -> tuple[Action, dict[str, Any]]:  # fmt: skip
    action = Action(HOST.format(uid=uid, sudo=sudo, python=python), password, apps=apps, disk_mb=disk_mb)
    return action, action.run(task_vars={"inventory_dir": str(base), "inventory_hostname": "web1"})


def test_a_right_description_and_a_good_host_give_facts(base: Path) -> None:
    action, result = run(base, [APP])
    assert not result.get("failed")
    assert (result["changed"], result["python"], result["cores"], result["memory_mb"]) == (False, True, 2, 1970)
    assert result["ansible_facts"]["distribution"] == "Debian"
    assert action.asked == 1


def test_a_host_whose_address_is_still_todo_is_not_asked(base: Path) -> None:
    action = Action(HOST.format(uid=0, sudo="", python="yes"), None, apps=[APP], disk_mb=1)
    variables = {
        "inventory_dir": str(base),
        "inventory_hostname": "web1",
        "ansible_host": "TODO: the address of your VPS",
    }
    result = action.run(task_vars=variables)
    assert result["problems"] == ["web1: 'ansible_host' is still TODO: the address of your VPS"]
    assert action.asked == 0


def test_a_host_by_the_name_of_the_group_is_refused(base: Path) -> None:
    """`hosts: web` matches it, and the group that the playbooks ask for is not there."""
    action = Action(HOST.format(uid=0, sudo="", python="yes"), None, apps=[APP], disk_mb=1)
    inventory = {"inventory_dir": str(base), "inventory_hostname": "web"}
    assert action.run(task_vars=inventory | {"groups": {"all": ["web"]}})["problems"] == [
        "inventory: 'web' is a host; it must be the group of your hosts, such as web: {hosts: {vps1: …}}"
    ]
    assert action.asked == 0
    inventory |= {"groups": {"web": ["web"]}, "hostvars": {"web": {}}}
    assert not action.run(task_vars=inventory).get("problems")


def test_a_host_without_python_is_no_problem_but_told(base: Path) -> None:
    assert run(base, [APP], python="")[1]["python"] is False


def test_one_problem_is_one_sentence(base: Path) -> None:
    action, result = run(base, [{**APP, "workes": 3}])
    assert result["failed"]
    assert result["msg"] == (
        "Nothing was changed, because:\n"
        "  - slipway_apps, app 'shop': unknown key 'workes' (did you mean 'workers'?)"
    )  # fmt: skip
    assert action.asked == 0


def test_all_problems_are_told_at_once_and_the_host_is_not_asked(base: Path) -> None:
    action, result = run(base, [{**APP, "wsgi": "shop", "secrets": {}}, {**APP, "name": "blog"}])
    lines = result["msg"].splitlines()
    assert lines[0] == "Nothing was changed, because of 3 things:"
    assert lines[1:] == [f"  - {text}" for text in result["problems"]]
    assert "'wsgi' is 'shop', which has no colon" in lines[1]
    assert "SECRET_KEY is missing" in lines[2]
    assert "the domain 'shop.example.com' is listed 2 times" in lines[3]
    assert action.asked == 0


def test_a_source_that_is_not_there_is_told_with_its_app(base: Path) -> None:
    action, result = run(base, [{**APP, "source": {"path": "../nowhere"}}])
    assert result["problems"] == [
        "slipway_apps, app 'shop': the source folder '../nowhere' does not exist "
        f"(looked at {base.parent}/nowhere)"
    ]  # fmt: skip
    assert action.asked == 0


def test_a_wrong_host_is_named(base: Path) -> None:
    _, result = run(base, [APP], uid=1000, disk_mb=10_000)
    assert result["problems"] == [
        "web1: ann is not root and the host has no sudo; log in as root (ansible_user: root) or install sudo",
        "web1: only 5000 MB of disk is free, 10000 MB is needed (slipway_disk_mb); free some space or use a larger disk",
    ]


@pytest.mark.parametrize(("password", "refused"), [("hunter2", False), (None, True), ("", True)])
def test_sudo_with_a_password_needs_that_password(base: Path, password: str | None, refused: bool) -> None:
    _, result = run(base, [APP], uid=1000, sudo="sudo=yes\n", password=password)
    assert bool(result.get("failed")) is refused
    assert "hunter2" not in str(result)


def test_a_connection_without_become_is_fine_for_root(base: Path) -> None:
    action = Action(HOST.format(uid=0, sudo="", python="yes"), None, apps=[APP], disk_mb=0)
    action._connection.become = None
    result = action.run(task_vars={"inventory_dir": str(base), "inventory_hostname": "web1"})
    assert not result.get("failed")


@pytest.mark.parametrize("apps", [None, [], "shop"])
def test_no_apps_are_told_where_to_describe_them(base: Path, apps: Any) -> None:
    _, result = run(base, apps)
    assert result["problems"] == ["slipway_apps must be a list with at least one app: see group_vars/all/main.yml"]


def test_an_app_that_nobody_has_is_refused_and_one_of_another_host_is_not(base: Path) -> None:
    hostvars = {"web1": {"slipway_apps": [APP]}, "web2": {"slipway_apps": [{**APP, "name": "blog"}]}}
    variables = {"inventory_dir": str(base), "inventory_hostname": "web1", "hostvars": hostvars}
    for name, said in (("shp", "there is no app 'shp' (did you mean 'shop'?); the apps are: blog, shop"), ("blog", "")):
        action = Action(HOST.format(uid=0, sudo="", python="yes"), None, apps=[APP], app=name)
        result = action.run(task_vars={**variables, "ansible_play_hosts_all": ["web1", "web2"]})
        assert bool(result.get("failed")) == bool(said)
        assert said in result.get("msg", "")


TAKEN = "looked=yes\nuser:shop=shop:x:1000:1000::/home/shop:/bin/bash\n"


@pytest.mark.parametrize(("provision", "refused"), [(True, True), (False, False)])
def test_what_is_in_the_way_is_asked_for_in_the_same_round_trip(base: Path, provision: bool, refused: bool) -> None:
    """A deploy or a rollback is not stopped by it: what is set up is set up."""
    action = Action(HOST.format(uid=0, sudo="", python="yes") + TAKEN, None, apps=[APP], provision=provision)
    result = action.run(task_vars={"inventory_dir": str(base), "inventory_hostname": "web1"})
    assert bool(result.get("failed")) is refused
    assert action.asked == 1
    if refused:
        assert result["problems"][0].startswith("web1: app 'shop': there is a user 'shop' already")


def test_sudo_with_a_password_looks_in_a_round_trip_of_its_own(base: Path) -> None:
    action = Action(HOST.format(uid=1000, sudo="sudo=yes\n", python="yes"), "hunter2", apps=[APP], provision=True)
    result = action.run(task_vars={"inventory_dir": str(base), "inventory_hostname": "web1"})
    assert not result.get("failed")
    assert (action.asked, result["waiting"], result["provisioned"]) == (2, [], [])


def test_another_apps_troubles_do_not_stop_the_one_that_is_meant(base: Path) -> None:
    blog = {**APP, "name": "blog", "domains": ["blog.example.com"]}
    action = Action(
        HOST.format(uid=0, sudo="", python="yes") + TAKEN, None, apps=[APP, blog], app="blog", provision=True
    )
    assert not action.run(task_vars={"inventory_dir": str(base), "inventory_hostname": "web1"}).get("failed")


@pytest.mark.parametrize(("instances", "refused"), [("1", True), ("0", False)])
def test_an_app_that_left_the_list_is_refused_while_it_runs_and_a_warning_when_it_does_not(
    base: Path, instances: str, refused: bool
) -> None:
    left = f"looked=yes\napp:shop=1\napp:blog={instances}\n"
    action = Action(HOST.format(uid=0, sudo="", python="yes") + left, None, apps=[APP], provision=True)
    result = action.run(task_vars={"inventory_dir": str(base), "inventory_hostname": "web1"})
    assert bool(result.get("failed")) is refused
    (told,) = result["problems" if refused else "warnings"]
    assert told.startswith("web1: the app 'blog' is set up on the host but not in slipway_apps")
