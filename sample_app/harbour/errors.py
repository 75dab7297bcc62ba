# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Error pages: a plain sentence, a way back, and the request's id. None of them needs the database."""

from __future__ import annotations

from flask import Flask, current_app, g, render_template
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException

PAGES = {
    400: ("Signal not understood", "The request was malformed or incomplete. Go back and try again."),
    404: ("Not on the chart", "We looked along every quay. Nothing is moored at this address."),
    405: ("Wrong channel", "This address does not answer that kind of request."),
    413: ("Too heavy for the crane", "That file is over the size limit of {limit}. Send a smaller one."),
    500: ("Man overboard", "Something went wrong on our side. The watch has been told."),
    503: ("Fog in the harbour", "The logbook cannot be reached just now. Please try again in a minute."),
}


def init_app(app: Flask) -> None:
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(CSRFError, _csrf_error)
    for unreachable in (OperationalError, InterfaceError, PoolTimeout):
        app.register_error_handler(unreachable, _database_error)


def page(code: int, text: str = "") -> tuple[str, int]:
    title, standard_text = PAGES.get(code, ("Rough water", "The request could not be answered."))
    text = (text or standard_text).format(limit=megabytes(current_app.config["MAX_CONTENT_LENGTH"]))
    return render_template("errors/error.html", code=code, title=title, text=text, request_id=g.get("request_id")), code


def megabytes(size_bytes: int) -> str:
    return f"{size_bytes / 1024**2:.3g} MB"


def _http_error(error: HTTPException) -> ResponseReturnValue:
    if error.code is None or error.code < 400:
        return error  # a redirect that Werkzeug raises
    body, code = page(error.code)
    response = error.get_response()  # keeps headers such as Allow
    response.set_data(body)
    response.content_type = "text/html; charset=utf-8"
    return response, code


def _csrf_error(error: CSRFError) -> ResponseReturnValue:
    reason = error.description.rstrip(".")
    return page(400, f"The form could not be trusted ({reason}). Load the page again and resend.")


def _database_error(error: Exception) -> ResponseReturnValue:
    current_app.logger.error("The database cannot be used", exc_info=error)
    return *page(503), {"Retry-After": "30"}
