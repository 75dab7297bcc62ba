# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Users that go, and the numbers that nobody else may get while files of theirs are somewhere."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._remove import accounts
from ansible_collections.slipway.flask.plugins.module_utils._remove.journal import Account

SHOP = Account("shop", 54321, 54322)
ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """Return the commands that are run on a host with the user shop, and nobody else."""
    told = list[tuple[str, ...]]()
    monkeypatch.setattr(accounts, "_run", lambda *command: told.append(command))
    entry = pwd.struct_passwd(("shop", "x", SHOP.uid, SHOP.gid, "Runs shop", "/nonexistent", "/usr/sbin/nologin"))
    group = type("Group", (), {"gr_gid": SHOP.gid})()
    monkeypatch.setattr(
        accounts.service_user, "find",
        lambda look_up, name: (entry if look_up is pwd.getpwnam else group) if name == "shop" else None,
    )  # fmt: skip
    return told


def test_a_user_with_nothing_elsewhere_goes_with_its_group(commands: list[tuple[str, ...]]) -> None:
    assert accounts.remove([SHOP], []) == ["user shop", "group shop"]
    assert commands == [("userdel", "shop"), ("groupdel", "shop")]


@pytest.mark.parametrize("every", [False, True])
@ROOT
def test_one_with_files_elsewhere_keeps_its_number_and_no_right(
    commands: list[tuple[str, ...]], tmp_path: Path, every: bool
) -> None:
    (tmp_path / "left").touch()
    os.chown(tmp_path / "left", -1, SHOP.gid)  # the group's is enough
    accounts.remove([SHOP], [] if every else [str(tmp_path / "left")], every)
    (renamed, *rest) = commands
    assert renamed[:3] == ("usermod", "--login", "gone-54321") and {"--lock", "--expiredate"} <= set(renamed)
    assert rest == [("gpasswd", "--members", "", "shop"), ("groupmod", "--new-name", "gone-54321", "shop")]


def test_an_account_whose_number_somebody_else_has_is_left_alone(commands: list[tuple[str, ...]]) -> None:
    former = Account("shop", 60000, 60000)
    assert not accounts.is_there(former) and accounts.is_there(SHOP)
    assert accounts.remove([former], []) == []
    assert commands == []


@pytest.mark.parametrize(("comment", "ours"), [("Runs shop", True), ("Runs shopping", False), ("Shop of old", False)])
def test_a_user_is_ours_by_the_comment_that_it_was_made_with(
    commands: list[tuple[str, ...]], comment: str, ours: bool
) -> None:
    assert (accounts.of("shop", comment) == SHOP) is ours
    assert accounts.of("absent", comment) is None


@ROOT
def test_what_it_left_where_all_may_write_goes_and_nobody_elses(tmp_path: Path) -> None:
    for name, uid in (
        ("mine", SHOP.uid),
        ("empty/mine", SHOP.uid),
        ("full/mine", SHOP.uid),
        ("full/roots", 0),
        ("roots", 0),
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
        os.chown(tmp_path / name, uid, -1)
    for folder in ("empty", "full"):
        os.chown(tmp_path / folder, SHOP.uid, -1)
    (tmp_path / "out").symlink_to("/etc")
    os.chown(tmp_path / "out", SHOP.uid, -1, follow_symlinks=False)
    accounts.sweep([SHOP], [str(tmp_path), str(tmp_path / "absent")])
    left = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*"))
    assert left == ["full", "full/roots", "roots"]
    assert Path("/etc/passwd").exists()
    assert accounts.elsewhere([SHOP], [str(tmp_path)]) == [str(tmp_path / "full")]


@ROOT
def test_files_elsewhere_are_found_by_user_and_by_group_but_not_those_of_containers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accounts, "FOREIGN", (str(tmp_path / "docker [1]"),))
    for name, uid, gid in (
        ("user\n", SHOP.uid, 0),
        ("group", 0, SHOP.gid),
        ("roots", 0, 0),
        ("docker [1]/layer", SHOP.uid, SHOP.gid),
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
        os.chown(tmp_path / name, uid, gid)
    assert sorted(accounts.elsewhere([SHOP], [str(tmp_path)])) == [str(tmp_path / "group"), str(tmp_path / "user\n")]
    assert accounts.elsewhere([], [str(tmp_path)]) == []
    assert accounts.sweep([], [str(tmp_path)]) == []
