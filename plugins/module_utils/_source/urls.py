# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Addresses of sources: what of them may be shown, and what is a secret.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import base64
import re
from urllib.parse import unquote, urlsplit, urlunsplit


def without_credentials(text: str) -> str:
    """Return TEXT with the user and password of the HTTP URLs in it hidden: a token may stand for either."""
    return re.sub(r"(https?://)[^/@\s]+@", r"\1********@", text)


def is_http(address: str) -> bool:
    """Tell whether ADDRESS is a web address."""
    return address.lower().startswith(("http://", "https://"))


def shown(address: str) -> str:
    """Return ADDRESS as records and messages may hold it: a web address without its credentials and its query."""
    return urlunsplit(urlsplit(split(address)[0])._replace(query="", fragment="")) if is_http(address) else address


def split(address: str) -> tuple[str, str]:
    """Return a web ADDRESS without user and password, and the `Authorization` value that stands for them (RFC 7617).

    The value is "" for an address without them, and for one of another kind (ssh, a path), which keeps its user.
    """
    parts = urlsplit(address) if is_http(address) else None
    if parts is None or "@" not in parts.netloc:
        return address, ""
    user, _, host = parts.netloc.rpartition("@")
    name, _, password = user.partition(":")
    pair = f"{unquote(name)}:{unquote(password)}".encode()
    return urlunsplit(parts._replace(netloc=host)), f"Basic {base64.b64encode(pair).decode()}"


def with_credentials(address: str, of: str) -> str:
    """Return a web ADDRESS without any of its own with the user and password that stand OF another address."""
    parts, other = urlsplit(address), urlsplit(of)
    if "@" not in other.netloc or "@" in parts.netloc:
        return address
    return urlunsplit(parts._replace(netloc=f"{other.netloc.rpartition('@')[0]}@{parts.netloc}"))


def server(address: str) -> str:
    """Return the start of a web ADDRESS that stands for its whole server."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}/"
