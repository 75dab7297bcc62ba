# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Signs a request to object storage: Signature Version 4 of the S3 protocol, with nothing but the standard library.

After AWS's "Signature Version 4 for API requests" (docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html).
PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

EMPTY = hashlib.sha256(b"").hexdigest()
"""The digest of a body that is not there."""


@dataclass(frozen=True)
class Keys:
    """Who asks, and in which region."""

    access_key: str
    secret_key: str = field(repr=False)
    region: str
    token: str = field(default="", repr=False)
    """The session token of keys that are good for a while."""


def headers(
    keys: Keys, host: str, path: str, query: Mapping[str, str], time: str, method: str = "GET"
) -> dict[str, str]:
    """Return the headers of a request without a body for PATH, unquoted, on HOST; TIME is in UTC, like 20130524T000000Z."""
    signed = {"host": host, "x-amz-content-sha256": EMPTY, "x-amz-date": time}
    if keys.token:
        signed["x-amz-security-token"] = keys.token
    names = ";".join(sorted(signed))
    lines = [
        method,
        quote(path, safe="/~"),
        query_text(query),
        *(f"{name}:{signed[name]}" for name in sorted(signed)),
        "",
    ]
    scope = f"{time[:8]}/{keys.region}/s3/aws4_request"
    digest = hashlib.sha256("\n".join([*lines, names, EMPTY]).encode()).hexdigest()
    key = f"AWS4{keys.secret_key}".encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(key, f"AWS4-HMAC-SHA256\n{time}\n{scope}\n{digest}".encode(), hashlib.sha256).hexdigest()
    told = f"AWS4-HMAC-SHA256 Credential={keys.access_key}/{scope},SignedHeaders={names},Signature={signature}"
    return {**signed, "authorization": told}


def query_text(query: Mapping[str, str]) -> str:
    """Return a QUERY as it is signed and sent: sorted by name, each part quoted."""
    return "&".join(f"{quote(name, safe='~')}={quote(value, safe='~')}" for name, value in sorted(query.items()))
