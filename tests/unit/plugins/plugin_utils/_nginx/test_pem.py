# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Provided certificates that can't serve are refused, with the reason."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from ansible_collections.slipway.flask.plugins.plugin_utils._nginx.pem import covers, pem_problems
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

NOW = datetime(2026, 11, 1, tzinfo=timezone.utc)
NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
KEY, OTHER = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())


def certificate(
    *names: str, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey = KEY, start: int = -1, days: int = 30
) -> str:
    builder = (
        x509.CertificateBuilder(NAME, NAME, key.public_key(), 1)
        .not_valid_before(NOW + timedelta(days=start))
        .not_valid_after(NOW + timedelta(days=days))
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), False)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


def pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey = KEY, password: bytes = b"") -> str:
    how = BestAvailableEncryption(password) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, how).decode()


GOOD = certificate("shop.example", "*.shop.example")


@pytest.mark.parametrize(
    ("chain", "key", "sentence"),
    [
        ("nonsense", pem(), "no readable PEM certificate"),
        ("", pem(), "no readable PEM certificate"),
        (GOOD, "nonsense", "no readable PEM private key"),
        (GOOD, pem(password=b"secret"), "protected by a passphrase"),
        (GOOD, pem(OTHER), "not the key of certificate_file"),
        (certificate("ca.example", key=OTHER) + GOOD, pem(), "must begin with the site's own certificate"),
        (certificate("shop.example", "*.shop.example", start=-9, days=-1), pem(), "expired on 2026-10-31"),
        (certificate("shop.example", "*.shop.example", start=2), pem(), "not valid before 2026-11-03"),
        (certificate("shop.example"), pem(), "it does not cover www.shop.example"),
        (certificate(), pem(), "is for no domain"),
    ],
)
def test_unusable_certificates(chain: str, key: str, sentence: str) -> None:
    found = pem_problems(chain, key, ["shop.example", "www.shop.example"], NOW)
    assert any(sentence in problem for problem in found), found
    assert "PRIVATE" not in " ".join(found)


def test_short_rsa_keys_are_refused() -> None:
    short = rsa.generate_private_key(65537, 1024)
    assert "1024 bits" in pem_problems(certificate("a.example", key=short), pem(short), ["a.example"], NOW)[0]


def test_good_chain() -> None:
    chain = GOOD + certificate("ca.example", key=OTHER)
    assert pem_problems(chain, pem(), ["shop.example", "www.shop.example", "*.shop.example"], NOW) == []


@pytest.mark.parametrize(
    ("domain", "expected"),
    [("a.example", False), ("b.a.example", True), ("c.b.a.example", False), ("*.a.example", True), ("x.y", True)],
)
def test_wildcards_stand_for_one_label(domain: str, expected: bool) -> None:
    assert covers(["*.a.example", "x.y"], domain) is expected
