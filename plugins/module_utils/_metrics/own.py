# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The metrics that an app has of its own, asked for at its socket: visitors get 404 for the path.

What an app says is hostile: it is bounded in size, time and number, carries the app's name, and can't be called what others are.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import http.client
import re
import socket as sockets
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from io import StringIO
from itertools import islice
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._app.health import Health
from ansible_collections.slipway.flask.plugins.module_utils._host import http as host_http
from ansible_collections.slipway.flask.plugins.module_utils._metrics.config import App, Config
from ansible_collections.slipway.flask.plugins.module_utils._metrics.sample import Sample
from ansible_collections.slipway.flask.plugins.module_utils._metrics.turnover import Turnover
from ansible_collections.slipway.flask.plugins.module_utils._process.look.web import WebLook

SECONDS = 5.0
MOST_BYTES, MOST_SERIES = 1 << 20, 1000
MOST_DIFFERENT = 2000
"""Of one app within three hours."""
AT_ONCE = 8
TAKEN = re.compile(r"(slipway|node|pg|mysql|redis|prometheus|promhttp|alertmanager|scrape|ALERTS|up)(_|$)")
"""How the names of other metrics begin, which rules and pages ask for."""
OF_SERIES = ("app", "job", "instance")
"""Labels that say whose a series is: the app's own are called `exported_…`, as Prometheus does."""

# Blanks have one place each: with two that they could go to, a row of nothing but blanks would take seconds.
_ROW = re.compile(r"([a-zA-Z_][a-zA-Z0-9_]*)(?:\s*\{(.*)\}\s*|\s+)([^\s{}]{1,40})(?:\s+-?[0-9]+)?")
_LABEL = re.compile(r'\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*=\s*"((?:[^"\\]|\\.)*)"\s*(?:,|$)')
_ESCAPED = re.compile(r"\\(.)")


class Own:
    """The part of the collector."""

    name = "own"
    every = 15.0

    def __init__(self, config: Config) -> None:
        self.apps = [app for app in config.apps if app.metrics_path]
        self.turnovers = {app.name: Turnover(MOST_DIFFERENT) for app in self.apps}

    def samples(self, now: float) -> Iterable[Sample]:
        if not self.apps:
            return
        with ThreadPoolExecutor(AT_ONCE) as pool:
            found = list(pool.map(asked, self.apps))
        for app, (said, seconds) in zip(self.apps, found, strict=True):
            own = {"app": app.name}
            yield Sample(
                "slipway_app_metrics_up",
                float(said is not None),
                own,
                help="Whether the app's own metrics could be read.",
            )
            yield Sample(
                "slipway_app_metrics_seconds",
                round(seconds, 3),
                own,
                help="Duration of the last request for the app's own metrics.",
            )
            turnover = self.turnovers[app.name]
            turnover.begin(now)
            for sample in islice(parsed(said or "", app.name), MOST_SERIES):
                if turnover.admits((sample.name, *sorted(sample.labels.items())), now):
                    yield sample


def asked(app: App) -> tuple[str | None, float]:
    """Return what APP says of itself, None when it has no good answer in time, and the seconds that it took."""
    began = time.monotonic()
    serving = app.places.current_id()
    try:
        said = ask(WebLook(app.places, Health()).socket(serving), app) if serving else None
    except (OSError, http.client.HTTPException, ValueError):
        said = None
    return said, time.monotonic() - began


def ask(socket: Path, app: App) -> str | None:
    """Return what the app answers at SOCKET, None when that is an error, too much, or too slow. Raises as http.client does."""
    until = time.monotonic() + SECONDS
    connection = host_http.SocketConnection(str(socket), SECONDS)
    domain = app.domains[0] if app.domains else "localhost"
    headers = {
        "Host": domain.replace("*", "www"), "User-Agent": "slipway", "Accept": "text/plain;version=0.0.4",
        "X-Forwarded-Proto": "https", "X-Forwarded-For": "127.0.0.1",
    }  # fmt: skip
    connection.connect()
    # A time limit of the socket's own begins anew with each byte, and one byte is what an app may send at a time.
    end = threading.Timer(SECONDS, _end, [connection.sock])
    end.daemon = True
    end.start()
    try:
        connection.request("GET", app.metrics_path, headers=headers)
        answer = connection.getresponse()
        found = bytearray()
        while answer.status == 200 and (piece := answer.read1(65536)):
            found += piece
            if len(found) > MOST_BYTES or time.monotonic() > until:
                return None
    finally:
        end.cancel()
        connection.close()
    return found.decode("utf-8", "replace") if answer.status == 200 and time.monotonic() <= until else None


def _end(connected: sockets.socket) -> None:
    """Wake whoever reads from the socket: there is nothing more."""
    with suppress(OSError):
        connected.shutdown(sockets.SHUT_RDWR)


def parsed(said: str, app: str) -> Iterator[Sample]:
    """Yield the samples in a text that APP SAID: https://prometheus.io/docs/instrumenting/exposition_formats/.

    None of them has a type: one app's may be another's counter, and the node exporter gives up on all for that.
    """
    for line in StringIO(said, newline="\n"):
        row = line.strip()
        found = _ROW.fullmatch(row) if row and row[0] != "#" and len(row) < 4096 else None
        if found and not TAKEN.match(found[1]):
            labels, value = _labels(found[2] or ""), _value(found[3])
            if labels is not None and value is not None:
                yield Sample(found[1], value, {**labels, "app": app})


def _labels(said: str) -> dict[str, str] | None:
    """Return the labels in what was SAID between braces, None when they are none."""
    labels, place = dict[str, str](), 0
    said = said.strip()
    while place < len(said):
        found = _LABEL.match(said, place)
        if not found:
            return None
        name = f"exported_{found[1]}" if found[1] in OF_SERIES else found[1]
        labels[name] = _ESCAPED.sub(lambda one: "\n" if one[1] == "n" else one[1], found[2])
        place = found.end()
    return labels


def _value(said: str) -> float | None:
    try:
        return float(said)
    except ValueError:
        return None
