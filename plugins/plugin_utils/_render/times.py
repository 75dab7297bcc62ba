# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""When a schedule runs, for engines that have no systemd: a calendar expression as sets of numbers, and as a line of cron.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ansible_collections.slipway.flask.plugins.plugin_utils._schedule import calendar

SHORT = {
    "minutely": "*-*-* *:*", "hourly": "*-*-* *:00", "daily": "*-*-* 00:00", "weekly": "Mon *-*-* 00:00",
    "monthly": "*-*-01 00:00", "quarterly": "*-01,04,07,10-01 00:00", "semiannually": "*-01,07-01 00:00",
    "semi-annually": "*-01,07-01 00:00", "biannually": "*-01,07-01 00:00", "bi-annually": "*-01,07-01 00:00",
    "yearly": "*-01-01 00:00", "annually": "*-01-01 00:00", "anually": "*-01-01 00:00",
}  # fmt: skip
"""After systemd.time(7), without its seconds."""
RANGES = {"minute": (0, 59), "hour": (0, 23), "day": (1, 31), "month": (1, 12)}
UTC = "Etc/UTC"


class Untranslatable(ValueError):
    """Only systemd can keep these times; the message says which part, for a user, and follows 'is …, which '."""


@dataclass(frozen=True)
class Times:
    """Minutes at which something runs: those that all of these agree on."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: tuple[int, ...]
    months: tuple[int, ...]
    weekdays: tuple[int, ...]
    """0 is Monday."""
    zone: str = UTC
    """Of the IANA database. A host without a time zone of its own is in UTC, and so are containers."""

    def cron(self) -> str:
        """Return the line of crontab(5), without the zone. Raises Untranslatable."""
        if len(self.days) < 31 and len(self.weekdays) < 7:
            raise Untranslatable(
                "has a day of the month and a weekday: cron would run it on each of them, not when both agree"
            )
        return self.cron_of_both()

    def cron_of_both(self) -> str:
        """Return the same line for schedule_program.py, which takes a day and a weekday as both having to agree."""
        week = [(day + 1) % 7 for day in self.weekdays]
        fields = (
            _field(self.minutes, *RANGES["minute"]),
            _field(self.hours, *RANGES["hour"]),
            _field(self.days, *RANGES["day"]),
            _field(self.months, *RANGES["month"]),
            _field(sorted(week), 0, 6),
        )
        return " ".join(fields)


def times(expression: str) -> Times:
    """Return the times of a good calendar EXPRESSION. Raises Untranslatable."""
    rest = calendar.without_zone(expression)
    zone = expression[len(rest) :].strip()
    words = SHORT.get(rest.lower(), rest).split()
    if words[0].startswith("@"):
        raise Untranslatable("is a single moment")
    week: Iterable[int] = range(7)
    if calendar.DAY.match(words[0]):
        week = _weekdays(words.pop(0))
    date = words.pop(0) if words and ":" not in words[0] else "*-*-*"
    clock = words.pop(0) if words else "00:00"
    if "~" in date:
        raise Untranslatable("counts days from the end of the month")
    year, month, day = (["*"] + date.split("-"))[-3:]
    if year != "*":
        raise Untranslatable("names a year")
    hour, minute, second = [*clock.split(":"), "0"][:3]
    if second.strip("0.") != "":
        raise Untranslatable("has seconds: only whole minutes are known here")
    return Times(
        _numbers(minute, "minute"),
        _numbers(hour, "hour"),
        _numbers(day, "day"),
        _numbers(month, "month"),
        tuple(sorted(set(week))),
        UTC if zone.lower() in ("", "utc") else zone,
    )


def _weekdays(word: str) -> list[int]:
    found: list[int] = []
    for part in word.removesuffix(",").split(","):
        first, _, last = part.partition("..") if ".." in part else part.partition("-")
        begin = calendar.DAYS.index(first[:3].title())
        found += range(begin, (calendar.DAYS.index(last[:3].title()) if last else begin) + 1)
    return found


def _numbers(text: str, what: str) -> tuple[int, ...]:
    low, high = RANGES[what]
    if text == "*":
        return tuple(range(low, high + 1))
    found: set[int] = set()
    for part in text.split(","):
        match = calendar.PART.fullmatch(part)
        if match is None:
            raise Untranslatable(f"has '{part}' as its {what}")
        start, stop, step = (None if one is None else int(one) for one in match.groups())
        if start is None:
            raise AssertionError("the form has it")
        end = stop if stop is not None else high if step else start
        found |= set(range(start, end + 1, step or 1))
    return tuple(sorted(found))


def _field(numbers: Iterable[int], low: int, high: int) -> str:
    """Return NUMBERS as a field of crontab(5): `*`, `*/15`, `1-5` or a list."""
    listed = list(numbers)
    if listed == list(range(low, high + 1)):
        return "*"
    steps = {after - before for before, after in zip(listed, listed[1:], strict=False)}
    if len(steps) == 1 and len(listed) > 2:
        step = steps.pop()
        if listed[0] == low and listed[-1] + step > high and step > 1:
            return f"*/{step}"
        if step == 1:
            return f"{listed[0]}-{listed[-1]}"
    return ",".join(map(str, listed))
