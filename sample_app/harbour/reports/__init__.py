# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The day's log as a PDF that a worker makes, and the summary that is written each night."""

from __future__ import annotations

from flask import Blueprint

bp = Blueprint("reports", __name__, url_prefix="/reports")

from . import routes  # noqa: E402,F401  registers the routes on the blueprint above
