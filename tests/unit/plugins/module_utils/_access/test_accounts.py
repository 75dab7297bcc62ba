# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Which accounts are made, changed and closed, and whose are never touched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._access import accounts, former, keys
from ansible_collections.slipway.flask.plugins.module_utils._access.accounts import Accounts
from ansible_collections.slipway.flask.plugins.module_utils._access.apply import AccessError, Change, Context

PASSWD = """\
root:x:0:0:root:/root:/bin/bash
www-data:x:33:33::/var/www:/usr/sbin/nologin
shop:x:998:998::/nonexistent:/usr/sbin/nologin
ann:x:1000:1000::{home}/ann:/bin/bash
bob:x:1001:1001::{home}/bob:/bin/bash
guest:x:1002:1002::{home}/guest:/bin/bash
nobody:x:65534:65534::/nonexistent:/usr/sbin/nologin
"""
SHADOW = "root:*:1::::::\nann:$y$old:1:0:99999:7:::\nbob:*:1:0:99999:7:::\nguest:!:1:0:99999:7:::\n"
GROUP = "sudo:x:27:bob,guest\ndocker:x:990:ann\nslipway-people:x:995:ann,bob\nann:x:1000:\nleft:x:1005:\n"
KEY = "ssh-ed25519 AAAA ann@laptop"


@pytest.fixture
def etc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(accounts, "SUDOERS", str(tmp_path / "sudoers"))
    monkeypatch.setattr(former, "PATH", str(tmp_path / "former"))
    place = tmp_path / "etc"
    place.mkdir()
    for name in ("ann", "bob", "guest"):
        (tmp_path / "home" / name).mkdir(parents=True)
    (place / "passwd").write_text(PASSWD.format(home=tmp_path / "home"))
    (place / "shadow").write_text(SHADOW)
    (place / "group").write_text(GROUP)
    return place


def person(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "keys": [KEY], "sudo": False, "password_hash": "", **more}


def part(etc: Path, *people: dict[str, Any], user: str = "root") -> tuple[Accounts, dict[str, Change]]:
    made = Accounts(Context({"people": list(people)}, user=user), etc)
    return made, {change.what: change for change in made.changes()}


def commands(made: Accounts) -> list[str]:
    return [" ".join(argv) for one in made.people for argv in one.commands] + [
        " ".join(do) for do, _ in made._closing()
    ]


def test_no_list_and_nobody_who_was_ever_on_it_leaves_all_accounts_alone(etc: Path) -> None:
    (etc / "group").write_text("sudo:x:27:bob\n")
    assert part(etc)[1] == {}


def test_who_leaves_the_list_is_closed_and_nobody_else(etc: Path) -> None:
    made, found = part(etc, person("ann", sudo=True))
    assert [name for name in found if name.startswith("account")] == ["account bob"]
    assert made.closes == ["bob"]
    assert [text for text in commands(made) if "bob" in text] == [
        "usermod --expiredate 1 bob", "gpasswd --delete bob slipway-people", "gpasswd --delete bob sudo",
    ]  # fmt: skip
    assert [" ".join(argv)[-7:] for argv in made.confirmed_commands()] == ["end bob"]
    assert "guest" not in str(commands(made)) and "shop" not in str(commands(made))


def test_who_left_and_is_let_in_again_by_hand_is_closed_again(etc: Path) -> None:
    made, found = part(etc, person("ann", sudo=True))
    assert found[former.PATH].after.splitlines()[1:] == ["bob"]
    Path(former.PATH).write_text(found[former.PATH].after)
    Path(former.PATH).chmod(0o600)
    (etc / "group").write_text(GROUP.replace("ann,bob", "ann").replace("bob,guest", "guest"))
    (etc / "shadow").write_text(SHADOW.replace("bob:*:1:0:99999:7:::", "bob:!*:1:0:99999:7::1:"))
    assert not any("bob" in name for name in part(etc, person("ann", sudo=True))[1]), "closed, as it was left"
    (etc / "shadow").write_text(SHADOW)
    made, found = part(etc, person("ann", sudo=True))
    assert "account bob" in found and made.closes == ["bob"]
    assert commands(made)[-1:] == ["usermod --expiredate 1 bob"]
    assert part(etc)[0].closes == ["ann", "bob"], "also where the list is empty now"
    back = part(etc, person("ann", sudo=True), person("bob"))[1]
    assert back[former.PATH].after == "", "who is on the list again is no former one"


def test_an_undo_takes_back_each_step(etc: Path) -> None:
    made, _ = part(etc, person("ann", sudo=True), person("new"))
    undo = [" ".join(argv) for argv in made.undo_commands()]
    assert "usermod --expiredate  bob" in undo
    assert "gpasswd --add bob slipway-people" in undo and "gpasswd --add bob sudo" in undo
    assert any("userdel --remove" in text and text.endswith(" new") for text in undo)
    assert made.keep() == {"passwords": "bob:*\n"}, "of a new account there is nothing to keep"
    assert made.boot_commands() == made.undo_commands()


def test_without_sudo_nobody_is_in_a_group_that_is_as_good_as_root(etc: Path) -> None:
    made, found = part(etc, person("ann"), person("bob"))
    assert "gpasswd --delete ann docker" in commands(made) and "gpasswd --delete bob sudo" in commands(made)
    assert found["account ann"].after == "taken out of the group docker\n"


def test_a_new_account_has_a_home_that_only_its_owner_sees(etc: Path) -> None:
    made, found = part(etc, person("ann", sudo=True), person("bob", sudo=True), person("new"))
    assert commands(made)[0].startswith("useradd --create-home --home-dir /home/new --key HOME_MODE=0700")
    assert found["account new"].after == "made\n"
    assert made.people[2].password == accounts.NO_PASSWORD


def test_somebody_who_had_an_account_of_their_own_is_told_apart(etc: Path) -> None:
    _, found = part(etc, person("ann", sudo=True), person("bob", sudo=True), person("guest", sudo=True))
    assert found["account guest"].after == "password unlocked\nmanaged by Slipway from now on\n"


def test_a_password_that_somebody_has_locked_stays_locked(etc: Path) -> None:
    (etc / "shadow").write_text(SHADOW.replace("bob:*:1:0:99999:7:::", "bob:!$6$salt$hash:1:0:99999:7:::"))
    made, found = part(etc, person("ann", sudo=True), person("bob", sudo=True))
    assert "account bob" not in found
    assert made.people[1].password == "!$6$salt$hash"


def test_a_closed_account_is_opened_again(etc: Path) -> None:
    (etc / "shadow").write_text(SHADOW.replace("bob:*:1:0:99999:7:::", "bob:!*:1:0:99999:7::1:"))
    made, found = part(etc, person("ann", sudo=True), person("bob", sudo=True))
    assert found["account bob"].after == "opened again\npassword unlocked\n"
    assert "usermod --expiredate  bob" in commands(made)
    assert made.people[1].password == "*"


def test_a_password_is_asked_for_where_there_is_one(etc: Path) -> None:
    made, _ = part(etc, person("ann", sudo=True, password_hash="$6$salt$hash"), person("bob", sudo=True))
    assert made.files[0].content is not None
    assert made.files[0].content.splitlines()[1:] == ["ann ALL=(ALL:ALL) ALL", "bob ALL=(ALL:ALL) NOPASSWD: ALL"]
    assert "$6$" not in str(made.undo_commands()) + str(commands(made)), "no hash where `ps` shows it"


@pytest.mark.parametrize("name", ["www-data", "shop", "nobody", "left"])
def test_users_of_the_system_and_of_apps_are_nobody_s_account(etc: Path, name: str) -> None:
    with pytest.raises(AccessError, match=name):
        part(etc, person(name))


def test_nothing_is_left_to_do_when_all_is_as_wanted(
    etc: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys.Folder, "changes", lambda folder: iter(()))
    (tmp_path / "sudoers").write_text(
        accounts.HEAD + "bob ALL=(ALL:ALL) NOPASSWD: ALL\nann ALL=(ALL:ALL) NOPASSWD: ALL\n"
    )
    monkeypatch.setattr(accounts.File, "change", lambda file: None)
    assert part(etc, person("ann", sudo=True), person("bob", sudo=True))[1] == {}


def test_who_is_logged_in_leaves_only_when_somebody_with_sudo_is_left(etc: Path) -> None:
    with pytest.raises(AccessError, match="'ann', who is logged in, would lose access"):
        part(etc, person("bob"), user="ann")
    assert part(etc, person("bob", sudo=True), user="ann")[0].closes == ["ann"]
    assert part(etc, user="root")[0].closes == ["ann", "bob"], "an empty list closes all, as root"
