# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What guards an app behind nginx: rate limits, streamed paths, protected downloads. Made for templates, and checked.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._nginx import access

URL_PATH = re.compile(r"/|(/[A-Za-z0-9._~-]+)+/?")
URL_FOLDER = re.compile(r"/([A-Za-z0-9._~-]+/)+")
FOLDER = re.compile(r"(/[A-Za-z0-9._@+-]+)+/?")
LIMITED = re.compile(r"(?:([A-Z]{3,10}) )?(/.*)")
RATE = re.compile(r"([1-9][0-9]{0,5})/(second|minute)")
SECONDS = {"second": 1, "minute": 60}
BURST_SECONDS = {"second": 5, "minute": 60}
"""A rate's allowance that may be used at once, in seconds: a page asks for many things in its first second."""


def pattern(path: str) -> str:
    """Return the regular expression of a PATH and everything below it: `/login` is not `/logins`."""
    bare = path.rstrip("/").replace(".", r"\.")
    return f"{bare}(/|$)" if bare else "/"


def rate_limits(wanted: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the limits as the templates read them.

    WANTED has `10/minute` or `20/second` by `/path` or `METHOD /path`. Each entry has `pattern` (of "METHOD /path"),
    `rate` (nginx's notation), `burst` (requests beyond the first that are let through at once) and `seconds` (until
    one more is let through).
    """
    found = []
    for where, said in wanted.items():
        method, path = LIMITED.fullmatch(str(where)).groups()  # type: ignore[union-attr]
        number, unit = RATE.fullmatch(str(said)).groups()  # type: ignore[union-attr]
        count = int(number)
        found.append(
            {
                "pattern": f"^{method or '[A-Z]+'} {pattern(path)}",
                "rate": f"{count}r/{unit[0]}",
                "burst": count * BURST_SECONDS[unit] // SECONDS[unit] - 1,
                "seconds": math.ceil(SECONDS[unit] / count),
            }
        )
    return found


def rate_problems(wanted: Any) -> Iterator[str]:
    """Yield what is wrong with rate limits, one sentence each."""
    if not isinstance(wanted, Mapping):
        yield "rate_limits must be a mapping such as {POST /login: 10/minute}"
        return
    for where, said in wanted.items():
        match = LIMITED.fullmatch(str(where))
        if not match or not URL_PATH.fullmatch(match[2]):
            yield f"'{where}' in rate_limits must be a path such as /login, or a method and a path such as POST /login"
        if not RATE.fullmatch(str(said)):
            yield f"rate_limits of '{where}' is '{said}'; it must be a number a second or minute, such as 10/minute"


def streaming_problems(paths: Any) -> Iterator[str]:
    """Yield what is wrong with the paths of streamed answers, one sentence each."""
    if not isinstance(paths, list):
        yield "streaming must be a list of paths such as [/events]"
        return
    for path in paths:
        if not URL_PATH.fullmatch(str(path)):
            yield f"'{path}' in streaming must be a path such as /events: no spaces, no query, no wildcards"


def hidden_problems(paths: Any) -> Iterator[str]:
    """Yield what is wrong with the paths that visitors get 404 for, one sentence each."""
    if not isinstance(paths, list):
        yield "hidden_paths must be a list of paths such as [/metrics]"
        return
    for path in paths:
        if not access.PATH.fullmatch(str(path)) or {".", ".."} & set(str(path).split("/")) or path == "/":
            yield f"'{path}' in hidden_paths must be a path such as /metrics: no spaces, no query, no wildcards, not / alone"


def download_problems(wanted: Any) -> Iterator[str]:
    """Yield what is wrong with the URLs and folders of protected downloads, one sentence each."""
    if not isinstance(wanted, Mapping):
        yield "protected_downloads must be a mapping such as {/protected/: /srv/shop/shared/uploads}"
        return
    for url, folder in wanted.items():
        if not URL_FOLDER.fullmatch(str(url)):
            yield f"'{url}' in protected_downloads must begin and end with '/', as in /protected/"
        if not FOLDER.fullmatch(str(folder)) or {"..", "."} & set(str(folder).split("/")):
            yield (
                f"the folder '{folder}' of '{url}' in protected_downloads must be an absolute path without spaces, "
                "'.' or '..' parts"
            )


def complete(site: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys of a site that passed the checks as the templates read them."""
    limits = rate_limits(site["rate_limits"])
    return {
        "rate_limits": limits,
        # After this long, one more request is let through whichever of the limits was met.
        "retry_seconds": max([1, *(limit["seconds"] for limit in limits)]),
        "streaming": [{"path": path, "pattern": f"^{pattern(path)}"} for path in site["streaming"]],
        "hidden": [f"^{re.escape(path.rstrip('/'))}(/|$)" for path in site["hidden_paths"]],
        "downloads": [
            {"url": url, "folder": folder.rstrip("/")} for url, folder in site["protected_downloads"].items()
        ],
    }


def problems(site: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with a site's limits, streamed paths and downloads, one sentence each."""
    number = site["connections_per_address"]
    if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number <= 65_535:
        yield f"connections_per_address is {number!r}; it must be a whole number, 1 to 65535, or 0 for no limit"
    yield from rate_problems(site["rate_limits"])
    yield from streaming_problems(site["streaming"])
    yield from hidden_problems(site["hidden_paths"])
    yield from download_problems(site["protected_downloads"])
