# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The pages: today's board, the ships, and one ship with its papers."""

from __future__ import annotations

from flask import Blueprint

bp = Blueprint("board", __name__)

from . import routes  # noqa: E402,F401  registers the routes on the blueprint above
