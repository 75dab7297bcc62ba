# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The log by the day: its entries for the report, and its numbers for the summary."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta, timezone
from typing import NamedTuple

from sqlalchemy import func, or_, select

from .extensions import db
from .models import PortCall, Summary, utc_now

LONGEST_OPEN_STAY = timedelta(days=31)  # as on the board
ENTRY_LIMIT = 500


class Entry(NamedTuple):
    """One line of the log, times as HH:MM in UTC."""

    time: str
    what: str
    ship: str
    flag: str
    route: str
    berth: str
    cargo: str


def bounds(day: date) -> tuple[datetime, datetime]:
    """The day's first moment, and the next day's."""
    start = datetime.combine(day, time.min, timezone.utc)
    return start, start + timedelta(days=1)


def entries(day: date) -> list[Entry]:
    """The arrivals and departures of the day in the order of their times, ENTRY_LIMIT of each at most."""
    start, end = bounds(day)
    found = []
    for what, moment in (("Arrival", PortCall.arrived_at), ("Departure", PortCall.departs_at)):
        query = select(PortCall).where(moment >= start, moment < end).order_by(moment, PortCall.id).limit(ENTRY_LIMIT)
        for call in db.session.scalars(query):
            at = call.arrived_at if what == "Arrival" else call.departs_at or start
            route = f"from {call.origin}" if what == "Arrival" else f"to {call.destination or 'not given'}"
            line = Entry(f"{at:%H:%M}", what, call.ship.name, call.ship.flag, route, call.berth, call.cargo)
            found.append((at, call.id, line))
    return [line for _, _, line in sorted(found, key=lambda one: one[:2])]


def summarize(day: date) -> Summary:
    """Write the day's summary, again if there is one: the log may have been corrected since."""
    start, end = bounds(day)

    def count(*conditions: object) -> int:
        return db.session.scalar(select(func.count()).select_from(PortCall).where(*conditions)) or 0  # type: ignore[arg-type]

    summary = db.session.get(Summary, day) or Summary(day=day)
    summary.arrivals = count(PortCall.arrived_at >= start, PortCall.arrived_at < end)
    summary.departures = count(PortCall.departs_at >= start, PortCall.departs_at < end)
    summary.in_port = count(
        PortCall.arrived_at < end,
        PortCall.arrived_at > end - LONGEST_OPEN_STAY,
        or_(PortCall.departs_at.is_(None), PortCall.departs_at >= end),
    )
    summary.written_at = utc_now()
    db.session.add(summary)
    db.session.commit()
    return summary


def last_summary(day: date) -> Summary | None:
    """The summary of the day, or else the last one before it."""
    return db.session.scalar(select(Summary).where(Summary.day <= day).order_by(Summary.day.desc()).limit(1))
