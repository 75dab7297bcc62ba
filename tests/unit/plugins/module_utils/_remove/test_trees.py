# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Folders go, and nothing that a link, a mount or a deep tree leads to."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._remove import trees
from ansible_collections.slipway.flask.plugins.module_utils._remove.error import RemoveError


def everybody(about: os.stat_result) -> bool:
    """Stand for root: who runs the tests has laid everything in them."""
    return True


@pytest.fixture(autouse=True)
def _tests_own_folders_are_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The way to pytest's folders leads over /tmp, or a link, which nobody trusts."""
    monkeypatch.setattr(trees, "roots", everybody)


def test_what_links_in_a_folder_lead_to_stays(tmp_path: Path) -> None:
    other, gone = tmp_path / "other", tmp_path / "gone"
    for folder in (other, gone / "in"):
        folder.mkdir(parents=True)
    (other / "file").write_text("precious")
    (gone / "in" / "folder").symlink_to(other)
    (gone / "file").symlink_to(other / "file")
    os.link(other / "file", gone / "hard")
    assert trees.remove(str(gone))
    assert not gone.exists()
    assert (other / "file").read_text() == "precious"
    assert not trees.remove(str(gone))


def test_a_link_goes_and_what_it_leads_to_stays(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "other")
    assert trees.kind(str(tmp_path / "link")) == "link"
    assert trees.remove(str(tmp_path / "link"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other"]


def test_a_tree_that_is_deeper_than_any_recursion_goes(tmp_path: Path) -> None:
    top = tmp_path / "top"
    top.mkdir()
    here = os.getcwd()
    try:
        os.chdir(top)
        for _ in range(1500):
            os.mkdir("d")
            os.chdir("d")
    finally:
        os.chdir(here)
    assert trees.remove(str(top))
    assert not top.exists()


def test_a_link_that_the_app_may_have_laid_on_the_way_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    victim = tmp_path / "victim" / "data"
    victim.mkdir(parents=True)
    (tmp_path / "apps").mkdir()
    (tmp_path / "apps" / "way").symlink_to(tmp_path / "victim")
    monkeypatch.setattr(trees, "roots", lambda about: False)
    with pytest.raises(RemoveError, match="way in its path is a link that the app may have created"):
        trees.remove(str(tmp_path / "apps" / "way" / "data"))
    assert victim.is_dir()


@pytest.mark.parametrize("absolute", [True, False])
def test_a_link_of_roots_on_the_way_is_followed(tmp_path: Path, absolute: bool) -> None:
    (tmp_path / "disk" / "srv" / "shop").mkdir(parents=True)
    (tmp_path / "srv").symlink_to(tmp_path / "disk/srv" if absolute else "disk/srv")
    assert trees.remove(str(tmp_path / "srv" / "shop"))
    assert (tmp_path / "srv").is_dir()
    assert not (tmp_path / "disk/srv/shop").exists()


def test_links_in_a_circle_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(RemoveError):
        trees.remove(str(tmp_path / "a" / "shop"))


@pytest.mark.parametrize(
    ("uid", "mode", "trusted"),
    [
        (0, 0o040755, True),
        (0, 0o041777, False),
        (0, 0o040775, False),
        (999, 0o040755, False),
        (0, 0o120777, True),
        (999, 0o120777, False),
    ],
)
def test_only_what_root_alone_can_have_laid_is_trusted(uid: int, mode: int, trusted: bool) -> None:
    about = os.stat_result((mode, 0, 0, 0, uid, 0, 0, 0, 0, 0))
    assert ROOTS(about) is trusted


ROOTS = trees.roots


def test_mounts_in_a_folder_are_found_and_those_beside_it_are_not(tmp_path: Path) -> None:
    home = str(tmp_path)
    rows = [f"{number} 1 0:1 / {point} rw - ext4 /dev/x rw" for number, point in enumerate(
        ["/", home, f"{home}/shop/shared/two\\040words", f"{home}/shop", f"{home}/shop-eu/shared"])]  # fmt: skip
    mounts = tmp_path / "mountinfo"
    mounts.write_text("\n".join(rows) + "\n")
    assert trees.mounts_below(f"{home}/shop", mounts) == [f"{home}/shop", f"{home}/shop/shared/two words"]
