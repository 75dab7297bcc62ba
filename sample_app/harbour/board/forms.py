# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What may be written into the logbook."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

from flask_wtf import FlaskForm
from flask_wtf.file import FileField, FileRequired
from wtforms import DateTimeLocalField, Field, StringField, TextAreaField, ValidationError
from wtforms.validators import AnyOf, DataRequired, Length, Optional

from .. import uploads
from ..models import utc_now
from ..places import BERTHS, COUNTRIES

OLDEST_ENTRY = timedelta(days=31)
FURTHEST_ENTRY = timedelta(days=31)
LONGEST_STAY = timedelta(days=365)


def tidy(text: str | None) -> str:
    """One line, single spaces."""
    return re.sub(r"\s+", " ", text or "").strip()


def printable(form: FlaskForm, field: Field) -> None:
    if not field.data.isprintable():
        raise ValidationError("Please use plain text.")


def line(label: str, low: int, high: int, **render: str) -> StringField:
    """A one-line text field of ``low`` to ``high`` characters."""
    required = [DataRequired("Please fill this in.")] if low else []
    length = Length(low, high, f"Please use {low} to {high} characters.")
    return StringField(label, [*required, length, printable], [tidy], render_kw={"maxlength": high, **render})


class ArrivalForm(FlaskForm):
    """A ship's arrival, and its departure as far as it is known. Times are UTC, as in every ship's log."""

    name = line("Ship", 2, 60, placeholder="Northern Light", autocomplete="off")
    # Drawn as <select> by the template; WTForms' own field wants its choices in another form in each version.
    flag = StringField("Flag", [AnyOf(COUNTRIES, "Choose the ship's flag.")])
    origin = line("Arriving from", 2, 60, placeholder="Bergen", autocomplete="off")
    berth = StringField("Berth", [AnyOf(BERTHS, "Choose a berth.")])
    cargo = line("Cargo", 2, 120, placeholder="Timber, 900 t", autocomplete="off")
    arrived_at = DateTimeLocalField("Arrival (UTC)", [DataRequired("The arrival time is missing or unreadable.")])
    departs_at = DateTimeLocalField("Departure (UTC)", [Optional()])
    destination = line("Bound for", 0, 60, placeholder="Optional", autocomplete="off")
    note = TextAreaField(
        "Note", [Length(0, 280, "A note has at most 280 characters."), printable], [tidy], render_kw={"maxlength": 280}
    )

    def validate_arrived_at(self, field: Field) -> None:
        now = datetime.now(timezone.utc).replace(tzinfo=None)
        if not now - OLDEST_ENTRY <= field.data <= now + FURTHEST_ENTRY:
            raise ValidationError("The arrival must lie within a month of today.")

    def validate_departs_at(self, field: Field) -> None:
        arrival = self.arrived_at.data
        if arrival and field.data and not arrival < field.data <= arrival + LONGEST_STAY:
            raise ValidationError("The departure must be after the arrival, and within a year of it.")

    def validate_destination(self, field: Field) -> None:
        if field.data and not self.departs_at.data:
            raise ValidationError("Give the departure time too.")

    @classmethod
    def blank(cls) -> ArrivalForm:
        """The form as first shown: now, at the first berth."""
        return cls(formdata=None, arrived_at=utc_now().replace(tzinfo=None, second=0, microsecond=0))


class DocumentForm(FlaskForm):
    """A photo or manifest. Flask refuses a body above MAX_CONTENT_LENGTH before this form sees it."""

    document = FileField(
        "Photo or manifest",
        [FileRequired("Choose a file first.")],
        render_kw={"accept": ",".join(f".{extension}" for extension in uploads.MEDIA_TYPES)},
    )

    def validate_document(self, field: Field) -> None:
        media_type = uploads.MEDIA_TYPES.get(uploads.extension(field.data.filename))
        if media_type is None:
            raise ValidationError(f"That kind of file is not kept here. Use {', '.join(uploads.MEDIA_TYPES)}.")
        content = field.data.stream.read()
        field.data.stream.seek(0)
        if not content:
            raise ValidationError("The file is empty.")
        if not uploads.looks_like(media_type, content):
            raise ValidationError("The file's content does not match its name.")
