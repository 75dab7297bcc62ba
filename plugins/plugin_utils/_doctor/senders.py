# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Which apps send mail, and through which server: what their environment says.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

SERVER = re.compile(r"(?P<kind>(?:\w+_)?(?:MAIL|SMTP|EMAIL))_(?:SERVER|HOST|HOSTNAME)")
URL = re.compile(r"(?:\w+_)?(?:MAIL|SMTP|EMAIL)_(?:URL|URI|DSN)")
PORTS = {"smtp": 25, "smtps": 465, "smtp+tls": 587, "submission": 587}
PORT = 25
"""Of a server without one: what Flask-Mail, Django and smtplib take."""


def senders(apps: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the mail servers of APPS, each with app, variable, host and port; nothing of a user or a password."""
    return [found for app in apps for found in of_app(str(app["name"]), {**app["environment"], **app["secrets"]})]


def of_app(app: str, environment: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    for name, value in sorted(environment.items()):
        text = str(value).strip()
        if text and (match := SERVER.fullmatch(name)):
            host, _, own = text.partition(":") if text.count(":") == 1 else (text, "", "")
            yield {
                "app": app,
                "variable": name,
                "host": host,
                "port": port(own or environment.get(f"{match['kind']}_PORT")),
            }
        elif text and URL.fullmatch(name):
            try:
                url = urlsplit(text)
                found = {"host": url.hostname or "", "port": url.port or PORTS.get(url.scheme, PORT)}
            except ValueError:
                continue
            yield {"app": app, "variable": name, **found}


def port(value: Any) -> int:
    text = str(value or "").strip()
    return int(text) if text.isdecimal() and 0 < int(text) < 65_536 else PORT
