# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What pgBackRest says, as it is read; its answers are those of 2.55 on a host."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._backup import pgbackrest
from ansible_collections.slipway.flask.plugins.module_utils._backup.moment import LATEST, Moment

AT = datetime(2026, 11, 25, 14, 5, tzinfo=timezone.utc)
FULL = {
    "annotation": {"point": "x"}, "archive": {"start": "04", "stop": "05"}, "database": {"id": 1, "repo-key": 1},
    "error": False, "info": {"delta": 9, "repository": {"delta": 3}, "size": 23}, "label": "20261126-124231F",
    "prior": None, "timestamp": {"start": 1795696951, "stop": 1795696952}, "type": "full",
}  # fmt: skip
STANZA = {
    "name": "slipway",
    "archive": [{"database": {"id": 1, "repo-key": 1}, "id": "17-1", "max": "06", "min": "01"}],
    "backup": [FULL],
    "db": [{"id": 1, "repo-key": 1, "system-id": 77, "version": "17"}],
    "repo": [
        {"key": 1, "status": {"code": 0, "message": "ok"}},
        {"key": 2, "status": {"code": 99, "message": "[PathMissingError] no such folder"}},
    ],
}


def test_each_target_has_its_repository_and_one_that_can_not_be_read_says_why() -> None:
    first, second, third = pgbackrest.repositories([STANZA], [1, 2, 3])
    assert (first.problem, first.wal, first.system, first.version) == ("", ("01", "06"), 77, "17")
    assert [(one.label, one.kind, one.size, one.stored, one.wal) for one in first.backups] == [
        ("20261126-124231F", "full", 23, 3, ("04", "05"))
    ]
    assert "no such folder" in second.problem
    assert third.problem == "it holds no repository of pgBackRest's for this host"


def test_the_backup_to_begin_with_is_the_newest_that_ended_by_then() -> None:
    first = pgbackrest.repositories([STANZA], [1])[0]
    stop = first.backups[0].stop
    assert first.before(stop) == first.before(None) == first.backups[0]
    assert first.before(AT) is None


def test_a_backup_from_before_an_upgrade_is_of_the_version_that_it_was_made_by() -> None:
    """Its files are started by that one's server, whatever the cluster is by now."""
    upgraded = {
        **STANZA,
        "backup": [FULL, {**FULL, "label": "20261126-134231F", "database": {"id": 2, "repo-key": 1}}],
        "db": [
            {"id": 1, "repo-key": 1, "system-id": 77, "version": "15"},
            {"id": 2, "repo-key": 1, "system-id": 78, "version": "17"},
        ],
    }
    (found,) = pgbackrest.repositories([upgraded], [1])
    assert (found.version, [one.version for one in found.backups]) == ("17", ["15", "17"])


@pytest.mark.parametrize(
    ("to", "wanted"),
    [
        (LATEST, ["--type=default"]),
        (Moment(time=AT), ["--type=time", "--target=2026-11-25 14:05:00.000000+00", "--target-action=promote"]),
        (Moment(point="P"), ["--type=name", "--target=slipway-P", "--target-action=promote"]),
        (Moment(point="P", backup="2F"), ["--type=immediate", "--target-action=promote"]),
    ],
)
def test_each_moment_is_a_target_of_postgresqls_recovery(to: Moment, wanted: list[str]) -> None:
    assert pgbackrest.target_options(to) == wanted


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        (
            "ERROR: [055]: unable to load info file 'a' or 'b':\n       FileMissingError: no 'a'\n"
            "       HINT: has a stanza-create been performed?\n",
            "unable to load info file 'a' or 'b': FileMissingError: no 'a' has a stanza-create been performed? (its error 055)",
        ),
        ("P00  ERROR: [082]: WAL segment 01 was not archived\n", "WAL segment 01 was not archived (its error 082)"),
        ("", "it gave no reason"),
    ],
)
def test_an_error_is_told_in_one_line(said: str, wanted: str) -> None:
    assert pgbackrest.reason(said) == wanted
