# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A log that ends with the same again and again is told once."""

from __future__ import annotations

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._host import repeats


def report(number: int) -> list[str]:
    """What Flask and SQLAlchemy log of one request."""
    return [
        f"[2026-11-27 01:59:{number:02d},{number}07] ERROR in app: Exception on / [GET]",
        "Traceback (most recent call last):",
        '  File "/srv/shop/releases/0003-a/src/shop.py", line 12, in index',
        f"    <Session object at 0x7f{number}abc>",
        "sqlalchemy.exc.OperationalError: no such table: note",
        "During handling of the above exception, another exception occurred:",
        "Traceback (most recent call last):",
        "RuntimeError: oops",
    ]


START = ["Starting gunicorn 23.0.0", "Booting worker with pid: 12", "Booting worker with pid: 13"]
LOGS = [
    ([*START, *report(1), *report(2), *report(3)], [*START, *report(3)], 8),
    ([*START, *report(1)], [*START, *report(1)], 0),
    ([*report(1), "another worker", *report(2)], [*report(1), "another worker", *report(2)], 0),
    (["retrying in 1 s", "retrying in 2 s", "retrying in 4 s"], ["retrying in 4 s"], 1),
    (["one", "two"], ["one", "two"], 0),
    ([], [], 0),
]


@pytest.mark.parametrize(("lines", "told", "repeated"), LOGS)
def test_what_the_end_repeats_is_told_once_and_the_newest_is_kept(
    lines: list[str], told: list[str], repeated: int
) -> None:
    assert repeats.once(lines) == (told, repeated)
