# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
from __future__ import annotations

import grp
import pwd
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._host import service_user as service_user
from ansible_collections.slipway.flask.plugins.module_utils._host.service_user import ServiceUser, ServiceUserError

NOLOGIN = "/usr/sbin/nologin"


class Host:
    """Accounts of a host, and the commands that were run on it."""

    def __init__(self) -> None:
        self.users = {"www-data": (33, 33, NOLOGIN), "me": (1000, 1000, "/bin/bash")}
        self.groups: dict[str, tuple[int, list[str]]] = {"www-data": (33, []), "sudo": (27, ["me"])}
        self.commands: list[list[str]] = []

    def getpwnam(self, name: str) -> pwd.struct_passwd:
        uid, gid, shell = self.users[name]
        return pwd.struct_passwd((name, "x", uid, gid, "", "/nonexistent", shell))

    def getgrnam(self, name: str) -> grp.struct_group:
        gid, members = self.groups[name]
        return grp.struct_group((name, "x", gid, members))


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Host:
    host = Host()
    monkeypatch.setattr(service_user.pwd, "getpwnam", host.getpwnam)
    monkeypatch.setattr(service_user.grp, "getgrnam", host.getgrnam)
    return host


def ensure(host: Host, user: str = "shop", group: str = "", **more: Any) -> list[str]:
    wanted = ServiceUser(user, group or user, run=host.commands.append, login_defs=Path("/nonexistent"), **more)
    return service_user.ensure([wanted])


def test_all_is_made_on_a_fresh_host(host: Host) -> None:
    assert ensure(host, members=["www-data"]) == ["user shop made", "www-data added to group shop"]
    add, join = host.commands
    assert add[0] == "useradd" and add[-1] == "shop" and "--user-group" in add and NOLOGIN in add
    assert join == ["gpasswd", "--add", "www-data", "shop"]


def test_another_group_is_made_first(host: Host) -> None:
    ensure(host, group="sites")
    assert host.commands[0] == ["groupadd", "--system", "sites"]
    assert host.commands[1][host.commands[1].index("--gid") + 1] == "sites"


def test_nothing_is_done_twice(host: Host) -> None:
    host.users["shop"], host.groups["shop"] = (998, 998, NOLOGIN), (998, ["www-data"])
    assert ensure(host, members=["www-data", "shop"], must_be_free=["/etc"]) == []
    assert host.commands == []


def test_check_mode_does_nothing_and_lets_missing_members_through(host: Host) -> None:
    assert ensure(host, members=["nginx"], check=True) == ["user shop made", "nginx added to group shop"]
    assert host.commands == []


def test_a_missing_member_is_refused_before_any_change(host: Host) -> None:
    with pytest.raises(ServiceUserError, match="no user 'nginx'.*install its package"):
        ensure(host, members=["nginx"])
    assert host.commands == []


@pytest.mark.parametrize(
    ("account", "gid", "message"),
    [
        ((33, 33, NOLOGIN), 33, "is reserved for the system"),
        ((0, 0, "/bin/bash"), 0, "is reserved for the system"),
        ((1000, 1000, "/bin/bash"), 1000, "a person's"),
        ((110, 110, "/bin/bash"), 110, "login shell /bin/bash"),
        ((110, 65534, NOLOGIN), 110, "its primary group is not 'shop'"),
    ],
)
def test_a_foreign_account_is_refused(host: Host, account: tuple[int, int, str], gid: int, message: str) -> None:
    host.users["shop"], host.groups["shop"] = account, (gid, [])
    with pytest.raises(ServiceUserError, match=message):
        ensure(host)


def test_a_name_of_the_system_is_refused(host: Host, tmp_path: Path) -> None:
    with pytest.raises(ServiceUserError, match="a group of that name"):
        ensure(host, user="sudo")
    with pytest.raises(ServiceUserError, match=f"{tmp_path} exists"):
        ensure(host, user="ssl", must_be_free=[str(tmp_path)])


def test_a_failing_command_is_told() -> None:
    with pytest.raises(ServiceUserError, match="No such file"):
        service_user.execute(["ls", "/nonexistent/folder"])


def test_nobody_is_made_when_one_of_several_is_refused(host: Host) -> None:
    wanted = [
        ServiceUser(name, name, run=host.commands.append, login_defs=Path("/nonexistent")) for name in ("shop", "sudo")
    ]
    with pytest.raises(ServiceUserError, match="a group of that name"):
        service_user.ensure(wanted)
    assert host.commands == []
    assert service_user.ensure(wanted[:1]) == ["user shop made"]
