# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Messages to webhooks about how a deploy or a rollback ended.

The address of a webhook is a secret: whoever has it can write to the channel. It is in no message of ours.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import http.client
import urllib.error
from collections.abc import Mapping
from typing import Any

from ansible.module_utils.urls import open_url
from ansible_collections.slipway.flask.plugins.module_utils._host.webhooks import FORMATS, SECONDS


def problems(found: Any) -> list[str]:
    """Return what is wrong with a list of notifications, one sentence each and none with an address in it."""
    if not isinstance(found, list):
        return ["'notifications' must be a list such as [{url: …, format: slack}]"]
    wrong = []
    for number, entry in enumerate(found, 1):
        label = f"entry {number} of 'notifications'"
        if not isinstance(entry, Mapping):
            wrong.append(f"{label} must be a mapping with 'url' and 'format'")
            continue
        wrong += [
            f"unknown key '{key}' in {label}; it takes url, format" for key in sorted(set(entry) - {"url", "format"})
        ]
        if not str(entry.get("url") or "").startswith(("http://", "https://")):
            wrong.append(f"{label} has no 'url' that begins with https:// (or http://)")
        if entry.get("format", FORMATS[0]) not in FORMATS:
            wrong.append(f"'format' in {label} is '{entry['format']}'; it must be one of {', '.join(FORMATS)}")
    return wrong


def facts(what: str, host: str, app: str, url: str, answer: Mapping[str, Any], text: str) -> dict[str, Any]:
    """Return the notification of a deploy or rollback (WHAT): its summary (TEXT) and the same as data.

    Of a failure it is how it was given up and the first line of why: what follows there may be an app's own output.
    """
    record, failed = answer.get("record") or {}, bool(answer.get("failed"))
    return {
        "what": what,
        "app": app,
        "host": host,
        "outcome": "failed" if failed else "succeeded",
        "url": url,
        "release": record.get("id"),
        "revision": record.get("revision"),
        "previous": answer.get("previous"),
        "by": record.get("by"),
        "seconds": record.get("seconds"),
        "stage": answer.get("stage"),
        "notes": answer.get("notes") or [],
        "text": "\n".join(text.splitlines()[:2]) if failed else text,
    }


def send(url: str, content: bytes) -> str:
    """Post CONTENT to URL; return why that failed, "" when it did not."""
    headers = {"Content-Type": "application/json"}
    try:
        with open_url(url, content, headers, "POST", timeout=SECONDS, http_agent="slipway", use_netrc=False):
            return ""
    except urllib.error.HTTPError as error:
        return f"it answered {error.code}"
    except urllib.error.URLError as error:
        return str(error.reason)
    except OSError as error:
        return str(error) or type(error).__name__
    except (http.client.HTTPException, ValueError) as error:
        return type(error).__name__  # their texts may hold the address
