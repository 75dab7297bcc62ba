# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What is wrong with a host now, as its Alertmanager has it, and a test message by every way to people.

Alertmanager's API: https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml
PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import base64
import json
import re
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._alerts import places

SECONDS = 10.0
TEST_SECONDS, PAUSE_SECONDS = 40.0, 0.5
"""How long a test waits for all ways: a mail server may take its time with a new sender."""
SETTLED_SECONDS, BUSY_SECONDS = 3.0, 15.0
"""How long it waits at least. Alertmanager counts by kind alone, so a message of another alert that is accepted meanwhile looks
like the test's: when something else is firing, a way that refuses gets the time to say so."""
COUNTED = re.compile(r'alertmanager_notification_requests(_failed)?_total\{integration="(\w+)"[^}]*\} (\S+)')
FAILED = re.compile(r'receiver=test\b.*\bintegration="?(\w+)\[(\d+)\].*\berr="((?:[^"\\]|\\.)*)"')
GIVEN_UP = re.compile(r"\btest/(\w+)\[(\d+)\]: (.*?)(?=; test/\w+\[|$)")
ERROR = re.compile(r'\berr="((?:[^"\\]|\\.)*)"')
ADDRESS = "(address)"
URL = re.compile(r"https?://[^\s\"\\]+")


class AlertsError(RuntimeError):
    """Alertmanager can't be asked; the message is for the user."""


@dataclass(frozen=True)
class Way:
    """A way to people: its NAME for them, what Alertmanager calls its KIND, and its number among those of that kind."""

    name: str
    kind: str
    number: int


class Alertmanager:
    """The one of this host."""

    def __init__(self, password: Path = places.PASSWORD, address: tuple[str, int] = places.ADDRESS) -> None:
        try:
            word = f"{places.USER}:{password.read_text().strip()}"
        except OSError:
            raise AlertsError("alerts are not set up on this host: set slipway_alerts and run site.yml") from None
        self.headers = {"Authorization": "Basic " + base64.b64encode(word.encode()).decode()}
        self.base = f"http://{address[0]}:{address[1]}"

    def ask(self, path: str, content: Any = None) -> str:
        """Return what it answers; CONTENT is sent to it. Raises AlertsError."""
        data = None if content is None else json.dumps(content).encode()
        request = urllib.request.Request(self.base + path, data, {**self.headers, "Content-Type": "application/json"})
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=SECONDS) as answer:
                text: str = answer.read().decode()
        except urllib.error.HTTPError as error:
            raise AlertsError(
                f"Alertmanager answered {error.code}: see `journalctl -u {places.UNIT}` on the host"
            ) from None
        except OSError:
            raise AlertsError(
                f"Alertmanager does not answer: run site.yml with slipway_alerts, or see `systemctl status {places.UNIT}` there"
            ) from None
        return text

    def firing(self) -> list[dict[str, Any]]:
        """Return what is wrong, the oldest first."""
        found = [_told(alert) for alert in json.loads(self.ask("/api/v2/alerts"))]
        return sorted(
            (one for one in found if one["alert"] not in ("Watchdog", places.TEST)), key=lambda one: str(one["since"])
        )

    def counts(self) -> dict[str, float]:
        """Return how many messages were accepted, by the kind of way."""
        found: dict[str, float] = {}
        for failed, kind, number in COUNTED.findall(self.ask("/metrics")):
            found[kind] = found.get(kind, 0.0) + (-1 if failed else 1) * float(number)
        return found

    def test(self, ways: Sequence[Way], host: str, by: str, seconds: float = TEST_SECONDS) -> dict[str, str]:
        """Send a test message by all WAYS; return why each did not accept it, "" for one that did."""
        settled = time.monotonic() + (BUSY_SECONDS if self.firing() else SETTLED_SECONDS)
        began, before = time.time(), self.counts()
        labels = {"alertname": places.TEST, "host": host, "severity": "none", "test": f"{began:.3f}"}
        what = f"a test by {by}: nothing is wrong, and messages arrive"
        ends = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(began + 300))
        self.ask(
            "/api/v2/alerts", [{"labels": labels, "annotations": {"what": what, "look": "nothing"}, "endsAt": ends}]
        )
        until = time.monotonic() + seconds
        while True:
            failed = failures(log(began), ways)
            accepted = {kind: number - before.get(kind, 0.0) for kind, number in self.counts().items()}
            open_ways = undecided(ways, failed, accepted)
            is_over = not open_ways and (time.monotonic() >= settled or len(failed) == len(ways))
            if is_over or time.monotonic() > until:
                late = dict.fromkeys(open_ways, f"it did not answer within {seconds:.0f} s")
                return {way.name: failed.get(way) or late.get(way, "") for way in ways}
            time.sleep(PAUSE_SECONDS)


def _told(alert: Mapping[str, Any]) -> dict[str, Any]:
    labels, notes = alert["labels"], alert["annotations"]
    return {
        "alert": labels.get("alertname", ""),
        "what": notes.get("what") or notes.get("summary") or labels.get("alertname", ""),
        "look": notes.get("look", ""),
        "since": alert["startsAt"],
        "severity": labels.get("severity", ""),
        "silent": alert["status"]["state"] == "suppressed",
        "labels": labels,
    }


def undecided(ways: Sequence[Way], failed: Mapping[Way, str], accepted: Mapping[str, float]) -> list[Way]:
    """Return the WAYS of which it isn't known yet how they did: of each kind, as many as neither FAILED nor ACCEPTED."""
    found = []
    for kind in dict.fromkeys(way.kind for way in ways):
        left = [way for way in ways if way.kind == kind and way not in failed]
        if len(left) > accepted.get(kind, 0.0):
            found += left
    return found


def log(since: float) -> str:
    """Return what Alertmanager has written since a time."""
    command = ["journalctl", "--unit", places.UNIT, "--since", f"@{since:.0f}", "--output=cat", "--no-pager", "--quiet"]
    return subprocess.run(command, capture_output=True, text=True, errors="replace", check=False).stdout


def failures(said: str, ways: Sequence[Way]) -> dict[Way, str]:
    """Return why WAYS did not accept a test, from what Alertmanager SAID; no address of a webhook is in it."""
    found: dict[tuple[str, int], str] = {}
    for line in said.splitlines():
        if match := FAILED.search(line):
            found[match[1], int(match[2])] = reason(match[3])
        elif match := ERROR.search(line):
            for kind, number, why in GIVEN_UP.findall(match[1]):
                found[kind, int(number)] = reason(why)
    return {way: found[way.kind, way.number] for way in ways if (way.kind, way.number) in found}


def reason(text: str) -> str:
    """Return Alertmanager's words for an error as one line without an address."""
    text = text.replace('\\"', '"').replace("\\n", " ").replace("\\t", " ")
    text = re.sub(r"^notify retry canceled[^:]*: ", "", URL.sub(ADDRESS, text))
    # The service itself has taken addresses out, with what stood behind them.
    return " ".join(re.sub(r'(Post|Get) "\(address\)(": )?', "", text).split())[:300]
