# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Passwords of roles that log in from other hosts: made on the database's host, kept there for root, handed over by the play.

The server has a verifier, from which no password can be computed (RFC 5803); it is made here, so that no statement, and no
log of one, ever has the password in it.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
import secrets
import tempfile
from pathlib import Path

FOLDER = Path("/etc/slipway/passwords")
OCTETS = 32
"""Of chance in a password: as much as SHA-256 has."""
ITERATIONS = 4096
"""PostgreSQL's own (scram_iterations). More would not help against guessing: the password is no word."""
VERIFIER = re.compile(r"SCRAM-SHA-256\$(\d+):([^$]+)\$([^:]+):(.+)")
SHOWN = re.compile(r"SCRAM-SHA-256\$[^']*")


def path_of(role: str, folder: Path = FOLDER) -> Path:
    """Return where the password of ROLE is kept."""
    return folder / f"{role}.password"


def read(role: str, folder: Path = FOLDER) -> str:
    """Return the password of ROLE, "" if it has none."""
    path = path_of(role, folder)
    return path.read_text().strip() if path.is_file() else ""


def make(role: str, folder: Path = FOLDER) -> str:
    """Make a password for ROLE, for root alone, and return it; an old one is replaced."""
    folder.mkdir(mode=0o711, parents=True, exist_ok=True)
    password = secrets.token_urlsafe(OCTETS)
    descriptor, temporary = tempfile.mkstemp(dir=folder, prefix=".new-")  # 0600
    with os.fdopen(descriptor, "w") as stream:
        stream.write(password + "\n")
        stream.flush()
        os.fsync(descriptor)
    Path(temporary).replace(path_of(role, folder))
    return password


def verifier(password: str, salt: bytes = b"", iterations: int = ITERATIONS) -> str:
    """Return what the server keeps of PASSWORD, which is ASCII (manual 55.3, RFC 5803)."""
    salt = salt or secrets.token_bytes(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, iterations)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    salt64, stored64, server64 = (base64.b64encode(part).decode() for part in (salt, stored, server))
    return f"SCRAM-SHA-256${iterations}:{salt64}${stored64}:{server64}"


def is_of(kept: str | None, password: str) -> bool:
    """Tell whether what the server has KEPT is of PASSWORD."""
    found = VERIFIER.fullmatch(kept or "")
    if not found or not password:
        return False
    return hmac.compare_digest(verifier(password, base64.b64decode(found[2]), int(found[1])), str(kept))


def hidden(statement: str) -> str:
    """Return an SQL STATEMENT without the verifier in it."""
    return SHOWN.sub("…", statement)
