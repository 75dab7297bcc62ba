# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""One target that is away for long costs the others no WAL."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._backup import configuration, parking, places
from ansible_collections.slipway.flask.plugins.module_utils._backup.settings import Settings, Target

SETTINGS = Settings("web1", [Target("path", "/mnt/one"), Target("path", "/mnt/two")], "a passphrase of some length")
MOST = 8 * parking.SEGMENT


@pytest.mark.parametrize(
    ("before", "able", "unable", "waiting", "after"),
    [
        ([], [1, 2], [], 8, []),  # nothing is wrong with a target: the server is busy
        ([], [1], [2], 3, []),  # there is room yet
        ([], [1], [2], 4, [2]),
        ([], [1, 2], [2], 4, [2]),  # it can be read, and takes nothing more
        ([2], [1], [2], 0, [2]),
        ([2], [1, 2], [], 0, []),  # it is back
        ([2], [2], [1], 4, [1]),  # the other one is away now
        ([], [], [1, 2], 8, []),  # nothing would be gained
        ([2], [], [1, 2], 8, [2]),
    ],
)
def test_a_target_is_left_out_while_it_is_away_and_too_much_waits_for_it(
    before: list[int], able: list[int], unable: list[int], waiting: int, after: list[int]
) -> None:
    assert parking.wanted(before, able, unable, waiting, MOST) == set(after)


def test_how_much_may_wait_is_read_from_the_configuration(tmp_path: Path) -> None:
    file = tmp_path / "pgbackrest.conf"
    assert parking.limit(file) == 0
    file.write_text(configuration.text(SETTINGS, (2, 55), 5432, tmp_path, 3))
    assert parking.limit(file) == 3 * 2**30


def test_a_target_that_is_left_out_is_in_no_line_of_the_configuration(tmp_path: Path) -> None:
    text = configuration.text(SETTINGS, (2, 55), 5432, tmp_path, 3, without={1})
    assert "repo1-" not in text and "repo2-path=/mnt/two/pgbackrest" in text


def test_who_refuses_wal_is_read_from_what_pgbackrest_leaves(tmp_path: Path) -> None:
    (tmp_path / "000000010000000000000007.error").write_text(
        "103\narchive-push command encountered error(s):\nrepo2: [FileOpenError] unable to open '/mnt/two': [28] No space left\n"
    )
    (tmp_path / "000000010000000000000006.ok").write_text("")
    assert parking.refusing(tmp_path) == {2}
    assert parking.refusing(tmp_path / "nothing") == set()


def test_what_is_left_out_is_kept_by_name_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "STATE", tmp_path)
    assert parking.parked(SETTINGS) == set()
    parking.keep(SETTINGS, {2}, {2})
    turned = Settings("web1", SETTINGS.targets[::-1], SETTINGS.passphrase)
    assert (parking.parked(SETTINGS), parking.parked(turned)) == ({2}, {1})
    parking.keep(SETTINGS, set(), {1, 2})
    parking.mended(SETTINGS, 2)
    assert (parking.parked(SETTINGS), parking.lacking(SETTINGS)) == (set(), {1}), (
        "the full backup at one is still to come"
    )
    parking.keep(SETTINGS, {2}, {2})
    (told,) = parking.problems(SETTINGS)
    assert told.text.startswith("/mnt/two accepts no WAL")
