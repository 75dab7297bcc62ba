# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What is wrong with a provided certificate and key. PRIVATE to the collection: it may change without notice.

Runs on the controller, where ansible-core itself needs the `cryptography` library.
"""

from __future__ import annotations

from datetime import datetime

try:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes, PublicKeyTypes
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
except ImportError:  # on a host, where nothing here is called
    pass

MINIMUM_RSA_BITS = 2048  # Mozilla's Server Side TLS guidelines, intermediate: rsa_key_size


def pem_problems(certificate: str, private_key: str, domains: list[str], now: datetime) -> list[str]:
    """Return sentences on why CERTIFICATE (a chain, the site's own first) can't serve DOMAINS; never a key's text."""
    try:
        chain = x509.load_pem_x509_certificates(certificate.encode())
    except ValueError:
        return ["certificate_file holds no readable PEM certificate"]
    leaf = chain[0]
    found = _key_problems(private_key, chain)
    if leaf.not_valid_after_utc <= now:
        found.append(f"certificate_file expired on {leaf.not_valid_after_utc:%Y-%m-%d}: get a new one")
    if leaf.not_valid_before_utc > now:
        found.append(f"certificate_file is not valid before {leaf.not_valid_before_utc:%Y-%m-%d %H:%M} UTC")
    names = names_of(leaf)
    missing = [domain for domain in domains if not covers(names, domain)]
    if missing:
        found.append(
            f"certificate_file is for {', '.join(names) or 'no domain'}; it does not cover {', '.join(missing)}"
        )
    public = leaf.public_key()
    if isinstance(public, RSAPublicKey) and public.key_size < MINIMUM_RSA_BITS:
        found.append(f"certificate_file has an RSA key of {public.key_size} bits: {MINIMUM_RSA_BITS} is the least")
    return found


def is_readable(certificates: str) -> bool:
    """Tell whether CERTIFICATES is at least one certificate as PEM."""
    try:
        return bool(x509.load_pem_x509_certificates(certificates.encode()))
    except ValueError:
        return False


def names_of(certificate: x509.Certificate) -> list[str]:
    """Return the DNS names of CERTIFICATE, lower case."""
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return []
    return [name.lower() for name in extension.value.get_values_for_type(x509.DNSName)]


def covers(names: list[str], domain: str) -> bool:
    """Tell whether a certificate with NAMES serves DOMAIN: `*.` stands for exactly one label (RFC 6125, 6.4.3)."""
    return domain in names or (not domain.startswith("*.") and "*." + domain.partition(".")[2] in names)


def _key_problems(private_key: str, chain: list[x509.Certificate]) -> list[str]:
    try:
        public = load_pem_private_key(private_key.encode(), password=None).public_key()
    except TypeError:
        return [
            "key_file is protected by a passphrase, which nginx can't ask for: `openssl pkey` writes it without one"
        ]
    except ValueError:
        return ["key_file holds no readable PEM private key"]
    wanted = _encoded(public)
    if _encoded(chain[0].public_key()) == wanted:
        return []
    if any(_encoded(other.public_key()) == wanted for other in chain[1:]):
        return ["certificate_file must begin with the site's own certificate; the chain follows it"]
    return ["key_file is not the key of certificate_file"]


def _encoded(key: CertificatePublicKeyTypes | PublicKeyTypes) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
