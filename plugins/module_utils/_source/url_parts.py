# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What URLs of servers have in common, whatever they are of: percent-encoding, hosts, and a password that is not shown.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import quote, unquote

PLACE = re.compile(r"(\[[0-9A-Fa-f:.%]+\]|[^:\[\]]*)(?::(\d*))?")
"""A host, an IPv6 address in brackets, with or without a port."""
SCHEME = re.compile(r"([a-z][a-z0-9]*)(\+[a-z0-9_]+)?://", re.IGNORECASE)
"""A dialect, with or without its driver, as SQLAlchemy has them."""


class UrlError(ValueError):
    """The URL can't be used; the text says why and never repeats the password."""


def one_line(text: object, like: str) -> str:
    """Return TEXT if it can be a URL; LIKE says what it must be.

    :raises UrlError: when it is no text, or has a space.
    """
    if not isinstance(text, str) or not text.strip():
        raise UrlError(f"must be {like}")
    if re.search(r"[\s\0]", text):
        raise UrlError("has a space or line break: percent-encode it (%20), or take it away")
    return text


def database(text: object, example: str) -> tuple[str, str, str]:
    """Return dialect, driver (`+psycopg`, "" for none) and the rest of a database's URL; EXAMPLE is a dialect for messages.

    :raises UrlError: when it is none.
    """
    line = one_line(text, f"a database URL such as {example}://user:password@host/database")
    found = SCHEME.match(line)
    if not found:
        raise UrlError(f"is not a database URL: it must begin with a scheme, e.g. {example}://user:password@host/name")
    return found[1].lower(), (found[2] or "").lower(), line[found.end() :]


def parts(rest: str) -> tuple[str, str, str]:
    """Return authority, path and query of what follows a URL's scheme.

    :raises UrlError: for a sign that ends the authority before its end.
    """
    whole, _, query = rest.partition("?")
    authority, _, path = whole.partition("/")
    if "#" in whole or "@" in path:
        raise UrlError("has a '#', '?' or '/' before its last '@': percent-encode it in the password (%23, %3F, %2F)")
    return authority, path, query


def pairs(query: str) -> Iterator[tuple[str, str]]:
    """Yield the names of a QUERY's parameters, decoded, with their values as they are written.

    :raises UrlError: for a name without a value.
    """
    for pair in filter(None, query.split("&")):
        name, has_value, value = pair.partition("=")
        if not has_value:
            raise UrlError(f"has the parameter '{name}' without a value")
        yield decode(name), value


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
