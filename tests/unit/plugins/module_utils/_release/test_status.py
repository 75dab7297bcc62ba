# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""How a release that serves is told to be, and why one counts as not serving."""

from __future__ import annotations

import os
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._app.health import Health
from ansible_collections.slipway.flask.plugins.module_utils._host import http as host_http
from ansible_collections.slipway.flask.plugins.module_utils._host import systemd
from ansible_collections.slipway.flask.plugins.module_utils._release import status as release_status
from ansible_collections.slipway.flask.plugins.module_utils._release.record import Paths, Record
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

HEALTH = Health(("/healthz",), (200,), "shop.example.com")
SHOWN = "ActiveState=active\nNRestarts=2\nMainPID=100\nMemoryCurrent=[not set]\n"


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    """A host on which release 0001-abc serves."""
    paths = Paths("shop", tmp_path / "srv/shop", tmp_path / "etc/shop")
    paths.release("0001-abc").mkdir(parents=True)
    record = Record("0001-abc", "shop", "abcdef", "f", dirty=True, ended="2026-01-01T00:00:00Z", outcome="deployed")
    record.write(paths.release("0001-abc") / "release.json")
    paths.current.symlink_to("releases/0001-abc")
    return paths


@pytest.fixture
def well(monkeypatch: pytest.MonkeyPatch) -> None:
    """All that a status asks for answers well."""
    service = {"state": "active", "restarts": 0, "workers": 2, "memory": 1000}
    health = {"path": "/healthz", "status": 200, "milliseconds": 3, "said": "answered 200"}
    shown = {"served": True, "issuer": "Authority", "days": 80, "said": ""}
    monkeypatch.setattr(release_status, "service", lambda unit: dict(service))
    monkeypatch.setattr(release_status, "answer", lambda socket, _: dict(health))
    monkeypatch.setattr(release_status, "certificate", lambda domain: dict(shown))
    monkeypatch.setattr(release_status, "connections", lambda url, user: {"used": 1, "allowed": 97, "said": ""})


def status(paths: Paths) -> dict[str, Any]:
    return release_status.status_of(paths, HEALTH, "shop.example.com", "shop", "postgresql:///shop")


def test_a_release_that_serves_has_no_problems(paths: Paths, well: None) -> None:
    found = status(paths)
    assert found["problems"] == []
    assert (found["release"], found["revision"], found["dirty"]) == ("0001-abc", "abcdef", True)
    assert found["since"] == "2026-01-01T00:00:00Z"
    assert found["disk_used"] > 0
    assert found["disk_free"] > 0


@pytest.mark.parametrize(
    ("part", "found", "told"),
    [
        ("service", {"state": "failed"}, "shop@0001-abc.service is failed; see journalctl -u shop@0001-abc.service"),
        (
            "answer",
            {"path": "/healthz", "status": 500, "said": "answered 500"},
            "/healthz answered 500; it must answer 200",
        ),
        (
            "answer",
            {"path": "/healthz", "status": None, "said": "gave no answer (x)"},
            "/healthz gave no answer (x); it must answer 200",
        ),
        (
            "certificate",
            {"served": False, "issuer": "", "days": None, "said": "refused"},
            "nginx does not serve shop.example.com over TLS: refused",
        ),
    ],
)
def test_what_keeps_an_app_from_serving_is_told(
    paths: Paths, well: None, monkeypatch: pytest.MonkeyPatch, part: str, found: dict[str, Any], told: str
) -> None:
    monkeypatch.setattr(release_status, part, lambda *_: found)
    assert status(paths)["problems"] == [told]


def test_what_visitors_do_not_notice_is_no_problem(paths: Paths, well: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        release_status, "certificate", lambda _: {"served": True, "issuer": "", "days": None, "said": "no openssl"}
    )
    monkeypatch.setattr(release_status, "connections", lambda *_: {"used": None, "allowed": None, "said": "no psql"})
    assert status(paths)["problems"] == []


def test_an_app_that_was_never_deployed_says_so(tmp_path: Path, well: None) -> None:
    found = status(Paths("shop", tmp_path / "srv/shop", tmp_path / "etc/shop"))
    assert (found["problems"], found["release"]) == (["nothing has been deployed yet"], "")
    assert (found["disk_used"], found["disk_free"]) == (0, None)


@pytest.mark.parametrize(
    ("shown", "memory"), [("MemoryCurrent=5000", 5000), ("MemoryCurrent=18446744073709551615", 70), ("", 70)]
)
def test_service_counts_workers_and_memory(shown: str, memory: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def systemctl(*arguments: str) -> SimpleNamespace:
        return SimpleNamespace(stdout=SHOWN.replace("MemoryCurrent=[not set]", shown))

    monkeypatch.setattr(systemd, "systemctl", systemctl)
    # 100 has two workers, one of which runs a program of its own; 7 belongs to somebody else.
    monkeypatch.setattr(release_status, "processes", lambda: {100: 1, 101: 100, 102: 100, 103: 102, 7: 1})
    monkeypatch.setattr(release_status, "memory", {100: 10, 101: 20, 102: 30, 103: 10, 7: 999}.get)
    found = release_status.service("shop@0001-abc.service")
    assert found == {"state": "active", "restarts": 2, "workers": 2, "memory": memory}


def test_a_stopped_service_has_neither_workers_nor_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = "ActiveState=inactive\nNRestarts=0\nMainPID=0\nMemoryCurrent=[not set]\n"
    monkeypatch.setattr(systemd, "systemctl", lambda *_: SimpleNamespace(stdout=shown))
    found = release_status.service("shop@0001-abc.service")
    assert found == {"state": "inactive", "restarts": 0, "workers": 0, "memory": None}


def test_processes_and_their_memory_are_read_from_the_kernel() -> None:
    assert release_status.processes()[os.getpid()] == os.getppid()
    taken = release_status.memory(os.getpid())
    assert taken is not None
    assert 2**20 < taken < 2**32


def test_memory_of_kernels_without_a_rollup_is_what_is_resident(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(release_status, "PROC", tmp_path)
    (tmp_path / "5").mkdir()
    (tmp_path / "5/statm").write_text("900 30 10 1 0 20 0\n")
    (tmp_path / "5/stat").write_text("5 (a) name) S 1 5 5\n")
    assert release_status.memory(5) == 30 * os.sysconf("SC_PAGE_SIZE")
    assert release_status.memory(6) is None
    assert release_status.processes() == {5: 1}


def test_health_is_asked_as_at_the_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def ask(connection: Any, path: str, headers: dict[str, str]) -> tuple[int, str]:
        asked.append((path, headers["Host"], headers["X-Forwarded-Proto"]))
        return 503, ""

    monkeypatch.setattr(host_http, "ask", ask)
    found = release_status.answer("/run/shop/0001-abc/gunicorn.sock", HEALTH)
    assert (found["status"], found["said"]) == (503, "answered 503")
    assert found["milliseconds"] >= 0
    assert asked == [("/healthz", "shop.example.com", "https")]


def test_a_socket_that_is_not_there_gives_no_answer(tmp_path: Path) -> None:
    found = release_status.answer(str(tmp_path / "gunicorn.sock"), HEALTH)
    assert found["status"] is None
    assert "No such file" in found["said"]


class Connection:
    """A handshake with a site that shows CERTIFICATE."""

    certificate = b""

    def __init__(self, *_: Any) -> None:
        self.sock = SimpleNamespace(getpeercert=lambda binary_form: self.certificate)

    def connect(self) -> None:
        if not self.certificate:
            raise ConnectionRefusedError(111, "Connection refused")

    def close(self) -> None:
        pass


@pytest.mark.parametrize(
    ("names", "issuer"),
    [
        ({NameOID.COUNTRY_NAME: "US", NameOID.ORGANIZATION_NAME: "Let's Encrypt", NameOID.COMMON_NAME: "E7"}, "Let's Encrypt"),
        ({NameOID.COMMON_NAME: "Ümlaut, a = b"}, "Ümlaut, a = b"),
        ({NameOID.COMMON_NAME: "shop.example.com"}, "self-signed"),
        ({}, "unknown"),
    ],
)  # fmt: skip
def test_a_certificate_tells_who_issued_it_and_its_days(
    monkeypatch: pytest.MonkeyPatch, names: dict[x509.ObjectIdentifier, str], issuer: str
) -> None:
    monkeypatch.setattr(Connection, "certificate", certificate(names))
    monkeypatch.setattr(host_http, "LocalTLSConnection", Connection)
    found = release_status.certificate("shop.example.com")
    assert found == {"served": True, "issuer": issuer, "days": 10, "said": ""}


def certificate(issuer: dict[x509.ObjectIdentifier, str]) -> bytes:
    """Return a certificate of shop.example.com by an ISSUER with these names, of which ten and a half days are left."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(timezone.utc)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "shop.example.com")]))
        .issuer_name(x509.Name([x509.NameAttribute(oid, text) for oid, text in issuer.items()]))
        .public_key(key.public_key()).serial_number(1)
        .not_valid_before(now).not_valid_after(now + timedelta(days=10.5))
        .sign(key, hashes.SHA256()).public_bytes(Encoding.DER)
    )  # fmt: skip


def test_a_site_that_nobody_serves_has_no_certificate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_http, "LocalTLSConnection", Connection)
    found = release_status.certificate("shop.example.com")
    assert (found["served"], found["days"]) == (False, None)
    assert "refused" in found["said"]
