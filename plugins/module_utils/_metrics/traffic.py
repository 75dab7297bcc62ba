# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What an app's visitors asked for, counted: how many requests, how they were answered, how long it took.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._metrics import access_log, routes

BOUNDS = tuple(float(f"{0.001 * 1.25**number:.6g}") for number in range(50))
"""Upper bounds of the histogram in seconds, 1 ms to 56 s: a quantile read from it is at most an eighth beside the true one."""
CODES = ("2xx", "3xx", "4xx", "5xx")
COUNTED = (*access_log.METHODS.values(), access_log.OTHER)
RouteKey = tuple[str, str, str]


def code(status: int) -> str:
    """Return the class of a STATUS; 101, the begin of a WebSocket, is one of success."""
    return CODES[min(max(status // 100, 2), 5) - 2]


class Traffic:
    """The traffic of one app, from SAVED counts on. STREAMING are patterns of paths whose answers last as long as they like."""

    def __init__(self, saved: Any = None, streaming: Sequence[str] = ()) -> None:
        said = saved if isinstance(saved, Mapping) else {}
        self.requests: dict[tuple[str, str], int] = {(method, one): 0 for method in COUNTED for one in CODES}
        """Requests by method and class of status; each pair is there from the beginning, so that the first one is an increase."""
        self.requests |= {(row[0], row[1]): row[2] for row in _rows(said.get("requests"), 2)}
        self.static: dict[str, int] = dict.fromkeys(CODES, 0) | {row[0]: row[1] for row in _rows(said.get("static"), 1)}
        self.buckets = [0] * (len(BOUNDS) + 1)
        counts = said.get("buckets")
        if isinstance(counts, list) and len(counts) == len(self.buckets):
            self.buckets = [int(one) for one in counts]
        self.seconds, self.size, self.aborted, self.unread = (
            _number(said.get(name)) for name in ("seconds", "size", "aborted", "unread")
        )
        self.routes = routes.Routes(said.get("routes"))
        self.by_route: dict[RouteKey, int] = {
            (row[0], row[1], row[2]): row[3] for row in _rows(said.get("by_route"), 3)
        }
        self.route_seconds: dict[str, list[float]] = {
            row[0]: [row[1], row[2]] for row in _rows(said.get("route_seconds"), 2)
        }
        self._streaming = re.compile("|".join(f"(?:{one})" for one in streaming).encode()) if streaming else None

    def saved(self) -> dict[str, Any]:
        """Return the counts for JSON."""
        return {
            "requests": [[*key, count] for key, count in self.requests.items() if count],
            "static": [[key, count] for key, count in self.static.items() if count],
            "buckets": self.buckets,
            **{name: getattr(self, name) for name in ("seconds", "size", "aborted", "unread")},
            "routes": self.routes.saved(),
            "by_route": [[*key, count] for key, count in self.by_route.items()],
            "route_seconds": [[key, *both] for key, both in self.route_seconds.items()],
        }

    def add(self, lines: Iterable[bytes], now: float) -> None:
        """Count the LINES of an access log, read at NOW."""
        for line in lines:
            if line:
                entry = access_log.entry(line)
                if entry is None:
                    self.unread += 1
                elif entry.static:
                    self.static[code(entry.status)] += 1
                    self.size += entry.size
                else:
                    self._add(entry, now)

    def _add(self, entry: access_log.Entry, now: float) -> None:
        key = (entry.method, code(entry.status))
        self.requests[key] += 1
        self.size += entry.size
        if entry.status == access_log.ABORTED:
            self.aborted += 1
        if not entry.from_app:
            return
        route = self.routes.of(entry.path, entry.status, now)
        named = (route, *key)
        self.by_route[named] = self.by_route.get(named, 0) + 1
        if entry.status == 101 or (self._streaming and self._streaming.search(entry.path)):
            return
        self.buckets[bisect_left(BOUNDS, entry.seconds)] += 1
        self.seconds += entry.seconds
        both = self.route_seconds.setdefault(route, [0.0, 0])
        both[0] += entry.seconds
        both[1] += 1

    def forget(self) -> None:
        """Drop the counts of routes that are none any more: a new route must find room."""
        known = {*self.routes.known, routes.OTHER}
        self.by_route = {key: count for key, count in self.by_route.items() if key[0] in known}
        self.route_seconds = {key: both for key, both in self.route_seconds.items() if key in known}


def _number(value: Any) -> float:
    return value if isinstance(value, (int, float)) else 0


def _rows(value: Any, names: int) -> list[list[Any]]:
    """Return the saved rows of that many NAMES and a count."""
    rows = value if isinstance(value, list) else []
    return [row for row in rows if isinstance(row, list) and len(row) == names + 1 and isinstance(row[-1], int)]
