# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Certificates and keys of TLS sites on a host. PRIVATE to the collection: it may change without notice.

Uses the host's `openssl` (1.1.1 or newer) and nothing but Python's standard library.
"""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

CERTIFICATE = "certificate.pem"
KEY = "key.pem"
END = "-----END CERTIFICATE-----\n"
DAY = 86_400  # seconds
FACTS = ("notBefore=", "notAfter=", "serial=", "subject=", "issuer=")

REQUEST = """\
[req]
distinguished_name = name
x509_extensions = extensions
prompt = no
[name]
CN = {common_name}
[extensions]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
subjectAltName = {alternatives}
"""


class CertificateError(RuntimeError):
    """A message that a person can act on."""


@dataclass(frozen=True)
class Wanted:
    """One site's certificate: self-signed for `domains`, or the given PEM texts when `certificate` is set.

    With `acme` it will come from an authority, and a self-signed one only stands in until then.
    """

    name: str
    domains: list[str]
    certificate: str = ""
    private_key: str = field(default="", repr=False)
    acme: bool = False
    staging: bool = False

    @property
    def is_provided(self) -> bool:
        return bool(self.certificate)


@dataclass(frozen=True)
class Facts:
    """What a certificate file says; times in seconds since the epoch."""

    domains: frozenset[str]
    not_after: float
    is_self_signed: bool
    public_key: str
    not_before: float = 0.0
    serial: str = ""


class Store:
    """The folder that holds one folder per site with its certificate (0644) and key (0600), all of root."""

    def __init__(self, root: Path, *, days: int, renew_days: int, check: bool = False) -> None:
        """Lifetime `days` of what is made here; replaced when fewer than `renew_days` are left."""
        self.root, self.days, self.renew_days, self.check = root, days, renew_days, check

    def ensure(self, wanted: Wanted) -> str:
        """Bring one site's files to their state; return why they had to change, or ''.

        :raises CertificateError: when openssl fails.
        """
        folder = self.root / wanted.name
        reason = self._provided_reason(wanted) if wanted.is_provided else self._self_signed_reason(wanted)
        if reason and not self.check:
            for path in (self.root, folder):
                path.mkdir(mode=0o700, exist_ok=True)
            if wanted.is_provided:
                replace(folder, wanted.certificate, wanted.private_key)
            else:
                replace(folder, *self_signed(wanted.domains, self.days, folder))
        return reason or self._correct_modes(folder)

    def _provided_reason(self, wanted: Wanted) -> str:
        folder = self.root / wanted.name
        if read(folder / CERTIFICATE) != wanted.certificate:
            return "the provided certificate is new"
        return "" if read(folder / KEY) == wanted.private_key else "the provided key is new"

    def _self_signed_reason(self, wanted: Wanted) -> str:
        folder = self.root / wanted.name
        if not (folder / CERTIFICATE).is_file() or not (folder / KEY).is_file():
            return "there is none yet"
        try:
            facts = describe(folder / CERTIFICATE)
            matches = public_key(folder / KEY) == facts.public_key
        except CertificateError:
            return "the old one can't be read"
        if not facts.is_self_signed and not wanted.acme:
            return "one that was not self-signed is no longer wanted"
        if not matches:
            return "the key is not the certificate's"
        if not facts.is_self_signed:
            return ""
        if facts.domains != set(wanted.domains):
            return "the domains changed"
        left = (facts.not_after - time.time()) / DAY
        return f"{max(0, int(left))} days are left" if left < self.renew_days else ""

    def _correct_modes(self, folder: Path) -> str:
        wrong = [
            (path, mode)
            for path, mode in (
                (self.root, 0o700),
                (folder, 0o700),
                (folder / KEY, 0o600),
                (folder / CERTIFICATE, 0o644),
            )
            if path.exists() and ((state := path.stat()).st_mode & 0o7777, state.st_uid) != (mode, os.geteuid())
        ]
        if not self.check:
            for path, mode in wrong:
                os.chown(path, os.geteuid(), os.getegid())
                path.chmod(mode)
        return f"wrong owner or mode of {', '.join(path.name for path, _mode in wrong)}" if wrong else ""


def self_signed(domains: list[str], days: int, folder: Path) -> tuple[str, str]:
    """Return (certificate, key) as PEM: ECDSA P-256, for DOMAINS, valid for DAYS. Works in a 0700 folder in FOLDER.

    Not a CA and only for servers, so that a person who trusts it trusts this site and nothing else. The common name,
    which no current client reads, is the first domain (X.509 allows 64 characters).
    """
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        request, certificate, key = (Path(scratch) / name for name in ("request.cnf", CERTIFICATE, KEY))
        request.write_text(
            REQUEST.format(common_name=domains[0][:64], alternatives=", ".join(f"DNS:{domain}" for domain in domains))
        )
        openssl(
            *("req", "-x509", "-config", str(request), "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
            *("-nodes", "-sha256", "-days", str(days), "-keyout", str(key), "-out", str(certificate)),
        )
        return certificate.read_text(), key.read_text()


def facts_of_pair(certificate: str, key: str, folder: Path) -> Facts:
    """Return what CERTIFICATE (PEM) says, after a look at whether KEY is its own. Works in a 0700 folder in FOLDER.

    :raises CertificateError: when one can't be read, or they don't belong together.
    """
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        replace(Path(scratch), certificate, key)
        facts = describe(Path(scratch) / CERTIFICATE)
        if public_key(Path(scratch) / KEY) != facts.public_key:
            raise CertificateError("the key is not the certificate's")
        return facts


def replace(folder: Path, certificate: str, key: str) -> None:
    """Put both files into FOLDER, each complete or not at all; a run killed between the two is mended by the next."""
    for name, text, mode in ((KEY, key, 0o600), (CERTIFICATE, certificate, 0o644)):
        descriptor, temporary = tempfile.mkstemp(dir=folder)
        with os.fdopen(descriptor, "w") as stream:
            os.fchmod(descriptor, mode)
            stream.write(text)
            stream.flush()
            os.fsync(descriptor)
        Path(temporary).replace(folder / name)


def describe(path: Path) -> Facts:
    """Return the facts of the certificate at PATH (the first one, if it is a chain)."""
    text = openssl("x509", "-in", str(path), "-noout", "-dates", "-serial", "-subject", "-issuer", "-pubkey",
                   "-ext", "subjectAltName")  # fmt: skip
    lines = dict(line.split("=", 1) for line in text.splitlines() if line.startswith(FACTS))
    alternatives = next((line for line in text.splitlines() if "DNS:" in line), "")
    start, end = text.find("-----BEGIN"), text.find("-----END")
    return Facts(
        domains=frozenset(name.strip().removeprefix("DNS:") for name in alternatives.split(",") if name.strip()),
        not_after=ssl.cert_time_to_seconds(lines["notAfter"]),
        is_self_signed=lines["subject"] == lines["issuer"],
        public_key=body(text[start:end]),
        not_before=ssl.cert_time_to_seconds(lines["notBefore"]),
        serial=lines["serial"],
    )


def public_key(path: Path) -> str:
    """Return the public half of the private key at PATH, in the form of Facts.public_key."""
    text = openssl("pkey", "-in", str(path), "-pubout")
    return body(text[: text.find("-----END")])


def body(pem: str) -> str:
    """Return the Base64 of one PEM block without its armour."""
    return "".join(line for line in pem.split() if not line.startswith("-----") and not line.endswith("-----"))


def read(path: Path) -> str:
    return path.read_text() if path.is_file() else ""


def openssl(*arguments: str) -> str:
    """Run openssl and return what it prints.

    :raises CertificateError: with openssl's last line when it fails, or when it isn't installed.
    """
    program = shutil.which("openssl")
    if program is None:
        raise CertificateError("openssl is not installed on the host: add it to nginx_tls_packages")
    done = subprocess.run([program, *arguments], capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    if done.returncode:
        detail = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise CertificateError(f"openssl {arguments[0]} failed: {detail}")
    return done.stdout
