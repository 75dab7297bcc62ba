# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What can be restored, as it is listed."""

from __future__ import annotations

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._backup.overview import is_whole
from ansible_collections.slipway.flask.plugins.module_utils._backup.points import Place, Point

NOON = 1_764_158_400.0
NAME = "20251126T120000Z"


@pytest.mark.parametrize(
    ("size", "places", "starts", "whole"),
    [
        (8, [Place(1, "a")], {1: NOON - 1}, True),
        (8, [Place(1, "a")], {1: NOON + 1}, False),  # it was made before the first backup of the server
        (8, [Place(1, "a")], {}, False),
        (8, [Place(1, "a"), Place(2, "b")], {1: NOON + 1, 2: NOON}, True),
        (8, [Place(1, "a")], {2: NOON}, False),  # another target reaches back, and does not have it
        (8, [Place(1, "a", "20251126-120001F")], {}, True),  # kept for months, with the backup of its run
        (0, [Place(1, "a")], {}, True),  # an app without a database
    ],
)
def test_a_point_is_whole_when_its_database_can_be_had(
    size: int, places: list[Place], starts: dict[int, float], whole: bool
) -> None:
    assert is_whole(Point(NAME, "shop", database_bytes=size, places=places), starts) is whole
