# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Requests to each app, from nginx' access logs: nothing of it costs a request anything, or runs in the app.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._host import stored
from ansible_collections.slipway.flask.plugins.module_utils._metrics.config import App, Config
from ansible_collections.slipway.flask.plugins.module_utils._metrics.sample import Sample
from ansible_collections.slipway.flask.plugins.module_utils._metrics.tail import Tail
from ansible_collections.slipway.flask.plugins.module_utils._metrics.traffic import BOUNDS, Traffic

LOGS = Path("/var/log/nginx")
"""Where the role nginx_tls has a log for each site, and the playbooks a site for each app, by its name."""
LOOK_SECONDS = 5.0
"""So long is read at once; what a host that has been busy beyond all measure has left is read the next time."""
DURATION = "slipway_http_request_duration_seconds"
HELP = {
    "slipway_http_requests_total": "Requests, without static files sent by nginx.",
    "slipway_http_static_requests_total": "Requests for static files sent by nginx.",
    DURATION: "How long the app's visitors waited until nginx had sent the answer's end.",
    "slipway_http_response_bytes_total": "Size of response bodies.",
    "slipway_http_client_aborted_total": "Requests aborted by the client before the response (status 499).",
    "slipway_http_unread_lines_total": "Lines of the access log that could not be parsed.",
    "slipway_http_route_requests_total": "Requests answered by the app, by route.",
    "slipway_http_route_duration_seconds_sum": "Total response time, by route.",
    "slipway_http_route_duration_seconds_count": "Number of requests in the total response time, by route.",
}


class Requests:
    """The part of the collector."""

    name = "requests"
    every = 15.0

    def __init__(self, config: Config, logs: Path | None = None) -> None:
        self.state, self.written = config.state / "requests.json", ""
        saved = stored.read(self.state)
        self.logs = {app.name: _log(app, logs or LOGS, saved.get(app.name)) for app in config.apps}

    def samples(self, now: float) -> Iterable[Sample]:
        until = time.monotonic() + LOOK_SECONDS
        for log in self.logs.values():
            log.look(now, until)
        # With a full disk nothing is lost yet: only who starts next reads on from what was saved last.
        with suppress(OSError):
            self._save(json.dumps({app: log.saved() for app, log in self.logs.items()}))
        for app, log in self.logs.items():
            yield from samples(app, log.traffic)

    def _save(self, state: str) -> None:
        """Write STATE if it is another one: a site that nobody visits costs its disk nothing."""
        if state != self.written:
            stored.write(self.state, state)
            self.written = state


class Log:
    """The access log of one app, and what it has said so far."""

    def __init__(self, path: str, saved: Any, streaming: Iterable[str]) -> None:
        said = saved if isinstance(saved, Mapping) else {}
        self.tail = Tail.loaded(path, said.get("marks"))
        self.traffic = Traffic(said.get("traffic"), list(streaming))

    def saved(self) -> dict[str, Any]:
        """Return all of it for JSON: how far it was read, and what was counted so far, which belong together."""
        return {"marks": self.tail.saved(), "traffic": self.traffic.saved()}

    def look(self, now: float, until: float) -> None:
        """Count what is new, UNTIL that moment of time.monotonic()."""
        for block in self.tail.blocks():
            self.traffic.add(block.split(b"\n"), now)
            if time.monotonic() > until:
                break
        self.traffic.forget()


def _log(app: App, logs: Path, saved: Any) -> Log:
    return Log(str(logs / f"{app.name}.access.log"), saved, app.more.get("streaming", ()))


def samples(app: str, traffic: Traffic) -> Iterator[Sample]:
    """Yield the samples of an APP's traffic."""
    for name, value, labels in _rows(app, traffic):
        kind = "histogram" if name.startswith(DURATION) else "counter"
        yield Sample(name, value, labels, kind, HELP[DURATION if kind == "histogram" else name])


def _rows(app: str, traffic: Traffic) -> Iterator[tuple[str, float, dict[str, str]]]:
    own = {"app": app}
    for (method, code), count in traffic.requests.items():
        yield "slipway_http_requests_total", count, {**own, "method": method, "code": code}
    for code, count in traffic.static.items():
        yield "slipway_http_static_requests_total", count, {**own, "code": code}
    so_far = 0
    for bound, count in zip((*(f"{bound:g}" for bound in BOUNDS), "+Inf"), traffic.buckets, strict=True):
        so_far += count
        yield f"{DURATION}_bucket", so_far, {**own, "le": bound}
    yield f"{DURATION}_sum", round(traffic.seconds, 3), own
    yield f"{DURATION}_count", so_far, own
    yield "slipway_http_response_bytes_total", traffic.size, own
    yield "slipway_http_client_aborted_total", traffic.aborted, own
    yield "slipway_http_unread_lines_total", traffic.unread, own
    for (route, method, code), count in traffic.by_route.items():
        labels = {**own, "route": route, "method": method, "code": code}
        yield "slipway_http_route_requests_total", count, labels
    for route, (seconds, answers) in traffic.route_seconds.items():
        yield "slipway_http_route_duration_seconds_sum", round(seconds, 3), {**own, "route": route}
        yield "slipway_http_route_duration_seconds_count", answers, {**own, "route": route}
