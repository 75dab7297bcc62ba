# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What is wrong with `slipway_alerts`. No sentence holds a secret: the address of a webhook is one.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.slipway.flask.plugins.plugin_utils._alerts.keys import KEYS, WAYS
from ansible_collections.slipway.flask.plugins.plugin_utils._app import mapping
from ansible_collections.slipway.flask.plugins.plugin_utils._app.description import type_name
from ansible_collections.slipway.flask.plugins.plugin_utils._metrics import servers

NAME = "slipway_alerts"
ADDRESS = re.compile(r"[^@\s<>,;:\"(){}\[\]\\]+@[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")
"""An address without a name: what RFC 5321 has in addition, mail servers hardly take."""
SERVER = re.compile(r"([A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:]+\]):(\d{1,5})")
MOST_PORT = 65_535
CERTIFICATE = "-----BEGIN CERTIFICATE-----"
MOST_WEBHOOKS = 10


def problems(found: Any, metrics: str = "local", system: Sequence[Any] = ()) -> list[str]:
    """Return what is wrong with `slipway_alerts`, one sentence each; nothing is with none.

    METRICS is `slipway_metrics`, SYSTEM the host's distribution and version.
    """
    if found is None or found == {}:
        return []
    if not isinstance(found, Mapping):
        return [f"{NAME} must be a mapping with one of {', '.join(WAYS)}, not {type_name(type(found))}"]
    wrong = list(mapping.wrong(found, KEYS, NAME))
    return wrong or [f"{NAME}: {text}" for text in (*_values(found, metrics), *_system(found, system))]


def _values(found: Mapping[str, Any], mode: str) -> Iterator[str]:
    if mode != "local":
        yield f"alerts need the metrics that are kept on the host, and slipway_metrics is '{mode}': set `slipway_metrics: local`"
    if not any(found.get(way) for way in WAYS):
        yield f"nobody is notified: set one of {', '.join(WAYS)}"
    if found.get("mail"):
        yield from (f"'mail': {text}" for text in _mail(found["mail"]))
    for key in ("slack", "discord", "heartbeat"):
        if text := str(found.get(key) or ""):
            yield from (f"'{key}' {why}" for why in _url(text))
    webhooks = found.get("webhooks") or []
    if len(webhooks) > MOST_WEBHOOKS:
        yield f"'webhooks' has {len(webhooks)} addresses; give {MOST_WEBHOOKS} at most"
    for number, entry in enumerate(webhooks, 1):
        yield from (f"entry {number} of 'webhooks' {why}" for why in _url(entry))
    if len(set(map(str, webhooks))) < len(webhooks):
        yield "'webhooks' has the same address twice"


def _system(found: Mapping[str, Any], system: Sequence[Any]) -> Iterator[str]:
    if found.get("discord") and servers.is_old(system):
        yield "'discord': Alertmanager 0.23 of Ubuntu 22.04 can't notify Discord; use another way, or Debian 12"


def _url(text: Any) -> Iterator[str]:
    """Yield why TEXT is no address of a webhook."""
    sample = "it must be an address such as https://example.org/path"
    if not isinstance(text, str):
        yield f"is {type_name(type(text))}; {sample}"
        return
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018  (it is read to see whether it can be)
    except ValueError:
        yield f"is not a valid URL; {sample}"
        return
    if parts.scheme not in ("http", "https") or not parts.hostname or re.search(r"[\s\x00-\x1f\x7f]", text):
        yield f"is not a valid URL; {sample}"
    elif "{{" in text:
        yield "has '{{' in it, which Alertmanager would treat as a template"


def _mail(found: Mapping[str, Any]) -> Iterator[str]:
    if not found["to"]:
        yield "'to' is empty; give the addresses that get the mail"
    for number, entry in enumerate(found["to"], 1):
        if not isinstance(entry, str) or not ADDRESS.fullmatch(entry):
            yield f"entry {number} of 'to' is '{entry}'; it must be an address such as ann@example.org"
    server = SERVER.fullmatch(found["smtp"])
    if not server or not 1 <= int(server[3]) <= MOST_PORT:
        yield f"'smtp' is '{found['smtp']}'; it must be host:port, such as mail.example.org:587"
    user, password = found.get("user", ""), found.get("password", "")
    if bool(user) != bool(password):
        yield f"'{'password' if user else 'user'}' is required with '{'user' if user else 'password'}'"
    if password and not found.get("tls", True):
        yield "'tls' is false, and a password must not be sent unencrypted: remove one of the two"
    if not ADDRESS.fullmatch(sender(found)):
        said = (
            f"'from' is '{found['from']}'; it"
            if found.get("from")
            else "'from' is missing, and 'user' is no address; it"
        )
        yield f"{said} must be an address such as alerts@example.org"
    if found.get("ca") and CERTIFICATE not in found["ca"]:
        yield "'ca' is not a PEM certificate; read the file: lookup('ansible.builtin.file', 'ca.pem')"


def sender(mail: Mapping[str, Any]) -> str:
    """Return the address that mail comes from."""
    return str(mail.get("from") or mail.get("user") or "")
