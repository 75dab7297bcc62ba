# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The board's addresses."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone

from flask import abort, flash, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm

from .. import daybook, queue, uploads
from ..errors import megabytes
from ..extensions import db
from ..models import Document, PortCall, Ship, utc_now
from ..places import BERTHS, COUNTRIES
from ..schema import database_revision
from ..storage import storage
from . import bp, queries
from .forms import ArrivalForm, DocumentForm

SHIPS_PER_PAGE = 12
CALLS_PER_PAGE = 10
ID = "int(min=1, max=2147483647)"  # what fits PostgreSQL's integer: above it, 404 and not a database error


@bp.app_template_filter("moment")
def moment(value: datetime) -> str:
    return f"{value.day} {value:%b %Y, %H:%M}"


@bp.app_template_filter("longdate")
def longdate(value: date) -> str:
    return f"{value:%A}, {value.day} {value:%B %Y}"


bp.add_app_template_filter(megabytes, "megabytes")


@bp.app_context_processor
def _footer() -> dict[str, object]:
    return {"database_revision": database_revision}


@bp.get("/")
def index() -> ResponseReturnValue:
    return _board(_wanted_day(), ArrivalForm.blank())


@bp.post("/arrivals")
def log_arrival() -> ResponseReturnValue:
    form = ArrivalForm()
    if not form.validate_on_submit():
        return _board(utc_now().date(), form), 422
    ship = queries.find_or_add_ship(form.name.data, form.flag.data)
    arrived_at = form.arrived_at.data.replace(tzinfo=timezone.utc)
    departs_at = form.departs_at.data and form.departs_at.data.replace(tzinfo=timezone.utc)
    call = PortCall(
        ship=ship,
        origin=form.origin.data,
        destination=form.destination.data or None,
        berth=form.berth.data,
        cargo=form.cargo.data,
        note=form.note.data,
        arrived_at=arrived_at,
        departs_at=departs_at or None,
    )
    db.session.add(call)
    db.session.commit()
    flash(f"{ship.name} is in the log, at {call.berth}.")
    day = None if arrived_at.date() == utc_now().date() else arrived_at.date()
    return redirect(url_for(".index", date=day), 303)


@bp.get("/ships")
def ships() -> ResponseReturnValue:
    page = db.paginate(queries.ships_by_name(), page=_wanted_page(), per_page=SHIPS_PER_PAGE)
    return render_template(
        "board/ships.html", page=page, last_arrivals=queries.last_arrivals(page.items), now=utc_now()
    )


@bp.get(f"/ships/<{ID}:ship_id>")
def ship(ship_id: int) -> ResponseReturnValue:
    return _ship(db.get_or_404(Ship, ship_id), DocumentForm(formdata=None))


@bp.post(f"/ships/<{ID}:ship_id>/documents")
def add_document(ship_id: int) -> ResponseReturnValue:
    ship = db.get_or_404(Ship, ship_id)
    form = DocumentForm()
    if not form.validate_on_submit():
        return _ship(ship, form), 422
    document = uploads.store(form.document.data)
    try:
        ship.documents.append(document)
        db.session.commit()
    except Exception:
        uploads.discard(document)
        raise
    flash(f"{document.original_name} is filed with {ship.name}'s papers.")
    return redirect(url_for(".ship", ship_id=ship.id), 303)


@bp.get("/documents/<stored_name>")
def document(stored_name: str) -> ResponseReturnValue:
    """Give a document back: pictures within the page, everything else as a download."""
    found = db.first_or_404(db.select(Document).filter_by(stored_name=stored_name))
    return send_file(
        storage().open(found.stored_name),
        mimetype=found.media_type,
        as_attachment=not found.is_photo,
        download_name=found.original_name,
    )


def _board(day: date, form: ArrivalForm) -> str:
    return render_template(
        "board/index.html",
        day=day,
        today=utc_now().date(),
        before=day - timedelta(days=1),
        after=day + timedelta(days=1),
        now=utc_now(),
        board=queries.board(day),
        berths=queries.berths(),
        summary=daybook.last_summary(day),
        has_queue=queue.queue() is not None,
        report=FlaskForm(),
        form=form,
        flags=[("", "Choose a flag"), *COUNTRIES.items()],
        places=[(berth, berth) for berth in BERTHS],
    )


def _ship(ship: Ship, form: DocumentForm) -> str:
    calls = db.paginate(queries.calls_of(ship), page=_wanted_page(), per_page=CALLS_PER_PAGE)
    return render_template("board/ship.html", ship=ship, calls=calls, form=form, now=utc_now())


def _wanted_day() -> date:
    text = request.args.get("date")
    return day_or_404(text) if text else utc_now().date()


def day_or_404(text: str) -> date:
    """The day that an address names."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        abort(404)
    if not 1900 <= day.year <= 2200:
        abort(404)
    return day


def _wanted_page() -> int:
    page = request.args.get("page", "1")
    if not (page.isascii() and page.isdigit() and 1 <= int(page[:7]) <= 100_000):
        abort(404)
    return int(page[:7])
