# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""How a live release is told to be, and why one counts as not serving."""

from __future__ import annotations

import ssl
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._app.health import Health
from ansible_collections.slipway.flask.plugins.module_utils._host import http as host_http
from ansible_collections.slipway.flask.plugins.module_utils._process import health, usage
from ansible_collections.slipway.flask.plugins.module_utils._process.services import Service
from ansible_collections.slipway.flask.plugins.module_utils._release import status as release_status
from ansible_collections.slipway.flask.plugins.module_utils._release.record import Paths, Record
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

HEALTH = Health(("/healthz",), (200,), "shop.example.com")


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    """A host on which release 0001-abc is live."""
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
    answer = {"path": "/healthz", "status": 200, "milliseconds": 3, "said": "answered 200"}
    shown = {"served": True, "issuer": "Authority", "days": 80, "said": ""}
    monkeypatch.setattr(usage, "of_unit", lambda unit: dict(service))
    monkeypatch.setattr(health, "answer", lambda socket, _: dict(answer))
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
    ("module", "part", "found", "told"),
    [
        (
            usage,
            "of_unit",
            {"state": "failed"},
            "shop@0001-abc.service is failed; see journalctl -u shop@0001-abc.service",
        ),
        (
            health,
            "answer",
            {"path": "/healthz", "status": 500, "said": "answered 500"},
            "/healthz answered 500; it must answer 200",
        ),
        (
            health,
            "answer",
            {"path": "/healthz", "status": None, "said": "did not answer (x)"},
            "/healthz did not answer (x); it must answer 200",
        ),
        (
            release_status,
            "certificate",
            {"served": False, "issuer": "", "days": None, "said": "refused"},
            "nginx does not serve shop.example.com over TLS: refused",
        ),
    ],
)
def test_what_keeps_an_app_from_serving_is_told(
    paths: Paths,
    well: None,
    monkeypatch: pytest.MonkeyPatch,
    module: ModuleType,
    part: str,
    found: dict[str, Any],
    told: str,
) -> None:
    monkeypatch.setattr(module, part, lambda *_: found)
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


def test_a_domain_without_a_site_is_told_in_words() -> None:
    alert = ssl.SSLError(1, "[SSL: TLSV1_UNRECOGNIZED_NAME] tlsv1 unrecognized name (_ssl.c:1029)")
    assert release_status.unserved(alert) == "it has no site for this domain; site.yml creates it"
    assert (
        release_status.unserved(ConnectionRefusedError(111, "Connection refused")) == "[Errno 111] Connection refused"
    )


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


def test_a_service_that_is_ill_is_a_problem_and_each_is_told(
    paths: Paths, well: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [Service("one has 2 of 8 MB in use"), Service("two does not answer", "two does not answer: refused")]
    monkeypatch.setattr(release_status, "services_of", lambda app: found if app == "shop" else [])
    assert status(paths)["services"] == ["one has 2 of 8 MB in use", "two does not answer"]
    assert status(paths)["problems"] == ["two does not answer: refused"]
