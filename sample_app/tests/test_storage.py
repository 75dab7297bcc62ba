# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Uploads in a bucket: what the visitor sees is the same, and nothing is left in a folder."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pytest
from conftest import HTTPS
from flask import Flask
from test_uploads import PNG, send

from harbour import storage
from harbour.extensions import db
from harbour.models import Ship


class NoSuchKeyError(Exception):
    pass


class Client:
    """As much of boto3's client as the app uses, with what it was given."""

    exceptions = SimpleNamespace(NoSuchKey=NoSuchKeyError)

    def __init__(self) -> None:
        self.objects: dict[str, Any] = {}

    def put_object(self, **given: Any) -> None:
        self.objects[given["Key"]] = given

    def get_object(self, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        if Key not in self.objects:
            raise NoSuchKeyError
        return {"Body": io.BytesIO(self.objects[Key]["Body"])}

    def delete_object(self, Bucket: str, Key: str) -> None:  # noqa: N803
        self.objects.pop(Key, None)


@pytest.fixture
def app_with_bucket(
    environment: pytest.MonkeyPatch, make_app: Callable[[], Flask], monkeypatch: pytest.MonkeyPatch
) -> Flask:
    environment.setenv("S3_BUCKET", "papers")
    monkeypatch.setattr(storage, "find_spec", lambda name: object())
    app = make_app()
    app.extensions[storage.KEY]._client = Client()
    return app


def test_a_photo_goes_into_the_bucket_and_comes_back(app_with_bucket: Flask) -> None:
    with app_with_bucket.app_context():
        ship = Ship(name="Merlin", flag="GB")
        db.session.add(ship)
        db.session.commit()
        path = f"/ships/{ship.id}"
    client = app_with_bucket.test_client()
    assert send(client, path, "merlin.png", PNG).status_code == 303
    objects = app_with_bucket.extensions[storage.KEY].client.objects
    (name,) = objects
    assert (objects[name]["Bucket"], objects[name]["ContentType"]) == ("papers", "image/png")
    assert client.get(f"/documents/{name}", **HTTPS).data == PNG
    assert not Path(app_with_bucket.config["UPLOAD_FOLDER"]).exists()
    objects.clear()
    assert client.get(f"/documents/{name}", **HTTPS).status_code == 404


def test_what_speaks_to_the_bucket_must_be_there(
    environment: pytest.MonkeyPatch, make_app: Callable[[], Flask], monkeypatch: pytest.MonkeyPatch
) -> None:
    environment.setenv("S3_BUCKET", "papers")
    monkeypatch.setattr(storage, "find_spec", lambda name: None)
    with pytest.raises(click.ClickException, match="S3_BUCKET is set, and boto3 is not installed"):
        make_app()
