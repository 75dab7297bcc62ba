# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The moments that a person may name, and the names of restore points."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._backup import moment
from ansible_collections.slipway.flask.plugins.module_utils._backup.moment import Moment

NOW = datetime(2026, 11, 26, 12, 0, tzinfo=timezone.utc)
AT = datetime(2026, 11, 25, 14, 5, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("latest", Moment()),
        ("2026-11-25 14:05", Moment(time=AT)),
        ("2026-11-25T14:05:00Z", Moment(time=AT)),
        ("2026-11-25 14:05 UTC", Moment(time=AT)),
        ("2026-11-25 15:05+01:00", Moment(time=AT)),
        (" 20261125T140500Z ", Moment(point="20261125T140500Z")),
        ("20261125T140500Z-before-0007-abc1234", Moment(point="20261125T140500Z-before-0007-abc1234")),
    ],
)
def test_a_moment_is_read_as_a_person_writes_it(text: str, wanted: Moment) -> None:
    assert moment.parse(text, NOW) == wanted


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("yesterday", "'yesterday' is not a valid time: use latest, a time"),
        ("", "'' is not a valid time"),
        ("2026-13-01 10:00", "'2026-13-01 10:00' is not a valid time"),
        ("2026-11-26 12:01", "2026-11-26 12:01 UTC is in the future"),
        ("20269925T140500Z", "20269925T140500Z"),
    ],
)
def test_what_is_no_moment_is_refused_in_a_sentence(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=".") as refused:
        moment.parse(text, NOW)
    assert said in str(refused.value)


def test_a_point_is_named_after_its_moment_and_the_migration_that_it_stands_before() -> None:
    assert moment.name(AT) == "20261125T140500Z"
    assert moment.name(AT, "0007-abc1234") == "20261125T140500Z-before-0007-abc1234"
    assert moment.time_of(moment.name(AT, "0007-abc1234")) == AT
    assert [str(one) for one in (Moment(), Moment(time=AT), Moment(point="20261125T140500Z"))] == [
        "latest", "2026-11-25 14:05 UTC", "20261125T140500Z",
    ]  # fmt: skip
