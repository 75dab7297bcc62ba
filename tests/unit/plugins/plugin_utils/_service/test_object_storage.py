# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The key `object_storage`: what is refused in it, and the variables that the app has of it."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.plugin_utils._app import description
from ansible_collections.slipway.flask.plugins.plugin_utils._service import known, object_storage
from ansible_collections.slipway.flask.plugins.plugin_utils._target import release
from app_descriptions import shop

SECRET = "canary-of-the-storage-4711"
STORAGE = {"bucket": "uploads", "endpoint": "https://s3.example.com", "access_key": "AKIA", "secret_key": SECRET}


def said(**changes: Any) -> list[str]:
    return description.problems([shop(object_storage={**STORAGE, **changes})])


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"bukket": "x"}, "unknown key 'bukket' in 'object_storage' (did you mean 'bucket'?)"),
        ({"bucket": ""}, "'bucket' is missing in 'object_storage'"),
        ({"secret_key": 5}, "'secret_key' in 'object_storage' must be text"),
        ({"bucket": "My Uploads"}, "'bucket' in 'object_storage' is 'My Uploads'; it must be 3 to 63"),
        ({"endpoint": "s3.example.com"}, "must be a URL such as https://s3.example.com"),
        ({"endpoint": "https://a:b@s3.example.com"}, "has a user or password in it"),
        ({"endpoint": "http://s3.example.com"}, "anybody on the way could read the files; use https://"),
        ({"endpoint": "http://203.0.114.9"}, "anybody on the way could read the files"),
        ({"region": "Europe (Frankfurt)"}, "'region' in 'object_storage' is 'Europe (Frankfurt)'"),
        ({"variable": "S3 BUCKET"}, "'variable' in 'object_storage' is 'S3 BUCKET'"),
        ({"secret_key": "two words"}, "'secret_key' in 'object_storage' must be one word"),
    ],
)
def test_what_is_wrong_is_told_without_the_secret(changes: dict[str, Any], wrong: str) -> None:
    (text,) = said(**changes)
    assert wrong in text
    assert SECRET not in text and "two words" not in text


@pytest.mark.parametrize(
    "endpoint", ["", "https://s3.example.com:9000/store", "http://10.0.0.7:9000", "http://localhost:9000"]
)
def test_servers_near_and_far_are_fine(endpoint: str) -> None:
    assert said(endpoint=endpoint) == []


def test_a_variable_has_one_owner() -> None:
    app = shop(object_storage=STORAGE, environment={"S3_BUCKET": "other"})
    (text,) = description.problems([app])
    assert "S3_BUCKET is set by 'object_storage'" in text


def test_the_app_has_what_sdks_read_and_the_deploy_asks_for_that_bucket() -> None:
    app = description.normalise(shop(object_storage={**STORAGE, "variable": "UPLOADS_BUCKET"}))
    assert known.environment(app).items() >= {
        "AWS_ENDPOINT_URL_S3": "https://s3.example.com", "AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_DEFAULT_REGION": "us-east-1", "AWS_REGION": "us-east-1", "UPLOADS_BUCKET": "uploads",
        "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
    }.items()  # fmt: skip
    assert release.release(app)["bucket_variable"] == "UPLOADS_BUCKET"


def test_amazon_is_the_server_where_none_is_named() -> None:
    found = object_storage.variables({**STORAGE, "endpoint": "", "region": "eu-central-1"})
    assert "AWS_ENDPOINT_URL_S3" not in found and found["AWS_DEFAULT_REGION"] == "eu-central-1"
    app = description.normalise(shop())
    assert (object_storage.variable(app), release.release(app)["bucket_variable"]) == ("", "")


def test_its_secret_is_in_no_command() -> None:
    app = shop(object_storage=STORAGE, release_commands=[f"flask upload --key {SECRET}"])
    (text,) = description.problems([app])
    assert SECRET not in text
