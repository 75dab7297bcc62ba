# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a server keeps of a password: it can check it with that, and nobody can log in with it.

So a password that a host makes for itself never leaves it. Source: RFC 5803; PostgreSQL manual, 53.8 (pg_authid), 20.5.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

ITERATIONS = 4096
"""PostgreSQL's own (scram_iterations). What is checked here has 256 random bits: no number of rounds makes it harder to guess."""
SALT_BYTES = 16


def password() -> str:
    """Return a new password: letters, digits, - and _, 256 bits."""
    return secrets.token_urlsafe(32)


def verifier(secret: str) -> str:
    """Return what PostgreSQL keeps of the password SECRET, which is of `password`; always the same.

    The salt, which is no secret, is made of the password, so that a host need not keep it and a server's can be compared.
    """
    salt = hmac.digest(secret.encode("ascii"), b"slipway salt", "sha256")[:SALT_BYTES]
    salted = hashlib.pbkdf2_hmac("sha256", secret.encode("ascii"), salt, ITERATIONS)
    client = hmac.digest(salted, b"Client Key", "sha256")
    stored, server = hashlib.sha256(client).digest(), hmac.digest(salted, b"Server Key", "sha256")
    return f"SCRAM-SHA-256${ITERATIONS}:{_text(salt)}${_text(stored)}:{_text(server)}"


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()
