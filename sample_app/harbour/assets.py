# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Static files under an address that changes with their content, so that they may be cached for ever."""

from __future__ import annotations

import hashlib
from pathlib import Path

from flask import Flask, Response, current_app, request, url_for

ONE_YEAR_SECONDS = 31_536_000


def init_app(app: Flask) -> None:
    folder = Path(app.static_folder or "")
    app.extensions["harbour_assets"] = {
        path.relative_to(folder).as_posix(): fingerprint(path) for path in folder.rglob("*") if path.is_file()
    }
    app.add_template_global(asset)
    app.after_request(_cache_fingerprinted)


def fingerprint(path: Path) -> str:
    """The first 12 hexadecimal digits of the content's SHA-256."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def asset(name: str) -> str:
    """Address of a static file, with its fingerprint in the query, so that any server in front can serve it.

    :raises KeyError: when there is no such file: a wrong name in a template fails in the tests.
    """
    return url_for("static", filename=name, v=current_app.extensions["harbour_assets"][name])


def _cache_fingerprinted(response: Response) -> Response:
    if request.endpoint == "static" and response.status_code in (200, 304):
        name = (request.view_args or {}).get("filename", "")
        if request.args.get("v") == current_app.extensions["harbour_assets"].get(name):
            response.headers["Cache-Control"] = f"public, max-age={ONE_YEAR_SECONDS}, immutable"
    return response
