# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Photos and manifests: only what is expected goes in, and it comes out harmless."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from conftest import HTTPS, token
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from harbour.extensions import db
from harbour.models import Document, Ship

PNG = b"\x89PNG\r\n\x1a\n" + b"pixels"


@pytest.fixture
def ship_path(app: Flask) -> str:
    with app.app_context():
        ship = Ship(name="Kestrel", flag="GB")
        db.session.add(ship)
        db.session.commit()
        return f"/ships/{ship.id}"


def send(client: FlaskClient, ship_path: str, name: str, content: bytes) -> TestResponse:
    data = {"csrf_token": token(client, ship_path), "document": (BytesIO(content), name)}
    return client.post(f"{ship_path}/documents", data=data, **HTTPS)


def stored(app: Flask) -> list[Path]:
    folder = Path(app.config["UPLOAD_FOLDER"])
    return sorted(folder.iterdir()) if folder.exists() else []


def test_photo_is_stored_under_a_random_name_and_shown(app: Flask, client: FlaskClient, ship_path: str) -> None:
    assert send(client, ship_path, "../../kestrel.PNG", PNG).status_code == 303
    with app.app_context():
        document = db.session.scalars(select(Document)).one()
    assert [path.name for path in stored(app)] == [document.stored_name]
    assert document.original_name == "kestrel.PNG"
    page = client.get(ship_path, **HTTPS).text
    assert f'src="/documents/{document.stored_name}"' in page
    with client.get(f"/documents/{document.stored_name}") as photo:
        assert (photo.data, photo.mimetype) == (PNG, "image/png")


def test_manifest_is_a_download(app: Flask, client: FlaskClient, ship_path: str) -> None:
    send(client, ship_path, "manifest.txt", "<script>1</script> Göteborg".encode())
    with client.get(f"/documents/{stored(app)[0].name}") as answer:
        assert answer.mimetype == "text/plain"
        assert answer.headers["Content-Disposition"].startswith("attachment")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("page.html", b"<script>", "That kind of file is not kept here."),
        ("photo", PNG, "That kind of file is not kept here."),
        ("photo.png", b"<script>", "content does not match its name"),
        ("photo.webp", b"RIFFxxxxWAVE", "content does not match its name"),
        ("manifest.csv", b"\x00\x01", "content does not match its name"),
        ("photo.png", b"", "The file is empty."),
        ("", b"", "Choose a file first."),
    ],
)
def test_other_files_are_refused(
    app: Flask, client: FlaskClient, ship_path: str, name: str, content: bytes, says: str
) -> None:
    answer = send(client, ship_path, name, content)
    assert answer.status_code == 422
    assert says in answer.text
    assert stored(app) == []


def test_too_large_a_file_is_refused(app: Flask, client: FlaskClient, ship_path: str) -> None:
    app.config["MAX_CONTENT_LENGTH"] = 2048
    answer = send(client, ship_path, "photo.png", PNG + b"x" * 4096)
    assert answer.status_code == 413
    assert "Too heavy for the crane" in answer.text
    assert stored(app) == []


def test_no_file_is_left_when_the_log_cannot_be_written(
    app: Flask, client: FlaskClient, ship_path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise RuntimeError

    form_token = token(client, ship_path)
    monkeypatch.setattr(db.session, "commit", fail)
    data = {"csrf_token": form_token, "document": (BytesIO(PNG), "photo.png")}
    assert client.post(f"{ship_path}/documents", data=data, **HTTPS).status_code == 500
    assert stored(app) == []


def test_only_filed_documents_are_served(app: Flask, client: FlaskClient) -> None:
    folder = Path(app.config["UPLOAD_FOLDER"])
    folder.mkdir(parents=True)
    (folder / "stray.png").write_bytes(PNG)
    assert client.get("/documents/stray.png").status_code == 404


def test_relative_folder_lies_in_the_instance_folder(
    environment: pytest.MonkeyPatch, make_app: Callable[[], Flask]
) -> None:
    environment.delenv("UPLOAD_FOLDER")
    app = make_app()
    assert Path(app.config["UPLOAD_FOLDER"]) == Path(app.instance_path) / "uploads"
