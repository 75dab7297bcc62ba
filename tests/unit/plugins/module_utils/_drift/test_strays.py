# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Files that lie in folders and beside units of Slipway's and are not Slipway's."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._app.places import Places
from ansible_collections.slipway.flask.plugins.module_utils._drift import strays


@pytest.fixture
def paths(tmp_path: Path) -> Places:
    paths = Places("shop", tmp_path / "srv/shop", tmp_path / "etc/shop")
    for folder in (paths.release("0007-abc"), paths.settings_of("0007-abc"), paths.shared, paths.environments):
        folder.mkdir(parents=True)
    for file in (paths.root / ".lock", paths.history, paths.settings / "environment"):
        file.touch()
    return paths


def test_what_releases_need_is_no_stray(paths: Places) -> None:
    (paths.shared / "uploads").mkdir()
    assert list(strays.of_app(paths)) == []


@pytest.mark.parametrize("place", ["root", "settings", "releases"])
def test_what_nobody_knows_is_named(paths: Places, place: str) -> None:
    file = getattr(paths, place) / "backup.tar"
    file.touch()
    assert [one.what for one in strays.of_app(paths)] == [str(file)]


def test_what_a_restore_has_kept_is_no_stray(paths: Places) -> None:
    (paths.root / "kept").mkdir()
    assert list(strays.of_app(paths, [str(paths.root / "kept")])) == []


def test_an_app_that_is_not_there_has_no_strays(tmp_path: Path) -> None:
    assert list(strays.of_app(Places("shop", tmp_path / "none", tmp_path / "neither"))) == []


@pytest.mark.parametrize(
    ("unit", "named"),
    [
        ("shop@.service", True),
        ("shop@0007-abc.service", True),
        ("shop.worker@.service", True),
        ("nginx.service", True),
        ("postgresql@17-main.service", True),
        ("slipway-backup.service", True),
        ("shopping@.service", False),
        ("cron.service", False),
    ],
)
def test_a_drop_in_beside_a_unit_of_ours_is_named(tmp_path: Path, unit: str, named: bool) -> None:
    folder = tmp_path / f"{unit}.d"
    folder.mkdir()
    (folder / "override.conf").write_text("[Service]\nNice=1\n")
    (folder / "slipway.conf").write_text("# Written by Ansible (slipway.flask): …\n")
    found = [f"{one.what}: {one.words}" for one in strays.drop_ins(["shop"], tmp_path)]
    assert found == [f"{folder}/override.conf: is not Slipway's: it changes {unit}"] * named


def test_what_lies_beside_nginx_s_settings_is_named(tmp_path: Path) -> None:
    (tmp_path / "sites").mkdir()
    (tmp_path / "tls.conf").write_text("#\n# Written by Ansible (slipway.flask): …\n#\n")
    (tmp_path / "old.conf").write_text("server {}\n")
    assert [one.what for one in strays.of_nginx(tmp_path)] == [str(tmp_path / "old.conf")]
