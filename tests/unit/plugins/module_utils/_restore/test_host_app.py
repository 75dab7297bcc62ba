# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""An app's database in MariaDB comes back with its host, and what could not be brought along is noted."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._backup import mariadb
from ansible_collections.slipway.flask.plugins.module_utils._backup.error import BackupError
from ansible_collections.slipway.flask.plugins.module_utils._backup.settings import AppData
from ansible_collections.slipway.flask.plugins.module_utils._restore import host_app

SHOP = AppData("shop", "shop", mariadb="shop")


def test_a_view_that_can_not_be_made_is_noted_and_keeps_nothing_else_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes = list[str]()
    dump = mariadb.file_of(tmp_path, SHOP)
    dump.parent.mkdir()
    dump.write_text("")
    monkeypatch.setattr(mariadb, "fill", lambda app, path: ["a view, trigger or routine can't be made: ERROR 1146"])
    assert host_app._mariadb(SHOP, tmp_path, notes) == ["restored the database of shop in MariaDB"]
    assert notes == ["shop: a view, trigger or routine can't be made: ERROR 1146"]


def test_a_restore_point_without_the_dump_is_no_restore(tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="has no dump of shop"):
        host_app._mariadb(SHOP, tmp_path, [])
    assert host_app._mariadb(AppData("blog", "blog"), tmp_path, []) == []
