# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a person reads before and after a restore."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.plugin_utils._report import restore
from restore_answers import DONE, QUESTION


def test_what_will_be_lost_is_told_before_anything_begins() -> None:
    assert (
        restore.question("web1", QUESTION)
        == """\
shop on web1: restore to 2026-11-25 14:05 UTC (3 h 12 min ago)
  Database  shop (312 MB now)
  Folders   /srv/shop/shared/uploads: as of the restore point 20261125T140000Z, with files that have come since and up to then
  Lost      everything that was written in the last 3 h 12 min; 14 files (2 MB) in its folders are newer
  Closed    visitors get 503 while data is exchanged and the app starts; web, worker stop; 7 connections to the database are ended
  Release   0007-abc stays live; migration head then: 0003
  Kept      what is there now, as shop_before_<time>, until -e forget=<time>: its database and folders"""
    )


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"resolved": "latest"}, "shop on web1: restore the latest that is archived\n"),
        ({"resolved": "latest"}, "Lost      what is written from now on until the site closes"),
        ({"point": "", "folders": []}, "no restore point is that old: they stay as they are (/srv/shop/shared/uploads)"),
        ({"database": "", "carries": False}, "20261125T140000Z; an SQLite database in them is as of that point"),
        ({"database": "", "elsewhere": True}, "Database  not on this host: it is not touched"),
        ({"had_database": False}, "Database  shop (gone now)"),
        ({"points_only": True}, "shop (312 MB now): as of the restore point 20261125T140000Z, MariaDB has no moments between two"),
        ({"release": "0006-a", "heads": ["0002"]}, "0006-a is live afterwards, not 0007-abc: the restored data is "
            "at migration head "
                                                  "0002, and 0007-abc was made for 0003"),
        ({"heads": ["0002"], "keep": True}, "0007-abc stays live; migration head then: 0002 (restore_schema=keep)"),
    ],
)  # fmt: skip
def test_what_is_otherwise_is_told(changes: dict[str, Any], said: str) -> None:
    assert said in restore.question("web1", {**QUESTION, **changes})


def test_what_was_done_is_told_with_the_way_to_what_was_there() -> None:
    assert (
        restore.done("web1", DONE)
        == """\
shop on web1: restored to 2026-11-25 14:05 UTC
  Release  0007-abc
  Rows     orders 120 (was 0)
  Folders  3 files came since the restore point and were kept
  Closed   4.2 s
  Seconds  12.6 (check 0.5, database 12.0, swap 0.1)
  Kept     database shop_before_20261125t171200z, folder /srv/shop/shared/shop_before_20261125t171200z/uploads; \
restore.yml -e app=shop -e forget=20261125T171200Z removes it
  Note     careful"""
    )


@pytest.mark.parametrize(
    ("stage", "begins"),
    [("check", "shop on web1: nothing was changed.\nwhy"), ("swap", "shop on web1: the restore failed at 'swap'.\nwhy")],
)  # fmt: skip
def test_a_refusal_says_that_nothing_was_changed(stage: str, begins: str) -> None:
    assert restore.failed("web1", "shop", {"stage": stage, "msg": "why"}) == begins


@pytest.mark.parametrize(
    ("seconds", "said"), [(0, "0 s"), (61, "1 min 1 s"), (7_200, "2 h"), (90_061, "1 day 1 h"), (172_800, "2 days")]
)
def test_how_long_ago_is_told_in_two_units(seconds: int, said: str) -> None:
    assert restore.duration(seconds) == said
