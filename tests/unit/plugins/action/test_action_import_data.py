# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What is asked of a host for an import, and what is refused before a host is asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.action import import_data
from ansible_collections.slipway.flask.plugins.plugin_utils._action import brought
from ansible_collections.slipway.flask.plugins.plugin_utils._app import choice

APP: dict[str, Any] = {
    "name": "shop", "database": "local", "database_owner_url": "", "database_extensions": ["citext"], "shared_folders": ["uploads"],
    "writable_paths": [], "release_commands": ["flask db upgrade", {"command": "flask seed", "once": True}],
}  # fmt: skip


def test_a_dump_and_files_go_into_the_only_folder(tmp_path: Path) -> None:
    (tmp_path / "old.sql").write_text("SELECT 1;")
    (tmp_path / "files").mkdir()
    given = {"dump": str(tmp_path / "old.sql"), "folder": str(tmp_path / "files"), "replace": "yes"}
    asked, files = import_data.wanted(APP, given)
    assert asked == {
        "replace": True, "keep_schema": False, "commands": ["flask db upgrade", "flask seed"], "dump": 9, "dump_name": "old.sql",
        "database": "shop", "extensions": ["citext"], "files": 0, "files_name": "files", "into": "/srv/shop/shared/uploads",
    }  # fmt: skip
    assert sorted(files) == ["dump.upload", "files.upload"]


def test_a_dump_of_mysql_goes_into_mariadb(tmp_path: Path) -> None:
    (tmp_path / "old.sql").write_text("-- MySQL dump 10.13\n")
    asked, _ = import_data.wanted({**APP, "database": "mariadb"}, {"dump": str(tmp_path / "old.sql")})
    assert (asked["mariadb"], asked["database"]) == ("shop", "")
    (tmp_path / "pg.dump").write_text("--\n-- PostgreSQL database dump\n--\n")
    with pytest.raises(brought.BroughtError, match="it is a dump of PostgreSQL, and the app has MariaDB"):
        import_data.wanted({**APP, "database": "mariadb"}, {"dump": str(tmp_path / "pg.dump")})


REFUSED = {
    "nothing": ({}, {}, "there is nothing to import: pass -e dump=old.dump, -e folder=uploads.tar, or both"),
    "an unknown schema": ({}, {"dump": "x", "schema": "drop"}, "import_schema is 'drop'"),
    "no database": ({"database": "none"}, {"dump": "x"}, "has no database"),
    "a role of its own for migrations": ({"database_owner_url": "x"}, {"dump": "x"}, "has `database_owner_url`"),
    "a MySQL elsewhere": (
        {"database": "url", "database_scheme": "", "database_url": "mysql://a@b/c"}, {"dump": "x"},
        "commits each CREATE TABLE on its own",
    ),
    "no folder": ({"shared_folders": []}, {"folder": "x"}, "no shared_folders or writable_paths"),
    "several folders": (
        {"writable_paths": ["/var/lib/shop"]}, {"folder": "x"},
        "choose the folder for the files with -e into=FOLDER; shop has: uploads, /var/lib/shop",
    ),
    "a folder that it does not have": ({}, {"folder": "x", "into": "upload"}, "shop has no folder 'upload'"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_can_not_be_imported_is_refused_before_anything_is_read(name: str) -> None:
    app, given, said = REFUSED[name]
    with pytest.raises(choice.ChoiceError) as error:
        import_data.wanted({**APP, **app}, given)
    assert said in str(error.value)
