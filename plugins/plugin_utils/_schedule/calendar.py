# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What is wrong with a calendar expression of systemd (systemd.time(7), "Calendar Events"), found out without systemd.

The machine that a person deploys from may have none (macOS). The host's `systemd-analyze calendar` has the last word: it also
knows when the expression comes next, if ever. Libraries that were weighed parse cron lines (croniter, cronsim), not this.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import difflib
import re
import zoneinfo

SHORT = (
    "minutely", "hourly", "daily", "weekly", "monthly", "quarterly", "yearly", "annually", "anually", "semiannually",
    "semi-annually", "biannually", "bi-annually",
)  # fmt: skip
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
DAY = re.compile(
    r"(mon(?:day)?|tue(?:sday)?|wed(?:nesday)?|thu(?:rsday)?|fri(?:day)?|sat(?:urday)?|sun(?:day)?)", re.IGNORECASE
)
ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+)*")
PART = re.compile(r"(\d+)(?:\.\.(\d+))?(?:/(\d+))?")
SECONDS = re.compile(r"(\d+(?:\.\d+)?)(?:\.\.(\d+(?:\.\d+)?))?(?:/(\d+(?:\.\d+)?))?")
MOMENT = re.compile(r"@\d+")
MOST = 240
"""Parts that systemd takes in one place (src/shared/calendarspec.c)."""
SAMPLES = "'daily', '*-*-* 06:00', 'Mon..Fri 06:00', '*:0/15' or '*-*-01 04:30 Europe/Berlin'"


class CalendarError(ValueError):
    """The expression is none; the message says what is wrong with it, for a user."""


def check(text: str) -> None:
    """Raise CalendarError unless systemd takes TEXT as OnCalendar=; what it takes with a warning is refused, too."""
    words = without_zone(text).split(" ")
    words = [word for number, word in enumerate(words) if word or number == 0]  # several blanks between two are fine
    if not words[0] or text != text.strip():
        raise CalendarError("is empty" if not text.strip() else "begins or ends with a blank")
    if len(words) == 1 and (words[0].lower() in SHORT or MOMENT.fullmatch(words[0])):
        return
    if DAY.match(words[0]):
        _weekdays(words.pop(0))
    if words and ":" not in words[0]:
        _date(words.pop(0))
    if words:
        _time(words.pop(0))
    if words:
        raise CalendarError(
            f"has '{words[0]}' after the time; a weekday, a date, a time and a time zone follow each other"
        )


def without_zone(text: str) -> str:
    """Return TEXT without the time zone at its end. Raises CalendarError when that is none."""
    rest, _, last = text.rpartition(" ")
    if last.lower() == "utc":
        return _before_zone(rest)
    if not rest or not ZONE.fullmatch(last) or DAY.match(last) or last.lower() in SHORT:
        return text
    known = zoneinfo.available_timezones()  # none where this machine lacks the list; then the host says it
    if known and last not in known:
        near = difflib.get_close_matches(last, known, n=1)
        raise CalendarError(f"ends with '{last}', which is no time zone{f' (did you mean {near[0]}?)' if near else ''}")
    return _before_zone(rest)


def _before_zone(rest: str) -> str:
    if rest.endswith(" "):
        raise CalendarError("has two blanks before its time zone")
    return rest


def _weekdays(word: str) -> None:
    for part in word.removesuffix(",").split(","):
        first, _, last = part.partition("..") if ".." in part else part.partition("-")
        names = [first, *([last] if part != first else [])]
        if wrong := [name for name in names if not DAY.fullmatch(name)]:
            raise CalendarError(f"has '{wrong[0]}', which is no weekday; weekdays are {', '.join(DAYS)}")
        days = [DAYS.index(name[:3].title()) for name in names]
        if days != sorted(days):
            raise CalendarError(
                f"has '{part}', but a week begins with Mon; write {DAYS[days[0]]}..Sun,Mon..{DAYS[days[1]]}"
            )


def _date(word: str) -> None:
    match = re.fullmatch(r"(?:([^-~]+)-)?([^-~]+)([-~])([^-~]+)", word)
    if not match:
        kind = "neither a weekday such as Mon nor a date" if word[:1].isalpha() else "no date"
        raise CalendarError(f"has '{word}', which is {kind} such as *-*-01 or 2027-01-31")
    year, month, end, day = match.groups()
    for part, what, least, most in ((year or "*", "year", 1970, 2199), (month, "month", 1, 12)):
        _component(part, what, least, most)
    _component(day, "day", 1, 28 if end == "~" else 31, backwards=end == "~")


def _time(word: str) -> None:
    parts = word.split(":")
    if len(parts) not in (2, 3):
        raise CalendarError(f"has '{word}', which is no time such as 06:00 or *:0/15")
    _component(parts[0], "hour", 0, 23)
    _component(parts[1], "minute", 0, 59)
    _component(parts[2] if len(parts) > 2 else "0", "second", 0, 60 - 1e-6, SECONDS)


def _component(
    text: str, what: str, least: int, most: float, form: re.Pattern[str] = PART, *, backwards: bool = False
) -> None:
    """Check the TEXT of a year, month and so on: `*`, or numbers, ranges and repetitions with commas between them."""
    if text == "*":
        return
    if text.startswith("*/"):
        begin = "0" if least == 0 else str(least)
        raise CalendarError(f"has '{text}' as its {what}; write {begin}{text[1:]}")
    if text.count(",") >= MOST:
        raise CalendarError(f"has more than {MOST} parts as its {what}")
    for part in text.split(","):
        if not (match := form.fullmatch(part)):
            raise CalendarError(f"has '{part}' as its {what}, which must be like *, 5, 1..5 or 0/15")
        start = float(match[1])
        stop, step = (None if one is None else float(one) for one in match.groups()[1:])
        if what == "year":
            start, stop = _century(start), None if stop is None else _century(stop)
        if stop is not None and stop < start:
            raise CalendarError(f"has '{part}' as its {what}, a range that ends before it begins")
        for value in (start, *([] if stop is None else [stop])):
            if not least <= value <= most:
                raise CalendarError(f"has {value:g} as its {what}, which must be {least} to {int(most)}")
        if step is None:
            continue
        if stop is None and not least <= (start - step if backwards else start + step) <= most or step == 0:
            raise CalendarError(f"has '{part}' as its {what}, which is never repeated")


def _century(year: float) -> float:
    """Return a YEAR of two digits as systemd takes it: 12 is 2012, 89 is 1989."""
    return year + 2000 if year < 70 else year + 1900 if year < 100 else year
