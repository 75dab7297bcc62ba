# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Two questions that a supervisor asks: is the process alive, and may it receive visitors?"""

from __future__ import annotations

from flask import Blueprint, Response, current_app, jsonify
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from ..extensions import db
from ..schema import database_revision, known_revisions

bp = Blueprint("health", __name__)


@bp.get("/healthz")
def healthz() -> Response:
    """The process answers. No database: a restart cures no database."""
    return jsonify(status="ok", release=current_app.config["RELEASE_ID"] or None)


@bp.get("/readyz")
def readyz() -> tuple[Response, int]:
    """The database answers, and its schema is at least the one that this code was written for."""
    known = known_revisions()
    try:
        with db.engine.connect() as connection:
            connection.execute(text("SELECT 1"))
            revision = database_revision(connection)
    except SQLAlchemyError as error:
        current_app.logger.warning("Not ready: the database is unreachable", exc_info=error)
        return _not_ready(database="unreachable")
    schema = known.compare(revision)
    facts = {"database": "ok", "schema": schema, "schema_revision": revision, "code_revision": known.head}
    if schema == "behind":
        current_app.logger.warning("Not ready: the schema is at %s, the code needs %s", revision, known.head)
        return _not_ready(**facts)
    return jsonify(status="ready", release=current_app.config["RELEASE_ID"] or None, **facts), 200


def _not_ready(**facts: str | None) -> tuple[Response, int]:
    return jsonify(status="unavailable", release=current_app.config["RELEASE_ID"] or None, **facts), 503


@bp.after_request
def _never_cache(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    return response
