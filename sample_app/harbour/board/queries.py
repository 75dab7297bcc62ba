# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What the pages read from the logbook, and how an arrival is written into it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta, timezone
from typing import NamedTuple

from sqlalchemy import Select, func, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import InstrumentedAttribute

from ..extensions import db
from ..models import PortCall, Ship, utc_now
from ..places import BERTHS

BOARD_LIMIT = 40  # entries of one kind on the board
LONGEST_OPEN_STAY = timedelta(days=31)  # a ship without a departure is taken to have left after this


class Berth(NamedTuple):
    """A berth now: its name, the ship that came last, and how many lie there in all."""

    name: str
    ship: Ship | None
    lying: int


class Board(NamedTuple):
    """One day. ``more`` says that the day has more entries than are listed."""

    arrivals: Sequence[PortCall]
    departures: Sequence[PortCall]
    more: bool


def board(day: date) -> Board:
    arrivals = _on(day, PortCall.arrived_at)
    departures = _on(day, PortCall.departs_at)
    more = max(len(arrivals), len(departures)) > BOARD_LIMIT
    return Board(arrivals[:BOARD_LIMIT], departures[:BOARD_LIMIT], more)


def _on(day: date, moment: InstrumentedAttribute[datetime] | InstrumentedAttribute[datetime | None]) -> list[PortCall]:
    """Calls with that moment on the day, the latest first, and one more than is shown."""
    start = datetime.combine(day, time.min, timezone.utc)
    query = select(PortCall).where(moment >= start, moment < start + timedelta(days=1))
    return list(db.session.scalars(query.order_by(moment.desc(), PortCall.id.desc()).limit(BOARD_LIMIT + 1)))


def berths() -> list[Berth]:
    """Every berth, and who lies there now."""
    now = utc_now()
    in_port = (
        select(PortCall.berth, func.max(PortCall.id).label("last"), func.count().label("lying"))
        .where(
            PortCall.arrived_at <= now,
            PortCall.arrived_at > now - LONGEST_OPEN_STAY,
            or_(PortCall.departs_at.is_(None), PortCall.departs_at > now),
        )
        .group_by(PortCall.berth)
        .subquery()
    )
    query = (
        select(in_port.c.berth, Ship, in_port.c.lying)
        .join(PortCall, PortCall.id == in_port.c.last)
        .join(Ship, Ship.id == PortCall.ship_id)
    )
    taken = {berth: Berth(berth, ship, lying) for berth, ship, lying in db.session.execute(query)}
    return [taken.get(name, Berth(name, None, 0)) for name in BERTHS]


def ships_by_name() -> Select[tuple[Ship]]:
    return select(Ship).order_by(Ship.name, Ship.id)


def calls_of(ship: Ship) -> Select[tuple[PortCall]]:
    return select(PortCall).where(PortCall.ship_id == ship.id).order_by(PortCall.arrived_at.desc(), PortCall.id.desc())


def last_arrivals(ships: Sequence[Ship]) -> dict[int, datetime]:
    """The time of each ship's latest arrival, by the ship's id."""
    query = (
        select(PortCall.ship_id, func.max(PortCall.arrived_at).label("last"))
        .where(PortCall.ship_id.in_([ship.id for ship in ships]))
        .group_by(PortCall.ship_id)
    )
    return {row.ship_id: row.last for row in db.session.execute(query)}


def find_or_add_ship(name: str, flag: str) -> Ship:
    """The ship of that name and flag, entered now if it is new, also when two visitors enter it at once."""
    query = select(Ship).filter_by(name=name, flag=flag)
    if ship := db.session.scalar(query):
        return ship
    try:
        with db.session.begin_nested():
            ship = Ship(name=name, flag=flag)
            db.session.add(ship)
        return ship
    except IntegrityError:
        return db.session.scalars(query).one()
