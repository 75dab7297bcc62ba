# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Hashes of people's passwords as nginx checks them: SHA-512 of crypt(5), `$6$…`.

Written out because a controller may have nothing that makes one: Python lost `crypt` in 3.13, ansible-core's own filter needs
passlib, which has had no release since 2020, and libcrypt is not on every system.
Source: https://www.akkadia.org/drepper/SHA-crypt.txt, which has the steps.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import base64
from functools import cache
from hashlib import pbkdf2_hmac, sha512

ROUNDS = 5000
"""What the format has where it names none; nginx checks one in a few milliseconds."""
SALT_ROUNDS = 100_000
DIGITS = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


@cache
def hashed(password: str, place: str) -> str:
    """Return the hash of PASSWORD, always the same one for the same PLACE, so that a second run changes nothing.

    The salt comes from both, by a way that takes longer to try than the hash itself: it gives nothing away.
    """
    salt = pbkdf2_hmac("sha512", password.encode(), place.encode(), SALT_ROUNDS, 12)
    return sha512_crypt(password, base64.b64encode(salt, b"./").decode())


def sha512_crypt(password: str, salt: str) -> str:
    """Return `$6$SALT$…` of PASSWORD; SALT has up to 16 of DIGITS."""
    key, grain = password.encode(), salt.encode()
    inner = sha512(key + grain + key).digest()
    first = sha512(key + grain + _cycled(inner, len(key)))
    length = len(key)
    while length:
        first.update(inner if length & 1 else key)
        length >>= 1
    digest = first.digest()
    keys = _cycled(sha512(key * len(key)).digest(), len(key))
    grains = _cycled(sha512(grain * (16 + digest[0])).digest(), len(grain))
    for number in range(ROUNDS):
        step = sha512(keys if number & 1 else digest)
        step.update(grains if number % 3 else b"")
        step.update(keys if number % 7 else b"")
        step.update(digest if number & 1 else keys)
        digest = step.digest()
    return f"$6${salt}${_encoded(digest)}"


def _cycled(text: bytes, length: int) -> bytes:
    return (text * (length // len(text) + 1))[:length]


def _encoded(digest: bytes) -> str:
    """Return DIGEST in crypt's own order: bytes 21 apart in groups of three, the first of them one further on each time."""
    places = [0, 21, 42]
    text = ""
    for _ in range(21):
        value = digest[places[0]] << 16 | digest[places[1]] << 8 | digest[places[2]]
        text += "".join(DIGITS[value >> shift & 63] for shift in (0, 6, 12, 18))
        places = [(place + 1) for place in (places[1], places[2], places[0])]
    return text + DIGITS[digest[63] & 63] + DIGITS[digest[63] >> 6]
