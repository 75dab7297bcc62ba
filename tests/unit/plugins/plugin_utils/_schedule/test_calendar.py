# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Calendar expressions are judged on the controller as systemd judges them on the host."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from ansible_collections.slipway.flask.plugins.plugin_utils._schedule import calendar, expression

GOOD = [
    "minutely", "hourly", "daily", "weekly", "monthly", "quarterly", "yearly", "semi-annually", "dailY", "daily UTC",
    "*-*-* 06:00", "*-*-* 06:00:00", "*-*-*", "06:00", "6:5", "*:0/15", "*:*", "*:00/15", "0/2:00", "1,13:30",
    "Mon..Fri 06:00", "Mon-Fri 06:00", "mon,Thursday 06:00", "Mon, 06:00", "Sat,Sun *-*-* 09:00", "Mon", "Mon *-*-1..7",
    "*-*-01 04:30", "*-01,07-01", "*-*~1", "*-02~03", "*~7..27/5", "2027-01-31", "27-01-31", "2026..2030-1-1", "01-31 10:00",
    "*-*-1/2 10:00", "*:*:0/30", "12:00:00.5", "*:0:0..30/10", "*:5,10..20,40", "8..18:0/20",
    "*-*-* 06:00:00 Europe/Berlin", "Mon 06:00 America/New_York", "*:0/5 UTC", "06:00 utc", "Mon  06:00",
]  # fmt: skip
BAD = {
    "": "is empty",
    " ": "is empty",
    " daily": "begins or ends with a blank",
    "every day": "ends with 'day', which is no time zone",
    "dayly": "has 'dayly', which is neither a weekday such as Mon nor a date",
    "6 o'clock": "has '6', which is no date",
    "6": "has '6', which is no date",
    "06": "has '06', which is no date",
    "*-*-* 06": "has '06', which is no time",
    "*-*-* 06:00 07:00": "has '07:00' after the time",
    "06:00 Mon": "has 'Mon' after the time",
    "06:00 *-*-*": "has '*-*-*' after the time",
    "24:00": "has 24 as its hour, which must be 0 to 23",
    "06:60": "has 60 as its minute, which must be 0 to 59",
    "06:00:61": "has 61 as its second, which must be 0 to 59",
    "*-13-01": "has 13 as its month, which must be 1 to 12",
    "*-*-32": "has 32 as its day, which must be 1 to 31",
    "*-*~29": "has 29 as its day, which must be 1 to 28",
    "2200-01-01": "has 2200 as its year",
    "*:*/15": "has '*/15' as its minute; write 0/15",
    "*-*-*/2": "has '*/2' as its day; write 1/2",
    "*:0/60": "has '0/60' as its minute, which is never repeated",
    "*:0/0": "has '0/0' as its minute, which is never repeated",
    "18..8:00": "has '18..8' as its hour, a range that ends before it begins",
    "6-18:00": "has '6-18' as its hour, which must be like *, 5, 1..5 or 0/15",
    "6am:00": "has '6am' as its hour",
    "06:00pm": "has '00pm' as its minute",
    "Sat..Mon 06:00": "has 'Sat..Mon', but a week begins with Mon; write Sat..Sun,Mon..Mon",
    "Tues 06:00": "has 'Tues', which is no weekday",
    "Mon,,Tue 06:00": "has '', which is no weekday",
    "06:00 Mars/Olympus": "ends with 'Mars/Olympus', which is no time zone",
    "06:00 Europe/Berln": "did you mean Europe/Berlin?",
    "06:00  UTC": "has two blanks before its time zone",
    ",".join(["1"] * 242) + ":00": "has more than 240 parts",
    "@daily x": "ends with 'x', which is no time zone",
}


@pytest.mark.parametrize("text", GOOD)
def test_what_systemd_takes_is_taken(text: str) -> None:
    calendar.check(text)


@pytest.mark.parametrize(("text", "reason"), BAD.items())
def test_what_systemd_refuses_is_refused_with_the_part_that_is_wrong(text: str, reason: str) -> None:
    with pytest.raises(calendar.CalendarError) as caught:
        calendar.check(text)
    assert reason in str(caught.value)


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")
def test_systemd_itself_judges_every_example_alike() -> None:
    ours = {"06:00 Europe/Berln", "06:00  UTC", " daily"}  # systemd's answer depends on what is before the blanks
    argv = ["systemd-analyze", "calendar", "--"]
    judged = {text: not subprocess.run([*argv, text], capture_output=True).returncode for text in (*GOOD, *BAD)}
    assert [text for text in GOOD if not judged[text]] == []
    assert [text for text in BAD if judged[text] and text not in ours] == []


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("0 6 * * *", "is '0 6 * * *', a cron line, and must be a calendar expression of systemd: write '*-*-* 06:00'"),
        ("0 0 13 * 5", "can't be translated: cron runs it on that day of the month and on that weekday as well"),
        ("dayly", "is 'dayly', which has 'dayly', which is neither a weekday such as Mon nor a date such as *-*-01 or 2027-01-31; "
         "it must be like 'daily'"),
        ("Mo..Fri 06:00", "which has 'Mo..Fri', which is neither a weekday such as Mon nor a date such as *-*-01"),
        ("06.00", "which has '06.00', which is no date such as *-*-01"),
        ("", "is empty; it must be like 'daily'"),
        (630, "must be a calendar expression in quotes, such as 'daily', '*-*-* 06:00', 'Mon..Fri 06:00', '*:0/15' or "
              "'*-*-01 04:30 Europe/Berlin'; YAML takes 10:30 for a number unless it is in quotes"),
        (5, "must be a calendar expression in quotes"),
        (True, "must be a calendar expression in quotes"),
        (None, "must be a calendar expression in quotes"),
    ],
)  # fmt: skip
def test_a_schedule_that_is_none_is_told_with_what_to_write(value: object, reason: str) -> None:
    assert reason in expression.problem(value)


@pytest.mark.parametrize("text", GOOD)
def test_a_good_schedule_has_no_problem(text: str) -> None:
    assert expression.problem(text) == ""


@pytest.mark.parametrize(
    ("text", "zone"), [("06:00 Europe/Berlin", True), ("06:00 UTC", False), ("06:00", False), ("daily", False)]
)
def test_a_zone_that_the_host_must_know_is_seen(text: str, zone: bool) -> None:
    assert expression.has_zone(text) is zone
