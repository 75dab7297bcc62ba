# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Whether the host's logs reach their receiver is found by calling it as rsyslogd does."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._upkeep import shipping
from tls_pair import Authority


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[dict[str, Any]]:
    """A receiver with a certificate for `localhost`, as logs.json tells of it; it asks for a certificate of the same authority."""
    authority = Authority(tmp_path)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(*authority.pair("localhost"))
    tls.load_verify_locations(authority.ca)
    tls.verify_mode = ssl.CERT_REQUIRED
    own, key = authority.pair("vps1")
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    taken, _ = listening.accept()
                except OSError:
                    return
                try:
                    with tls.wrap_socket(taken, server_side=True) as secured:
                        secured.recv(1)
                except OSError:
                    taken.close()

        threading.Thread(target=serve, daemon=True).start()
        yield {
            "host": "127.0.0.1", "port": listening.getsockname()[1], "name": "localhost", "queue_mb": 256,
            "ca": str(authority.ca), "certificate": str(own), "key": str(key),
        }  # fmt: skip
        listening.shutdown(socket.SHUT_RDWR)


def test_a_receiver_that_takes_the_connection_is_well(receiver: dict[str, Any]) -> None:
    assert shipping.refusal(receiver) == ""


def test_each_reason_is_told_in_words(receiver: dict[str, Any], tmp_path: Path) -> None:
    other = Authority(tmp_path, "another one")
    assert "its certificate is not accepted: Hostname mismatch" in shipping.refusal(
        {**receiver, "name": "logs.example.com"}
    )
    assert "its certificate is not accepted: " in shipping.refusal({**receiver, "ca": str(other.ca)})
    assert "TLS: " in shipping.refusal({**receiver, "certificate": "", "key": ""})
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    assert shipping.refusal({**receiver, "port": port}) == "Connection refused"


def test_a_host_that_ships_nothing_has_no_problem_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipping, "SETTINGS", tmp_path / "logs.json")
    assert shipping.problem() == ""


def test_what_waits_is_told_with_the_reason(
    receiver: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("SETTINGS", tmp_path / "logs.json"), ("STATE", tmp_path)):
        monkeypatch.setattr(shipping, name, value)
    shipping.SETTINGS.write_text(json.dumps({**receiver, "name": "logs.example.com"}))
    (tmp_path / "waiting.00000001").write_bytes(b"x" * (2**20 + 1))
    monkeypatch.setattr(shipping.systemd, "is_active", lambda unit: unit == "slipway-logs.service")
    said = shipping.problem()
    assert said.startswith(
        f"the host's logs are not shipped to 127.0.0.1:{receiver['port']}: its certificate is not accepted"
    )
    assert said.endswith("; they wait on the host (2 of 256 MB)")
    monkeypatch.setattr(shipping.systemd, "is_active", lambda unit: False)
    assert "slipway-logs.service is not running" in shipping.problem()
