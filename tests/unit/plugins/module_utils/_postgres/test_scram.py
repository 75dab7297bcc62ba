# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a server keeps of a password."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re

from ansible_collections.slipway.flask.plugins.module_utils._postgres import scram


def test_a_client_with_the_password_proves_itself_to_what_is_kept() -> None:
    """The check of a server, as RFC 5802 (3) has it."""
    secret = scram.password()
    found = re.fullmatch(r"SCRAM-SHA-256\$(\d+):(.+)\$(.+):(.+)", scram.verifier(secret))
    assert found
    salt, stored, server = (base64.b64decode(found[number]) for number in (2, 3, 4))
    salted = hashlib.pbkdf2_hmac("sha256", secret.encode(), salt, int(found[1]))
    key, message = hmac.digest(salted, b"Client Key", "sha256"), b"n=,r=nonce,c=biws"
    proof = bytes(a ^ b for a, b in zip(key, hmac.digest(stored, message, "sha256"), strict=True))
    shown = bytes(a ^ b for a, b in zip(proof, hmac.digest(stored, message, "sha256"), strict=True))
    assert hashlib.sha256(shown).digest() == stored
    assert hmac.digest(salted, b"Server Key", "sha256") == server


def test_it_is_the_same_each_time_and_another_for_another_password() -> None:
    secret = scram.password()
    assert scram.verifier(secret) == scram.verifier(secret) != scram.verifier(scram.password())
    assert secret not in scram.verifier(secret)


def test_a_password_needs_no_quotes_in_a_password_file() -> None:
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{43}", scram.password()) for _ in range(50))
