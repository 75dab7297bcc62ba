# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A cron line is recognised and translated: what people bring from a crontab is refused with what to write instead."""

from __future__ import annotations

import pytest
from ansible_collections.slipway.flask.plugins.plugin_utils._schedule import calendar, cron

TRANSLATED = {
    "0 6 * * *": "*-*-* 06:00",
    "*/15 * * * 1-5": "Mon..Fri *:00/15",
    "* * * * *": "*:*",
    "*/1 * * * *": "*:*",
    "0 */2 * * *": "00/2:00",
    "*/90 * * * *": "*:00",
    "1/5 * * * *": "*:01/5",
    "5-59/10 8-18 * * mon-fri": "Mon..Fri 08..18:05/10",
    "0,30 9-17 * * *": "*-*-* 09..17:00,30",
    "0 3 * * 0": "Sun 03:00",
    "0 3 * * 7": "Sun 03:00",
    "0 3 * * 5-7": "Fri..Sun 03:00",
    "0 3 * * SUN": "Sun 03:00",
    "0 3 * * 0-6": "*-*-* 03:00",
    "0 12 * * */2": "Tue,Thu,Sat,Sun 12:00",
    "0 9 * * sat,sun": "Sat,Sun 09:00",
    "0 0 1,15 * *": "*-*-01,15 00:00",
    "30 2 1 */3 *": "*-01/3-01 02:30",
    "15 6 1 jan,jul *": "*-01,07-01 06:15",
    "0 0 31 12 *": "*-12-31 00:00",
    "0 0 1-7 * *": "*-*-01..07 00:00",
    "30 0 6 * * ?": "*-*-* 06:00:30",
    "@hourly": "hourly",
    "@daily": "daily",
    "@midnight": "daily",
    "@weekly": "Sun *-*-* 00:00",
    "@monthly": "monthly",
    "@yearly": "yearly",
    " 0  6 * * * ": "*-*-* 06:00",
}
UNTRANSLATABLE = {
    "0 0 13 * 5": "cron runs it on that day of the month and on that weekday as well",
    "@reboot": "a process without `schedule` starts with the host",
    "@every 5m": "@every is no word of crontab(5)",
    "0 0 L * *": "'l' is not one of 1 to 31",
    "0 0 * * 5#2": "'5#2' is nothing that crontab(5) knows",
    "61 * * * *": "'61' is not one of 0 to 59",
    "0 18-8 * * *": "'18-8' never occurs",
    "*/0 * * * *": "'*/0' never occurs",
}


@pytest.mark.parametrize(("line", "wanted"), TRANSLATED.items())
def test_a_cron_line_is_translated_into_what_systemd_takes(line: str, wanted: str) -> None:
    assert cron.is_line(line)
    assert cron.translate(line) == wanted
    calendar.check(wanted)


@pytest.mark.parametrize(("line", "reason"), UNTRANSLATABLE.items())
def test_a_cron_line_without_a_translation_says_why(line: str, reason: str) -> None:
    assert cron.is_line(line)
    with pytest.raises(cron.Untranslatable) as caught:
        cron.translate(line)
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    "text", ["daily", "*-*-* 06:00", "Mon..Fri 06:00", "Mon *-*-* 06:00 Europe/Berlin", "@1234", "6 am"]
)
def test_a_calendar_expression_is_no_cron_line(text: str) -> None:
    assert not cron.is_line(text)
