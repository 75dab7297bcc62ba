# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""An app's object storage: a bucket of any server that speaks the S3 protocol, reached with the variables that SDKs read.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.slipway.flask.plugins.module_utils._storage import bucket
from ansible_collections.slipway.flask.plugins.plugin_utils._schema.key import REQUIRED, Key
from ansible_collections.slipway.flask.plugins.plugin_utils._schema.names import VARIABLE, nearest
from ansible_collections.slipway.flask.plugins.plugin_utils._service.base import App

KEY = "object_storage"
BUCKET = "S3_BUCKET"
NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
"""A bucket's name (docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html)."""
REGION = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
ENTRY = {
    "bucket": Key(str, REQUIRED, "Name of the bucket."),
    "endpoint": Key(str, "", "URL of the server, such as `https://s3.example.com`. If empty, Amazon S3 in `region`."),
    "region": Key(str, bucket.USUAL_REGION, "Region of the bucket; most other servers take the default."),
    "access_key": Key(str, REQUIRED, "Access key ID."),
    "secret_key": Key(str, REQUIRED, "Secret access key (secret)."),
    "variable": Key(str, BUCKET, "Environment variable that holds the bucket's name."),
}  # fmt: skip
KEYS = {
    KEY: Key(dict, {}, "Bucket of an S3-compatible object storage for files that all hosts share, e.g. `{bucket: shop-uploads, "
                       "endpoint: https://s3.example.com, access_key: …, secret_key: …}`; see docs/object-storage.md.",
             keys=ENTRY),
}  # fmt: skip
PLAIN = {"AWS_REQUEST_CHECKSUM_CALCULATION": "when_required", "AWS_RESPONSE_CHECKSUM_VALIDATION": "when_required"}
"""Since 2025, SDKs of AWS send checksums that other servers often refuse, unless told so
(docs.aws.amazon.com/sdkref/latest/guide/feature-dataintegrity.html)."""


class ObjectStorage:
    """The member of `known.SERVICES` for the key above. No role sets it up: the server is somebody else's."""

    name = KEY

    def keys(self) -> dict[str, Key]:
        return KEYS

    def problems(self, given: App) -> Iterator[str]:
        storage = given.get(KEY)
        if not storage:
            return
        found = list(_mistyped(storage))
        yield from found
        if found:
            return
        yield from _values(storage)
        taken = {**given.get("environment", {}), **given.get("secrets", {})}
        for variable in variables(storage):
            if variable in taken:
                yield f"{variable} is set by '{KEY}'; remove it from 'environment' and 'secrets', or '{KEY}'"

    def refusals(self, app: App) -> Iterator[str]:
        yield from ()

    def variables(self, given: App) -> dict[str, str]:
        storage = given.get(KEY)
        if not isinstance(storage, Mapping) or any(_mistyped(storage)):
            return {}
        secret = bucket.SECRET_KEY
        return {name: value if name == secret else "" for name, value in variables(storage).items()}

    def release_commands(self, given: App) -> list[str]:
        return []

    def packages(self, app: App) -> list[str]:
        return []

    def environment(self, app: App) -> dict[str, str]:
        return variables(app[KEY]) if app[KEY] else {}

    def after_units(self, app: App) -> list[str]:
        return []

    def accounts(self, app: App) -> dict[str, str]:
        return {}

    def documents(self, app: App) -> dict[str, Any]:
        return {}


def variables(storage: Mapping[str, Any]) -> dict[str, str]:
    """Return the environment variables of an app with STORAGE; boto3, s3fs, rclone and others need no more."""
    whole = {name: storage.get(name, key.default) for name, key in ENTRY.items()}
    found = {
        bucket.ACCESS_KEY: whole["access_key"],
        bucket.SECRET_KEY: whole["secret_key"],
        bucket.REGION: whole["region"],
        "AWS_REGION": whole["region"],
        whole["variable"]: whole["bucket"],
    }
    return {**found, **({bucket.ENDPOINT: whole["endpoint"], **PLAIN} if whole["endpoint"] else {})}


def variable(app: App) -> str:
    """Return which of the app's variables holds the bucket's name, "" for an app without one."""
    return str(app[KEY].get("variable", BUCKET)) if app[KEY] else ""


def _mistyped(storage: Mapping[str, Any]) -> Iterator[str]:
    """Yield what in STORAGE is not as the table above says."""
    for name in storage:
        if name not in ENTRY:
            yield f"unknown key '{name}' in '{KEY}'{nearest(str(name), ENTRY)}"
    for name, key in ENTRY.items():
        if key.default is REQUIRED and storage.get(name) in (None, ""):
            yield f"'{name}' is missing in '{KEY}'. {key.text}"
        elif name in storage and not isinstance(storage[name], str):
            yield f"'{name}' in '{KEY}' must be text. {key.text}"


def _values(storage: Mapping[str, Any]) -> Iterator[str]:
    if not NAME.fullmatch(storage["bucket"]):
        yield f"'bucket' in '{KEY}' is '{storage['bucket']}'; it must be 3 to 63 small letters, digits, dots and hyphens"
    if not REGION.fullmatch(storage.get("region", bucket.USUAL_REGION)):
        yield f"'region' in '{KEY}' is '{storage['region']}'; it must be a name such as eu-central-1"
    if not VARIABLE.fullmatch(storage.get("variable", BUCKET)):
        yield f"'variable' in '{KEY}' is '{storage['variable']}'; it must be a variable's name such as {BUCKET}"
    if storage.get("endpoint") and (problem := _endpoint(storage["endpoint"])):
        yield f"'endpoint' in '{KEY}' {problem}"
    for name in ("access_key", "secret_key"):
        if not storage[name].isascii() or not storage[name].isprintable() or " " in storage[name]:
            yield f"'{name}' in '{KEY}' must be one word of ASCII characters"


def _endpoint(text: str) -> str:
    """Return what is wrong with the URL of a server; its text is not repeated where a password may be in it."""
    try:
        url = urlsplit(text)
        good = url.scheme in ("http", "https") and bool(url.hostname) and (url.port or 1) > 0
    except ValueError:
        return "is not a URL such as https://s3.example.com"
    if url.username or url.password:
        return "has a user or password in it; use 'access_key' and 'secret_key'"
    if not good or not text.isprintable() or " " in text or url.query or url.fragment:
        return "must be a URL such as https://s3.example.com, without the bucket"
    if url.scheme == "http" and not _is_near(str(url.hostname)):
        return f"is '{text}', so that anybody on the way could read the files; use https://"
    return ""


def _is_near(host: str) -> bool:
    """Tell whether HOST is an address of the host itself or of a private network (RFC 1918)."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_private
    except ValueError:
        return False
