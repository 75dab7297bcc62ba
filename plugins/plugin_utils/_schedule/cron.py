# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A line of cron (crontab(5)), told from a calendar expression of systemd and translated into one.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ansible_collections.slipway.flask.plugins.plugin_utils._schedule.calendar import DAYS

SHORT = {
    "@hourly": "hourly", "@daily": "daily", "@midnight": "daily", "@weekly": "Sun *-*-* 00:00", "@monthly": "monthly",
    "@yearly": "yearly", "@annually": "yearly",
}  # fmt: skip
"""cron's week begins on Sunday, systemd's `weekly` on Monday."""
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
FIELD = re.compile(r"[0-9A-Za-z*/,?#-]+")
PART = re.compile(r"(\*|\w+)(?:-(\w+))?(?:/(\d+))?")
WEEK = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


class Untranslatable(ValueError):
    """A cron line that no single calendar expression says; the message says why, for a user."""


def is_line(text: str) -> bool:
    """Tell whether TEXT is written as cron has it: five or six fields, or one of its words with an @."""
    fields = text.split()
    if len(fields) == 1:
        return bool(re.fullmatch(r"@[A-Za-z]\w*", text.strip()))
    every = text.strip().lower().startswith("@every ")
    return every or (len(fields) in (5, 6) and all(map(FIELD.fullmatch, fields)))


def translate(text: str) -> str:
    """Return the calendar expression that comes when the cron line TEXT does. Raises Untranslatable."""
    fields = text.strip().lower().split()
    if fields[0] in SHORT:
        return SHORT[fields[0]]
    if fields[0] == "@reboot":
        raise Untranslatable("it has no time: a process without `schedule` starts with the host")
    if fields[0].startswith("@"):
        raise Untranslatable(f"{fields[0]} is no word of crontab(5)")
    second, (minute, hour, day, month, weekday) = (fields[0] if len(fields) == 6 else ""), fields[-5:]
    week = _weekdays(weekday)
    if week and not _every(day):
        raise Untranslatable(
            "cron runs it on that day of the month and on that weekday as well, a calendar expression only when both "
            "agree: write two processes"
        )
    time = f"{_numbers(hour, 0, 23)}:{_numbers(minute, 0, 59)}" + (f":{_numbers(second, 0, 59)}" if second else "")
    date = f"*-{_numbers(month, 1, 12, MONTHS)}-{_numbers(day, 1, 31)}"
    if date == "*-*-*" and (week or ("*" in time or "/" in time)):
        return f"{week} {time}".strip()
    return f"{week} {date} {time}".strip()


def _every(field: str) -> bool:
    return field in ("*", "?", "*/1")


def _parts(field: str, least: int, most: int, names: Sequence[str] = ()) -> list[tuple[int, int | None, int | None]]:
    """Return the parts of a FIELD as first, last and step, the last two None where it has none."""
    found = []
    for text in field.split(","):
        if not (match := PART.fullmatch(text)):
            raise Untranslatable(f"'{text}' is nothing that crontab(5) knows")
        begin, end, step = match.groups()
        first = least if begin == "*" else _number(begin, least, most, names)
        last = None if end is None else _number(end, least, most, names)
        if last is None and (begin == "*" or step):
            last = most
        if step == "0" or (last is not None and last < first):
            raise Untranslatable(f"'{text}' never occurs")
        found.append((first, last, int(step) if step else None))
    return found


def _number(word: str, least: int, most: int, names: Sequence[str]) -> int:
    value = int(word) if word.isdecimal() else (names.index(word) + least if word in names else -1)
    if not least <= value <= most:
        raise Untranslatable(f"'{word}' is not one of {least} to {most}")
    return value


def _numbers(field: str, least: int, most: int, names: Sequence[str] = ()) -> str:
    """Return a FIELD of numbers as a calendar expression has it, with two digits each."""
    if _every(field):
        return "*"
    texts = []
    for first, last, step in _parts(field, least, most, names):
        if (first, last, step or 1) == (least, most, 1):
            return "*"
        if last is None or first == last or (step and first + step > last):
            texts.append(f"{first:02}")
        elif step and last == most:
            texts.append(f"{first:02}/{step}")
        else:
            texts.append(f"{first:02}..{last:02}" + (f"/{step}" if step and step > 1 else ""))
    return ",".join(texts)


def _weekdays(field: str) -> str:
    """Return the days of the week, in which 0 and 7 are both Sunday, "" for all of them."""
    if _every(field):
        return ""
    chosen = set()
    for first, last, step in _parts(field, 0, 7, WEEK):
        end = first if last is None else min(last, 6) if field.startswith("*") else last
        chosen |= {(number - 1) % 7 for number in range(first, end + 1, step or 1)}
    return "" if len(chosen) == len(DAYS) else ",".join(_runs(sorted(chosen)))


def _runs(days: list[int]) -> list[str]:
    """Return DAYS, numbers in ascending order, with three and more in a row as a range."""
    runs: list[list[int]] = []
    for day in days:
        if runs and runs[-1][-1] == day - 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    texts = []
    for run in runs:
        names = [DAYS[day] for day in run]
        texts += [f"{names[0]}..{names[-1]}"] if len(run) > 2 else names
    return texts
