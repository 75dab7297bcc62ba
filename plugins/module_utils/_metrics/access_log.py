# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a line of nginx' JSON access log (roles/nginx_tls: log_format slipway, slipway_static) says of a request.

What visitors write into it is theirs: only lengths that are known, and methods that are known, come out of here.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import json
import re
from typing import NamedTuple

METHODS = {name.encode(): name for name in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")}
OTHER = "other"
"""Method of a request whose own is none of METHODS: anybody can make up any number of them."""
PATH_BYTES = 256
"""So much of a path is looked at."""
ABORTED = 499
"""Status in nginx' log for a visitor who left before there was an answer."""

# A string in the log has no quote that is not escaped (escape=json): no visitor can write what looks like a key.
_METHOD = re.compile(rb'"method":"([A-Z]{3,7})"')
_PATH = re.compile(rb'"uri":"([^"?#]{0,%d})' % PATH_BYTES)
_ANSWER = re.compile(rb'"status":([0-9]+),"bytes":([0-9]+),"seconds":([0-9.]+),"upstream_status":"([^"]?)')
_STATIC = b'"static":true'


class Entry(NamedTuple):
    """One request. PATH is as the visitor wrote it, without query and cut; SECONDS until nginx had sent the answer's end."""

    method: str
    path: bytes
    status: int
    size: int
    seconds: float
    from_app: bool
    """Whether the app was asked, and nginx did not answer by itself."""
    static: bool
    """Whether it was for a static file that nginx sends."""


def entry(line: bytes) -> Entry | None:
    """Return what a LINE says, None when it is none of nginx'."""
    found = _ANSWER.search(line)
    if not found:
        return _by_name(line)
    status, size, seconds, upstream = found.groups()
    method, path = _METHOD.search(line), _PATH.search(line)
    try:
        return Entry(
            METHODS.get(method[1], OTHER) if method else OTHER,
            path[1] if path else b"",
            int(status[:3]),
            int(size[:18]),
            float(seconds[:18]),
            upstream != b"",
            upstream == b"" and _STATIC in line,
        )
    except ValueError:
        return None


def _by_name(line: bytes) -> Entry | None:
    """Return what a LINE says whose keys come in another order than the one that is read fast."""
    try:
        said = json.loads(line.decode("utf-8", "replace"))
        path = str(said.get("uri", "")).partition("?")[0].partition("#")[0]
        upstream = str(said.get("upstream_status", ""))
        return Entry(
            METHODS.get(str(said.get("method", "")).encode("utf-8", "replace"), OTHER),
            path.encode("utf-8", "replace")[:PATH_BYTES],
            int(said["status"]),
            int(said.get("bytes", 0)),
            float(said.get("seconds", 0)),
            upstream not in ("", "-"),
            upstream in ("", "-") and said.get("static") is True,
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError):
        return None
