# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What URLs of servers have in common, whatever they are of: percent-encoding, hosts, and a password that is not shown.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

PLACE = re.compile(r"(\[[0-9A-Fa-f:.%]+\]|[^:\[\]]*)(?::(\d*))?")
"""A host, an IPv6 address in brackets, with or without a port."""


class UrlError(ValueError):
    """The URL can't be used; the text says why and never repeats the password."""


def place(text: str, port: int) -> tuple[str, str]:
    """Return host ("" for none) and port ("" for none) of `host:port`; PORT is one for the message.

    :raises UrlError: when it can't be read.
    """
    found = PLACE.fullmatch(text)
    if not found:
        raise UrlError(f"has a host that can't be read: write host or host:port (a number), IPv6 as [::1]:{port}")
    if found[2] and not 0 < int(found[2]) < 65536:
        raise UrlError(f"has the port {found[2]}, which must be from 1 to 65535")
    return decode(found[1].strip("[]")), found[2] or ""


def decode(text: str) -> str:
    """Undo percent-encoding.

    :raises UrlError: for a '%' that begins no code, which libpq refuses, and for a null byte.
    """
    if re.search(r"%(?![0-9A-Fa-f]{2})", text):
        raise UrlError("has a '%' that is not followed by two hexadecimal digits: write %25 for the sign itself")
    decoded = unquote(text)
    if "\0" in decoded:
        raise UrlError("has %00, which no part of it may have")
    return decoded


def redact(text: str, password: str) -> str:
    """Take PASSWORD out of TEXT, as it is and percent-encoded."""
    for form in sorted({password, quote(password, safe=""), quote(password)}, key=len, reverse=True):
        if form:
            text = text.replace(form, "***")
    return text
