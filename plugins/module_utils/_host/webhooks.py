# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What webhooks are sent, by the controller and by the host itself, and how the host sends it.

The address of a webhook is a secret: whoever has it can write to the channel. It is in no message of ours.
Nothing but the standard library: the programs on the host have no Ansible. PRIVATE to the collection.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Any

FORMATS = ("slipway", "slack", "discord")
SECONDS = 5
"""How long a webhook may take to connect, and to answer."""
DISCORD_LENGTH = 2000
"""Most characters of a Discord message (its API's reference, "Create Message")."""


def body(style: str, told: Mapping[str, Any]) -> bytes:
    """Return what is sent: all that is TOLD, or its text in the form of a chat."""
    text = str(told["text"])
    if style == "slack":  # https://docs.slack.dev/messaging/formatting-message-text, "Escaping text"
        escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        content: Mapping[str, Any] = {"text": escaped}
    elif style == "discord":
        cut = text if len(text) <= DISCORD_LENGTH else f"{text[: DISCORD_LENGTH - 1]}…"
        content = {"content": cut, "allowed_mentions": {"parse": []}}
    else:
        content = told
    return json.dumps(content, default=str).encode()


def post(webhooks: Sequence[Mapping[str, str]], told: Mapping[str, Any]) -> list[str]:
    """Send what is TOLD to WEBHOOKS (`url`, `format`); return why that failed, one sentence for each that did."""
    failed = []
    for number, hook in enumerate(webhooks, 1):
        if reason := _post(str(hook["url"]), body(str(hook.get("format") or FORMATS[0]), told)):
            failed.append(f"notification {number} could not be sent: {reason}")
    return failed


def _post(url: str, content: bytes) -> str:
    headers = {"Content-Type": "application/json", "User-Agent": "slipway"}
    try:
        request = urllib.request.Request(url, content, headers, method="POST")
        with urllib.request.build_opener().open(request, timeout=SECONDS):
            return ""
    except urllib.error.HTTPError as error:
        return f"it answered {error.code}"
    except Exception as error:  # its text may hold the address
        return type(error).__name__
