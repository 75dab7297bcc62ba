# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Harbour: a harbour-master's logbook."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from flask import Flask, Response, current_app
from werkzeug.middleware.proxy_fix import ProxyFix

from . import assets, board, cli, errors, health, logs, queue, reports, schema, storage
from .config import from_environ
from .extensions import csrf, db, migrate

# No script at all, and nothing from another host. data: serves the small marks drawn in the style sheet.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)


def create_app(config: Mapping[str, Any] | None = None) -> Flask:
    """Build the application from the environment.

    :param config: Flask settings laid over those of the environment (for tests).
    :raises harbour.config.ConfigError: when the environment is incomplete or wrong.
    """
    app = Flask(__name__)
    app.config.from_mapping(from_environ(os.environ))
    app.config.from_mapping(config or {})
    app.config["UPLOAD_FOLDER"] = os.path.join(app.instance_path, app.config["UPLOAD_FOLDER"])

    logs.init_app(app)
    db.init_app(app)
    schema.init_app(app)
    migrate.init_app(app, db, directory=str(schema.DIRECTORY))
    csrf.init_app(app)
    assets.init_app(app)
    errors.init_app(app)
    queue.init_app(app)
    storage.init_app(app)
    cli.init_app(app)
    app.register_blueprint(board.bp)
    app.register_blueprint(reports.bp)
    app.register_blueprint(health.bp)
    app.after_request(_add_headers)

    if hops := app.config["PROXY_HOPS"]:
        # Host comes in the Host header: X-Forwarded-Host, where no proxy sets it, is the visitor's to forge.
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=0)  # type: ignore[method-assign]
    return app


def _add_headers(response: Response) -> Response:
    headers = response.headers
    headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
    headers.setdefault("X-Content-Type-Options", "nosniff")
    # Not "no-referrer": over HTTPS the CSRF check wants to see where a form came from.
    headers.setdefault("Referrer-Policy", "same-origin")
    if response.mimetype == "text/html":
        headers.setdefault("Cache-Control", "private, no-cache")
    if release := current_app.config["RELEASE_ID"]:
        headers["X-Release"] = release
    return response
