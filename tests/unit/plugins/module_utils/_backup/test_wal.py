# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A gap in archived WAL is found, and what only looks like one is not."""

from __future__ import annotations

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._backup import wal

SUM = "-d97862548fea3c1a68d1068113515c9ea9aadeb7.zst"


def segment(log: int, number: int, timeline: int = 1) -> str:
    return f"{timeline:08X}{log:08X}{number:08X}"


@pytest.mark.parametrize(
    ("names", "since", "wanted"),
    [
        ([segment(0, 1) + SUM, segment(0, 2) + SUM], segment(0, 1), ""),
        ([segment(0, 255) + SUM, segment(1, 0) + SUM], segment(0, 255), ""),
        ([segment(0, 1) + SUM, segment(0, 4) + SUM, segment(0, 9) + SUM], segment(0, 1), segment(0, 2)),
        # Before the newest backup nothing is needed any more.
        ([segment(0, 1) + SUM, segment(0, 4) + SUM, segment(0, 5) + SUM], segment(0, 4), ""),
        # A server that was restored goes on under a new timeline, in the segment where it branched off.
        ([segment(0, 4) + SUM, segment(0, 4, 2) + SUM, segment(0, 5, 2) + SUM], segment(0, 4), ""),
        ([segment(0, 4) + SUM, segment(0, 4) + ".00000028.backup", "00000002.history"], segment(0, 4), ""),
        ([], segment(0, 1), ""),
    ],
)
def test_a_missing_segment_is_named(names: list[str], since: str, wanted: str) -> None:
    assert wal.gap(names, since) == wanted
