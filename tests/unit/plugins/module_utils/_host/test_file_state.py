# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""How wanted files get to the host, what a diff shows of one that changes, and what it hides."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._host import file_state
from wanted_files import ME, MINE, absent, applied, entry, folder, link


def test_a_diff_shows_what_everybody_may_read(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("old\n")
    (tmp_path / "f").chmod(0o644)
    (diff,) = applied(entry(tmp_path / "f")).diffs
    assert (diff["before"], diff["after"]) == ("old\n", "new\n")
    assert diff["before_header"] == diff["after_header"] == str(tmp_path / "f")


@pytest.mark.parametrize(
    ("old_mode", "wanted"),
    [
        ("0600", lambda path: entry(path, "secret-new", mode="0600")),
        ("0600", lambda path: entry(path, "secret-old", mode="0400")),
        ("0600", lambda path: entry(path, "public", mode="0644")),
        ("0644", lambda path: entry(path, "secret-new", mode="0640")),
        ("0600", absent),
        ("0600", lambda path: link(path, "elsewhere")),
        (None, lambda path: entry(path, "secret-new", mode="0600")),
    ],
)
def test_a_diff_hides_what_not_everybody_may_read(tmp_path: Path, old_mode: str | None, wanted: Any) -> None:
    if old_mode:
        (tmp_path / "f").write_text("secret-old")
        (tmp_path / "f").chmod(int(old_mode, 8))
    (diff,) = applied(wanted(tmp_path / "f"), check=True).diffs
    assert "secret" not in diff["before"] + diff["after"]
    assert diff["before"] != diff["after"]


def test_a_diff_of_an_environment_names_variables_and_no_value(tmp_path: Path) -> None:
    file = tmp_path / "environment"
    file.write_text('SAME="x"\nKEY="secret-old"\nGONE="secret"\n')
    file.chmod(0o600)
    (diff,) = applied(entry(file, 'SAME="x"\nKEY="secret-new"\nNEW="secret"\n', mode="0600"), check=True).diffs
    assert "secret" not in diff["before"] + diff["after"]
    assert diff["after"] == "(new contents, hidden: not world-readable; it differs in KEY, NEW, 1 more)\n"


def test_a_diff_of_an_environment_with_a_quote_too_few_names_no_part_of_a_value(tmp_path: Path) -> None:
    file = tmp_path / "environment"
    file.write_text('KEY="-----BEGIN\nc2VjcmV0=\n-----END\n')
    file.chmod(0o600)
    (diff,) = applied(entry(file, 'KEY="-----BEGIN\nc2VjcmV0=\n-----END"\n', mode="0600"), check=True).diffs
    assert "c2VjcmV0" not in diff["before"] + diff["after"]
    assert "it differs in KEY, 1 more" in diff["after"]


def test_a_diff_of_attributes_names_users_and_octal_bits(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("new\n")
    (tmp_path / "f").chmod(0o600)
    (tmp_path / "d").mkdir()
    (tmp_path / "d").chmod(0o700)
    diffs = applied(entry(tmp_path / "f"), folder(tmp_path / "d")).diffs
    assert [(diff["before"], diff["after"]) for diff in diffs] == [
        (f"0600 {ME}:{MINE}\n", f"0644 {ME}:{MINE}\n"),
        (f"0700 {ME}:{MINE}\n", f"0755 {ME}:{MINE}\n"),
    ]


def test_a_diff_of_links_and_folders_is_words(tmp_path: Path) -> None:
    (tmp_path / "l").symlink_to("old")
    diffs = applied(link(tmp_path / "l", "new"), folder(tmp_path / "d")).diffs
    assert [(diff["before"], diff["after"]) for diff in diffs] == [
        ("link to old\n", "link to new\n"),
        ("", "folder\n"),
    ]


def test_entries_travel_unread_by_anybody_who_sees_the_arguments() -> None:
    entries = [{"dest": "/etc/ä", "content": "hunter2 \U0001f6a2\n"}, {"dest": "/b", "state": "absent"}]
    payload = file_state.pack(entries)
    assert file_state.unpack(payload) == entries
    assert payload.isascii()
    assert "hunter2" not in payload
