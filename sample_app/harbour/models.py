# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Ships, their calls at the harbour, the papers kept about them, and each day in numbers."""

from __future__ import annotations

from datetime import date, datetime, timezone

from sqlalchemy import DateTime, Dialect, ForeignKey, Index, String, UniqueConstraint, types
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .extensions import db
from .places import ANCHORAGE, COUNTRIES


def utc_now() -> datetime:
    return datetime.now(timezone.utc)


class UTCDateTime(types.TypeDecorator[datetime]):
    """An instant in UTC: aware in Python also where the database (SQLite) has no time zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(timezone.utc)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=timezone.utc) if value.tzinfo is None else value.astimezone(timezone.utc)


class Ship(db.Model):
    """A vessel, known by its name and flag."""

    __tablename__ = "ships"
    __table_args__ = (UniqueConstraint("name", "flag"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(60))
    flag: Mapped[str] = mapped_column(String(2))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=utc_now)

    calls: Mapped[list[PortCall]] = relationship(back_populates="ship", lazy="raise")
    documents: Mapped[list[Document]] = relationship(back_populates="ship", order_by="Document.id.desc()")

    @property
    def country(self) -> str:
        return COUNTRIES.get(self.flag, self.flag)

    @property
    def photo(self) -> Document | None:
        """The newest photo."""
        return next((document for document in self.documents if document.is_photo), None)


class PortCall(db.Model):
    """One stay of a ship: it arrives from somewhere and, when that is known, leaves for somewhere."""

    __tablename__ = "port_calls"
    __table_args__ = (Index(None, "ship_id"), Index(None, "arrived_at"), Index(None, "departs_at"))

    id: Mapped[int] = mapped_column(primary_key=True)
    ship_id: Mapped[int] = mapped_column(ForeignKey("ships.id", ondelete="CASCADE"))
    origin: Mapped[str] = mapped_column(String(60))
    destination: Mapped[str | None] = mapped_column(String(60))
    cargo: Mapped[str] = mapped_column(String(120))
    note: Mapped[str] = mapped_column(String(280), server_default="")
    arrived_at: Mapped[datetime] = mapped_column(UTCDateTime)
    departs_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    berth: Mapped[str] = mapped_column(String(40), server_default=ANCHORAGE)

    ship: Mapped[Ship] = relationship(back_populates="calls", lazy="joined", innerjoin=True)


class Document(db.Model):
    """A photo or manifest of a ship. The file lies in UPLOAD_FOLDER under ``stored_name``."""

    __tablename__ = "documents"
    __table_args__ = (UniqueConstraint("stored_name"), Index(None, "ship_id"))

    id: Mapped[int] = mapped_column(primary_key=True)
    ship_id: Mapped[int] = mapped_column(ForeignKey("ships.id", ondelete="CASCADE"))
    stored_name: Mapped[str] = mapped_column(String(60))
    original_name: Mapped[str] = mapped_column(String(120))
    media_type: Mapped[str] = mapped_column(String(60))
    size_bytes: Mapped[int]
    uploaded_at: Mapped[datetime] = mapped_column(UTCDateTime, default=utc_now)

    ship: Mapped[Ship] = relationship(back_populates="documents")

    @property
    def is_photo(self) -> bool:
        return self.media_type.startswith("image/")


class Summary(db.Model):
    """A day in numbers: how many came and left, and how many ships lay in port at its end."""

    __tablename__ = "summaries"

    day: Mapped[date] = mapped_column(primary_key=True)
    arrivals: Mapped[int]
    departures: Mapped[int]
    in_port: Mapped[int]
    written_at: Mapped[datetime] = mapped_column(UTCDateTime, default=utc_now)
