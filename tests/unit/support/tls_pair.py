# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""An authority of a test's own, and certificates of it, as files."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID


class Authority:
    """Writes certificates into FOLDER; its own is `ca`."""

    def __init__(self, folder: Path, name: str = "a test") -> None:
        self.folder, self.key = folder, ec.generate_private_key(ec.SECP256R1())
        self.subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.ca = folder / f"{name.replace(' ', '-')}-ca.pem"
        own = self._signed(self.subject, self.key, x509.BasicConstraints(ca=True, path_length=None), critical=True)
        self.ca.write_text(own)

    def pair(self, name: str) -> tuple[Path, Path]:
        """Return the files of a new certificate for the domain NAME and of its key."""
        key, subject = (
            ec.generate_private_key(ec.SECP256R1()),
            x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]),
        )
        certificate, private = (self.folder / f"{self.ca.stem}-{name}-{part}.pem" for part in ("certificate", "key"))
        certificate.write_text(self._signed(subject, key, x509.SubjectAlternativeName([x509.DNSName(name)])))
        private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return certificate, private

    def _signed(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, extension: x509.ExtensionType, critical: bool = False
    ) -> str:
        now = datetime.now(timezone.utc)
        builder = (
            x509.CertificateBuilder(self.subject, subject, key.public_key(), x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=30))
            .add_extension(extension, critical)
        )
        return builder.sign(self.key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()
