# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Calendar expressions of systemd as lines of cron, for engines that have no systemd."""

from __future__ import annotations

import pytest
from ansible_collections.slipway.flask.plugins.plugin_utils._render.times import UTC, Untranslatable, times

CRON = {
    "daily": "0 0 * * *",
    "hourly": "0 * * * *",
    "minutely": "* * * * *",
    "weekly": "0 0 * * 1",
    "quarterly": "0 0 1 */3 *",
    "*:0/15": "*/15 * * * *",
    "*:*": "* * * * *",
    "06:00": "0 6 * * *",
    "*-*-* 06:00": "0 6 * * *",
    "*-*-* 00:05:00 UTC": "5 0 * * *",
    "Mon..Fri 06:00": "0 6 * * 1-5",
    "Sat,Sun 8:30": "30 8 * * 0,6",
    "Sun 03:00": "0 3 * * 0",
    "*-*-01 04:30 Europe/Berlin": "30 4 1 * *",
    "*-01,07-15 12:00": "0 12 15 1,7 *",
    "8..18/2:00": "0 8,10,12,14,16,18 * * *",
    "*:5..10": "5-10 * * * *",
    "Mon": "0 0 * * 1",
}


@pytest.mark.parametrize(("expression", "line"), CRON.items())
def test_a_calendar_expression_becomes_a_line_of_cron(expression: str, line: str) -> None:
    assert times(expression).cron() == line


def test_the_time_zone_is_kept_and_utc_is_the_default_as_on_a_host() -> None:
    assert times("*-*-01 04:30 Europe/Berlin").zone == "Europe/Berlin"
    assert times("06:00").zone == times("06:00 UTC").zone == UTC


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("*:*:0/10", "has seconds"),
        ("2027-01-31 06:00", "names a year"),
        ("*-*~01 06:00", "from the end of the month"),
        ("@1700000000", "single moment"),
    ],
)
def test_what_only_systemd_can_keep_is_said(expression: str, reason: str) -> None:
    with pytest.raises(Untranslatable, match=reason):
        times(expression)


def test_cron_would_run_a_day_of_the_month_or_a_weekday_where_systemd_means_both() -> None:
    both = times("Fri *-*-13 12:00")
    assert (both.days, both.weekdays) == ((13,), (4,))
    with pytest.raises(Untranslatable, match="both agree"):
        both.cron()
