# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Keys of a person, in a folder that the person can spoil."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._access import keys
from ansible_collections.slipway.flask.plugins.module_utils._access.database import Account

TEXT = "ssh-ed25519 AAAA ann\n"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "ann").mkdir()
    return tmp_path / "ann"


def folder(home: Path, text: str | None = TEXT) -> keys.Folder:
    return keys.Folder(Account("ann", os.getuid(), os.getgid(), str(home)), text)


def test_keys_that_are_exactly_the_list_s_are_left_alone(home: Path) -> None:
    (home / ".ssh").mkdir()
    (home / ".ssh/authorized_keys").write_text(TEXT)
    (home / ".ssh/authorized_keys").chmod(0o600)
    assert list(folder(home).changes()) == []


def test_a_further_key_and_the_second_file_go(home: Path) -> None:
    (home / ".ssh").mkdir()
    (home / ".ssh/authorized_keys").write_text(TEXT + "ssh-ed25519 BBBB eve\n")
    (home / ".ssh/authorized_keys2").write_text("ssh-ed25519 BBBB eve\n")
    assert [(Path(change.path).name, change.after) for change in folder(home).changes()] == [
        ("authorized_keys", TEXT), ("authorized_keys2", ""),
    ]  # fmt: skip


def test_a_folder_that_is_a_link_is_replaced(home: Path, tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "root/authorized_keys").write_text("root's")
    (home / ".ssh").symlink_to(tmp_path / "root")
    found = {Path(change.path).name: change for change in folder(home).changes()}
    assert found[".ssh"].before == f"link to {tmp_path / 'root'}\n"
    assert found["authorized_keys"].before == "", "nothing of root's is shown"


def test_a_file_that_is_a_link_is_replaced(home: Path) -> None:
    (home / ".ssh").mkdir()
    (home / ".ssh/authorized_keys").symlink_to("/etc/shadow")
    (change,) = folder(home).changes()
    assert (change.before, change.after) == ("link to /etc/shadow\n", TEXT)


@pytest.mark.parametrize("text", [TEXT, None])
def test_a_file_without_end_does_not_keep_its_owner_in(home: Path, text: str | None) -> None:
    (home / ".ssh").mkdir()
    with (home / ".ssh/authorized_keys").open("w") as file:
        file.truncate(1 << 40)
    (change,) = folder(home, text).changes()
    assert (change.before, change.after) == (f"{1 << 40} bytes\n", text or "")


def test_of_somebody_who_left_no_key_stays(home: Path) -> None:
    (home / ".ssh").mkdir()
    (home / ".ssh/authorized_keys").write_text(TEXT)
    assert [(Path(change.path).name, change.after) for change in folder(home, None).changes()] == [
        ("authorized_keys", "")
    ]


def test_who_has_no_home_gets_no_keys() -> None:
    with pytest.raises(keys.AccessError, match="has no home"):
        list(folder(Path("/nonexistent")).changes())
