# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a server, a supervisor or an operator sees: health, headers, errors, static files, logs."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import HTTPS
from flask import Flask, request
from flask.testing import FlaskClient
from sqlalchemy import text

from harbour.extensions import db
from harbour.schema import known_revisions

DEAD_DATABASE = "postgresql://nobody:hush@127.0.0.1:1/none"


@pytest.fixture
def stranded(environment: pytest.MonkeyPatch, make_app: Callable[[], Flask]) -> FlaskClient:
    """The application with no database behind it."""
    environment.setenv("DATABASE_URL", DEAD_DATABASE)
    return make_app().test_client()


def test_healthz(client: FlaskClient) -> None:
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json) == (200, {"status": "ok", "release": "r42"})
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in answer.headers


def test_readyz(client: FlaskClient) -> None:
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert (answer.json["status"], answer.json["schema"], answer.json["schema_revision"]) == (
        "ready",
        "current",
        "0005",
    )


@pytest.mark.parametrize(
    ("revision", "code", "schema"),
    [("0003", 503, "behind"), (None, 503, "behind"), ("9999", 200, "ahead")],
)
def test_readyz_compares_the_schema(
    app: Flask, client: FlaskClient, revision: str | None, code: int, schema: str
) -> None:
    with app.app_context():
        db.session.execute(text("UPDATE alembic_version SET version_num = :new"), {"new": revision or "gone"})
        if revision is None:
            db.session.execute(text("DELETE FROM alembic_version"))
        db.session.commit()
        try:
            answer = client.get("/readyz")
        finally:
            db.session.execute(text("DELETE FROM alembic_version"))
            db.session.execute(text("INSERT INTO alembic_version VALUES (:head)"), {"head": known_revisions().head})
            db.session.commit()
    assert (answer.status_code, answer.json["schema"]) == (code, schema)


def test_readyz_without_any_table(
    environment: pytest.MonkeyPatch, make_app: Callable[[], Flask], tmp_path: Path
) -> None:
    environment.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/empty.sqlite")
    answer = make_app().test_client().get("/readyz")
    assert (answer.status_code, answer.json["schema"], answer.json["schema_revision"]) == (503, "behind", None)


def test_without_a_database(stranded: FlaskClient) -> None:
    started = time.monotonic()
    assert stranded.get("/healthz").status_code == 200
    ready = stranded.get("/readyz")
    assert (ready.status_code, ready.json["database"]) == (503, "unreachable")
    page = stranded.get("/", **HTTPS)
    assert page.status_code == 503
    assert "Fog in the harbour" in page.text
    assert page.headers["Retry-After"] == "30"
    for answer in (ready, page):
        assert "Traceback" not in answer.text
        assert "hush" not in answer.text
    assert time.monotonic() - started < 5


def test_an_unexpected_error_shows_the_request_id_and_no_more(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise RuntimeError("hush")

    monkeypatch.setattr("harbour.board.queries.berths", fail)
    answer = client.get("/", headers={"X-Request-ID": "abc-123"})
    assert answer.status_code == 500
    assert "Man overboard" in answer.text
    assert "abc-123" in answer.text
    assert "hush" not in answer.text
    entries = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    failure = next(entry for entry in entries if entry["level"] == "error")
    assert failure["request_id"] == "abc-123"
    assert "RuntimeError: hush" in failure["exception"]


def test_logs_are_json_with_the_request_id(client: FlaskClient, capsys: pytest.CaptureFixture[str]) -> None:
    answer = client.get("/ships", headers={"X-Request-ID": "abc-123"})
    assert answer.headers["X-Request-ID"] == "abc-123"
    (line,) = capsys.readouterr().err.splitlines()
    entry = json.loads(line)
    expected = {"request_id": "abc-123", "method": "GET", "path": "/ships", "status": 200, "release": "r42"}
    assert expected.items() <= entry.items()
    client.get("/healthz")
    assert capsys.readouterr().err == "", "health checks are logged at DEBUG only"


def test_a_forged_request_id_is_replaced(client: FlaskClient) -> None:
    answer = client.get("/healthz", headers={"X-Request-ID": 'x" <script>'})
    assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["X-Request-ID"])


@pytest.mark.parametrize("path", ["/", "/nowhere", "/healthz"])
def test_headers_of_every_answer(client: FlaskClient, path: str) -> None:
    headers = client.get(path).headers
    assert headers["X-Release"] == "r42"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in headers["Content-Security-Policy"]


def test_static_address_changes_with_the_content(app: Flask, client: FlaskClient) -> None:
    found = re.search(r'href="(/static/css/harbour\.css\?v=([0-9a-f]{12}))"', client.get("/").text)
    assert found
    with client.get(found[1]) as styles:
        assert styles.status_code == 200
        assert "immutable" in styles.headers["Cache-Control"]
    with client.get("/static/css/harbour.css?v=old") as styles:
        assert "immutable" not in styles.headers["Cache-Control"]


def test_nothing_is_fetched_from_elsewhere(client: FlaskClient) -> None:
    with client.get("/static/css/harbour.css") as styles:
        page = client.get("/").text + styles.text
    assert not re.findall(r"""(?:src|href|url)\s*[=(]\s*["']?(?:https?:)?//""", page)
    assert "<script" not in page
    assert " style=" not in page, "the content security policy would drop it"


@pytest.mark.parametrize(("hops", "secure"), [("0", False), ("1", True)])
def test_proxy_headers_count_only_when_there_is_a_proxy(
    environment: pytest.MonkeyPatch, make_app: Callable[[], Flask], hops: str, secure: bool
) -> None:
    environment.setenv("PROXY_HOPS", hops)
    proxied = make_app()
    seen = []
    proxied.add_url_rule("/seen", view_func=lambda: seen.append(_request_facts()) or "")
    headers = {"X-Forwarded-For": "192.0.2.9", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.test"}
    proxied.test_client().get("/seen", headers=headers)
    address = "192.0.2.9" if secure else "127.0.0.1"
    assert seen == [(secure, address, "localhost")]


def _request_facts() -> tuple[bool, str | None, str]:
    return request.is_secure, request.remote_addr, request.host


def test_cookie_for_local_http(environment: pytest.MonkeyPatch, make_app: Callable[[], Flask]) -> None:
    environment.setenv("SESSION_COOKIE_SECURE", "false")
    assert "Secure" not in make_app().test_client().get("/").headers["Set-Cookie"]
