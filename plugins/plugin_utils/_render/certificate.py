# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The certificate of the nginx in front, as two files that a person can replace: a self-signed one until then.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

CERTIFICATE, KEY = "tls-certificate", "tls-key"
"""Names of the files among the secrets."""
DAYS = 825
"""As those that hosts make (nginx_tls_self_signed_days)."""


def self_signed(domains: Sequence[str]) -> dict[str, str]:
    """Return a new certificate for DOMAINS and its key, in PEM, by the names of their files."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, domains[0][:64])])
    now = datetime.now(timezone.utc)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=DAYS))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(one) for one in domains]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return {CERTIFICATE: made.public_bytes(serialization.Encoding.PEM).decode(), KEY: private.decode()}
