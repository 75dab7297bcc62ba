# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What Alertmanager says of its alerts and of a test message, as 0.25 and 0.28 say it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._alerts import alertmanager
from ansible_collections.slipway.flask.plugins.module_utils._alerts.alertmanager import Alertmanager, AlertsError, Way

MAIL, FIRST, SECOND = Way("mail to ann", "email", 0), Way("webhook 1", "webhook", 0), Way("webhook 2", "webhook", 1)
WARNED = (
    "ts=2026-11-26T21:22:18.805Z caller=notify.go:732 level=warn component=dispatcher receiver=test integration=email[0] "
    'msg="Notify attempt failed, will retry later" attempts=1 err="establish connection to server: dial tcp 10.88.0.1:2525: '
    'connect: connection refused"\n'
)
GIVEN_UP = (
    'time=2026-11-26T21:22:18.805Z level=ERROR source=dispatch.go:360 msg="Notify for alerts failed" component=dispatcher '
    'num_alerts=1 err="test/webhook[1]: notify retry canceled due to unrecoverable error after 1 attempts: unexpected status code '
    "404: https://hooks.example.org/s3cret; test/email[0]: notify retry canceled due to unrecoverable error after 1 attempts: "
    '*email.loginAuth auth: 535 no"\n'
)
OTHERS = WARNED.replace("receiver=test", "receiver=people") + GIVEN_UP.replace("test/", "people/")


@pytest.mark.parametrize(
    ("said", "found"),
    [
        (WARNED, {MAIL: "establish connection to server: dial tcp 10.88.0.1:2525: connect: connection refused"}),
        (GIVEN_UP, {SECOND: "unexpected status code 404: (address)", MAIL: "*email.loginAuth auth: 535 no"}),
        (OTHERS, {}),
        ('receiver=test integration=webhook[0] err="Post \\"https://hooks.example.org/s3cret\\": context deadline exceeded"',
         {FIRST: "context deadline exceeded"}),
        ('receiver=test integration=webhook[0] err="Post \\"(address) dial tcp 10.0.0.1:9: connect: connection refused"',
         {FIRST: "dial tcp 10.0.0.1:9: connect: connection refused"}),
    ],
    ids=["it tries again", "it has given up", "messages to people", "an address in an error", "as the service writes it"],
)  # fmt: skip
def test_why_a_way_refused_a_test_is_read_from_the_log_without_an_address(said: str, found: dict[Way, str]) -> None:
    assert alertmanager.failures(said, [MAIL, FIRST, SECOND]) == found


@pytest.mark.parametrize(
    ("failed", "accepted", "left"),
    [
        ({}, {}, [MAIL, FIRST, SECOND]),
        ({}, {"email": 1, "webhook": 1}, [FIRST, SECOND]),
        ({SECOND: "no"}, {"email": 1, "webhook": 1}, []),
        ({MAIL: "no"}, {"webhook": 2}, []),
    ],
    ids=["nothing yet", "one of two webhooks", "one accepted it and one did not", "all have said something"],
)
def test_a_test_waits_for_each_way(failed: dict[Way, str], accepted: dict[str, float], left: list[Way]) -> None:
    assert alertmanager.undecided([MAIL, FIRST, SECOND], failed, accepted) == left


class Server(BaseHTTPRequestHandler):
    posted: list[bytes] = []

    def do_GET(self) -> None:
        alert = {
            "labels": {"alertname": "SiteDown", "app": "shop", "severity": "critical"}, "startsAt": "2026-11-26T21:00:00.000Z",
            "annotations": {"what": "shop is down", "look": "status.yml"}, "status": {"state": "active"},
        }  # fmt: skip
        watchdog = {**alert, "labels": {"alertname": "Watchdog"}}
        sent = len(self.posted)
        counts = f'alertmanager_notification_requests_total{{integration="email"}} {3 + sent}\n'
        self.answer(json.dumps([watchdog, alert]) if self.path == "/api/v2/alerts" else counts)

    def do_POST(self) -> None:
        self.posted.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.answer("")

    def answer(self, text: str) -> None:
        self.send_response(200 if self.headers["Authorization"] == "Basic c2xpcHdheTpwdw==" else 401)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(name="address")
def _address(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, int]]:
    Server.posted = []
    monkeypatch.setattr(alertmanager, "log", lambda since: "")
    monkeypatch.setattr(alertmanager, "BUSY_SECONDS", 1.5)  # something is firing
    with HTTPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield ("127.0.0.1", server.server_port)
        server.shutdown()


def test_what_is_wrong_is_told_without_the_alert_that_is_always_there(tmp_path: Path, address: tuple[str, int]) -> None:
    (tmp_path / "password").write_text("pw\n")
    found = Alertmanager(tmp_path / "password", address).firing()
    assert [(one["alert"], one["what"], one["silent"]) for one in found] == [("SiteDown", "shop is down", False)]


def test_a_test_message_names_who_sent_it_and_is_accepted_when_alertmanager_counts_it(
    tmp_path: Path, address: tuple[str, int]
) -> None:
    (tmp_path / "password").write_text("pw\n")
    assert Alertmanager(tmp_path / "password", address).test([MAIL], "web1", "ann@laptop") == {"mail to ann": ""}
    (alert,) = json.loads(Server.posted[0])
    assert alert["labels"]["host"] == "web1"
    assert alert["annotations"]["what"] == "a test by ann@laptop: nothing is wrong, and messages arrive"


def test_what_another_alert_has_sent_meanwhile_is_not_taken_for_the_test(
    tmp_path: Path, address: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The count of mails grows at once, and only then the server refuses the test's."""
    (tmp_path / "password").write_text("pw\n")
    looks = iter(["", ""])
    monkeypatch.setattr(alertmanager, "log", lambda since: next(looks, WARNED))
    (said,) = Alertmanager(tmp_path / "password", address).test([MAIL], "web1", "ann@laptop").values()
    assert "connection refused" in said


def test_a_way_that_says_nothing_is_given_up(tmp_path: Path, address: tuple[str, int]) -> None:
    (tmp_path / "password").write_text("pw\n")
    told = Alertmanager(tmp_path / "password", address).test([FIRST], "web1", "ann@laptop", seconds=0)
    assert told == {"webhook 1": "it did not answer within 0 s"}


def test_a_host_without_alerts_and_a_wrong_password_are_said(tmp_path: Path, address: tuple[str, int]) -> None:
    with pytest.raises(AlertsError, match="alerts are not set up on this host: set slipway_alerts and run site.yml"):
        Alertmanager(tmp_path / "password", address)
    (tmp_path / "password").write_text("other\n")
    with pytest.raises(AlertsError, match="Alertmanager answered 401"):
        Alertmanager(tmp_path / "password", address).firing()
    with pytest.raises(AlertsError, match="Alertmanager does not answer"):
        Alertmanager(tmp_path / "password", ("127.0.0.1", 9)).firing()
