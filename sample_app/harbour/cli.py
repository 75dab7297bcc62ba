# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Commands: ``flask --app wsgi seed``, ``summary`` and ``worker``."""

from __future__ import annotations

from datetime import datetime, timedelta

import click
from flask import Flask
from sqlalchemy import select

from . import daybook, queue
from .extensions import db
from .models import PortCall, Ship, utc_now

# name, flag, origin, destination, berth, cargo, note, hours from now to arrival, hours of stay (None: open)
FLEET = (
    ("Northern Light", "NO", "Bergen", None, "Slip 1", "Hull survey, repaint", "Cradle 2, winch watch set", -6, None),
    ("Santa Isabel", "PT", "Porto", "Rotterdam", "North Quay 1", "Cork and wine, 640 t", "", -4, 9),
    ("Blue Heron", "NL", "Vlissingen", "Esbjerg", "North Quay 2", "Containers, 212 TEU", "Reefer plugs in use", -3, 6),
    ("Aurora Borealis", "IS", "Reykjavík", "Hull", "East Quay 1", "Frozen cod, 380 t", "", -2, 20),
    ("Kestrel", "GB", "Oban", None, "East Quay 2", "Survey vessel, crew of 9", "Divers down until 16:00", -26, None),
    ("Ostsee", "DE", "Kiel", "Gdańsk", "Fuel Pier", "Bunkering, 90 t", "", -1, 3),
    ("Marguerite", "FR", "Brest", "Saint-Malo", "Slip 2", "Gaff cutter, rudder repair", "", -49, 48),
    ("Pacific Wren", "NZ", "Lyttelton", None, "Anchorage", "Wool, 1,150 t", "Waiting for North Quay 1", 2, None),
    ("Lady Franklin", "CA", "Halifax", "Cork", "North Quay 1", "Timber, 2,300 t", "", 7, 30),
    ("Stella Maris", "MT", "Valletta", "Genoa", "East Quay 1", "Ceramic tiles, 410 t", "", -30, 24),
    ("Havfrue", "DK", "Aarhus", "Göteborg", "Fuel Pier", "Ferry relief, no cargo", "", -75, 8),
    ("Sakura Maru", "JP", "Kobe", "Antwerp", "North Quay 2", "Machine parts, 56 crates", "", 26, 14),
    ("Tern", "IE", "Galway", "Dingle", "Anchorage", "Oysters, 12 t", "", -52, 5),
)


def init_app(app: Flask) -> None:
    app.cli.command("seed")(seed)
    app.cli.command("summary")(summary)
    app.cli.command("worker")(worker)


def seed() -> None:
    """Enter a few ships around now, if the logbook has none."""
    if db.session.scalar(select(Ship.id).limit(1)) is not None:
        click.echo("The logbook has ships: nothing entered.")
        return
    now = utc_now().replace(second=0, microsecond=0)
    for number, (name, flag, origin, destination, berth, cargo, note, hours, stay) in enumerate(FLEET):
        arrived_at = now + timedelta(hours=hours, minutes=(number * 17) % 60)
        departs_at = None if stay is None else arrived_at + timedelta(hours=stay)
        call = PortCall(origin=origin, destination=destination, berth=berth, cargo=cargo, note=note)
        call.ship, call.arrived_at, call.departs_at = Ship(name=name, flag=flag), arrived_at, departs_at
        db.session.add(call)
    db.session.commit()
    click.echo(f"Entered {len(FLEET)} ships.")


@click.option("--day", type=click.DateTime(["%Y-%m-%d"]), help="The day (default: yesterday, in UTC).")
def summary(day: datetime | None) -> None:
    """Write a day's summary. To be run each night, and again whenever a day was corrected."""
    wanted = day.date() if day else utc_now().date() - timedelta(days=1)
    found = daybook.summarize(wanted)
    click.echo(f"{wanted}: {found.arrivals} arrivals, {found.departures} departures, {found.in_port} ships in port.")


@click.option("--burst", is_flag=True, help="End when there is no job any more.")
def worker(burst: bool) -> None:
    """Make the reports that visitors ask for, until SIGTERM comes."""
    if queue.queue() is None:
        raise click.ClickException("REDIS_URL is not set: there is no queue to take jobs from.")
    queue.work(burst)
