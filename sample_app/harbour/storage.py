# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Where visitors' files are: a folder, or a bucket of object storage that all hosts of the app share."""

from __future__ import annotations

import io
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import click
from flask import Flask, current_app
from werkzeug.exceptions import NotFound

KEY = "harbour.storage"


class Storage(Protocol):
    def put(self, name: str, content: bytes, media_type: str) -> None:
        """Keep the content under a name, whole or not at all."""

    def open(self, name: str) -> Path | io.BytesIO:
        """Give it back, as Flask's ``send_file`` takes it.

        :raises werkzeug.exceptions.NotFound: when there is none.
        """

    def delete(self, name: str) -> None:
        """Remove it, if it is there."""


class Folder:
    """Files of this host alone."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def put(self, name: str, content: bytes, media_type: str) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        part = self.path / f".{name}.part"
        try:
            part.write_bytes(content)
            part.replace(self.path / name)
        finally:
            part.unlink(missing_ok=True)

    def open(self, name: str) -> Path:
        if not (self.path / name).is_file():
            raise NotFound
        return self.path / name

    def delete(self, name: str) -> None:
        (self.path / name).unlink(missing_ok=True)


class Bucket:
    """A bucket; boto3 reads server, region and keys from the environment: AWS_ENDPOINT_URL_S3, AWS_ACCESS_KEY_ID, …"""

    def __init__(self, name: str) -> None:
        self.name = name
        self._client: Any = None

    @property
    def client(self) -> Any:
        if self._client is None:  # at the first use: after gunicorn has forked, and in no process that needs none
            import boto3
            from botocore.config import Config

            limits = Config(connect_timeout=5, read_timeout=15, retries={"mode": "standard", "max_attempts": 3})
            self._client = boto3.client("s3", config=limits)
        return self._client

    def put(self, name: str, content: bytes, media_type: str) -> None:
        self.client.put_object(Bucket=self.name, Key=name, Body=content, ContentType=media_type)

    def open(self, name: str) -> io.BytesIO:
        try:
            return io.BytesIO(self.client.get_object(Bucket=self.name, Key=name)["Body"].read())
        except self.client.exceptions.NoSuchKey:
            raise NotFound from None

    def delete(self, name: str) -> None:
        self.client.delete_object(Bucket=self.name, Key=name)


def init_app(app: Flask) -> None:
    """Decide where this app's files are.

    :raises click.ClickException: when that is a bucket, and what speaks to it is not installed.
    """
    bucket = app.config["S3_BUCKET"]
    if bucket and find_spec("boto3") is None:
        raise click.ClickException("Harbour cannot start: S3_BUCKET is set, and boto3 is not installed.")
    app.extensions[KEY] = Bucket(bucket) if bucket else Folder(Path(app.config["UPLOAD_FOLDER"]))


def storage() -> Storage:
    found: Storage = current_app.extensions[KEY]
    return found
