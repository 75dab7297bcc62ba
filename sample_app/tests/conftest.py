# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The tests run on SQLite in a temporary file, or on the empty database named by TEST_DATABASE_URL."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_migrate import downgrade, upgrade
from werkzeug.test import TestResponse

from harbour import create_app
from harbour.extensions import db

HTTPS = {"base_url": "https://harbour.test", "headers": {"Referer": "https://harbour.test/"}}
SETTINGS = {
    "SECRET_KEY",
    "DATABASE_URL",
    "DB_POOL_SIZE",
    "REDIS_URL",
    "REPORT_ENTRY_SECONDS",
    "UPLOAD_FOLDER",
    "S3_BUCKET",
    "MAX_CONTENT_LENGTH",
    "PROXY_HOPS",
    "LOG_LEVEL",
    "RELEASE_ID",
    "REVISION",
    "SESSION_COOKIE_SECURE",
}


@pytest.fixture(scope="session")
def database_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A database at the newest migration."""
    url = os.environ.get("TEST_DATABASE_URL") or f"sqlite:///{tmp_path_factory.mktemp('database')}/harbour.sqlite"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SECRET_KEY", "only-for-the-tests-of-harbour")
        patch.setenv("DATABASE_URL", url)
        app = create_app()
        with app.app_context():
            upgrade()
        yield url
        with app.app_context():
            downgrade(revision="base")
            db.engine.dispose()


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, database_url: str) -> pytest.MonkeyPatch:
    """A complete environment, for the test to bend."""
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SECRET_KEY", "only-for-the-tests-of-harbour")
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("UPLOAD_FOLDER", str(tmp_path / "uploads"))
    monkeypatch.setenv("RELEASE_ID", "r42")
    return monkeypatch


@pytest.fixture
def make_app(environment: pytest.MonkeyPatch) -> Iterator[Callable[[], Flask]]:
    """Builds an application from the environment as it is at the call, and closes its connections afterwards."""
    made = []

    def make() -> Flask:
        made.append(create_app({"TESTING": True, "PROPAGATE_EXCEPTIONS": False}))
        return made[-1]

    yield make
    for app in made:
        with app.app_context():
            db.session.remove()
            db.engine.dispose()


@pytest.fixture
def app(make_app: Callable[[], Flask]) -> Flask:
    """The application on an empty logbook."""
    app = make_app()
    with app.app_context():
        for table in reversed(db.metadata.sorted_tables):
            db.session.execute(table.delete())
        db.session.commit()
    return app


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def token(client: FlaskClient, path: str = "/") -> str:
    """The CSRF token of a page's form, with its cookie now in the client."""
    found = re.search(r'name="csrf_token" type="hidden" value="([^"]+)"', client.get(path, **HTTPS).text)
    assert found, f"{path} has no form"
    return found[1]


def arrival(**changes: str) -> dict[str, str]:
    """A filled-in arrival form."""
    now = datetime.now(timezone.utc)
    entry = {
        "name": "Grace Darling",
        "flag": "GB",
        "origin": "Seahouses",
        "berth": "Slip 2",
        "cargo": "Lifeboat, crew of 6",
        "arrived_at": f"{now:%Y-%m-%dT%H:%M}",
    }
    return {**entry, **changes}


def log_arrival(client: FlaskClient, **changes: str) -> TestResponse:
    return client.post("/arrivals", data={**arrival(**changes), "csrf_token": token(client)}, **HTTPS)
