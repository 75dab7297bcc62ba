# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What playbooks/logs.yml takes on its command line, and what it refuses with one sentence."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.plugin_utils._logs import asked

NOW = 1_769_860_800.0  # 2026-01-31 12:00 UTC
NONE = dict.fromkeys(("since", "until", "process", "level", "grep", "request_id", "lines", "follow", "format"), "")


def read(**given: Any) -> asked.Asked:
    return asked.read({**NONE, **given}, ["worker"], NOW)


@pytest.mark.parametrize(
    ("given", "seconds"),
    [("1h", 3600), ("90s", 90), ("15m", 900), ("2d", 172800), ("1w", 604800), ("2026-01-31", 43200),
     ("2026-01-31T11:00", 3600), ("2026-01-31T11:00:00Z", 3600), ("2026-01-31T12:00+01:00", 3600)],
)  # fmt: skip
def test_times_are_so_long_ago_or_a_date(given: str, seconds: float) -> None:
    assert NOW - read(since=given).since == seconds


def test_without_more_the_last_lines_of_an_hour_are_shown() -> None:
    assert (read().lines, NOW - read().since) == (100, 3600)
    assert read(since="1h").lines == read(request_id="abcdef12").lines == read(lines="all").lines == 0
    assert (read(follow=60).lines, read(follow=60).follow, read(follow="10m").follow) == (20, 60, 600)
    assert NOW - read(request_id="abcdef12").since == 86400
    assert read(level="WARN").level == "warning"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"level": "errr"}, "level is 'errr' (did you mean 'error'?); it must be one of: debug"),
        ({"process": "workr"}, "process is 'workr' (did you mean 'worker'?)"),
        ({"format": "yaml"}, "format is 'yaml'"),
        ({"since": "yesterday"}, "since is 'yesterday'; it must be an age"),
        ({"since": "60"}, "since is '60'"),
        ({"until": "2h"}, "until is '2h', which is not after since (1h)"),
        ({"until": "1m", "follow": "60"}, "either until or follow"),
        ({"follow": "yes"}, "follow is 'yes'; it must be the seconds"),
        ({"follow": "2d"}, "follow is '2d'"),
        ({"lines": "-1"}, "lines is '-1'; it must be a number from 1"),
        ({"grep": "("}, "grep is '(', which is not a valid regular expression"),
        ({"request_id": "a b"}, "request_id is 'a b'; it must be at least its first 8 characters"),
        ({"request_id": ".*"}, "request_id is '.*'"),
    ],
)
def test_what_is_wrong_is_told_in_one_sentence(given: dict[str, Any], message: str) -> None:
    with pytest.raises(asked.AskedError) as caught:
        read(**given)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
