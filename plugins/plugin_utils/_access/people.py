# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What is wrong with the people who have an account on a host.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

NAME = re.compile(r"[a-z][a-z0-9_-]{0,30}")
"""As adduser(8) of Debian takes it, without the dollar at the end."""
KEYS = {"name", "keys", "sudo", "password_hash"}
TYPES = (
    "ssh-ed25519", "sk-ssh-ed25519@openssh.com", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521",
    "sk-ecdsa-sha2-nistp256@openssh.com", "ssh-rsa",
)  # fmt: skip
HASH = re.compile(r"\$(y|gy|7|2b|6|5)\$[./A-Za-z0-9$=,+]+")
"""crypt(5): yescrypt, scrypt, bcrypt, SHA-512, SHA-256; nothing weaker."""
RSA_BYTES = 256 + 20
"""Fewest bytes of an RSA key with 2048 bits as a file has it; sshd takes no shorter one (RequiredRSASize)."""


def problems(people: Sequence[Any], variable: str = "slipway_people") -> list[str]:
    """Return what is wrong with PEOPLE, one sentence each. No key and no hash is in them."""
    found = []
    names = [person.get("name") for person in people if isinstance(person, Mapping)]
    for number, person in enumerate(people, 1):
        if not isinstance(person, Mapping):
            found.append(f"{variable}: entry {number} must be a mapping with 'name' and 'keys'")
            continue
        who = f"{variable}, '{person['name']}'" if person.get("name") else f"{variable}, entry {number}"
        found += [f"{who}: {text}" for text in _person(person)]
        if names.index(person.get("name")) != number - 1:
            found.append(f"{who}: the name is listed twice; put all keys into one entry")
    return found


def _person(person: Mapping[str, Any]) -> Iterator[str]:
    for key in sorted(set(person) - KEYS):
        yield f"unknown key '{key}'; a person has {', '.join(sorted(KEYS))}"
    name, keys = person.get("name"), person.get("keys", [])
    if not isinstance(name, str) or not NAME.fullmatch(name):
        yield f"'{name}' is not a valid user name: it must be up to 31 lowercase letters, digits, - and _, and start with a letter"
    elif name == "root":
        yield "root's own keys are not managed; give every person an account, with `sudo: true` if they administrate the host"
    if not isinstance(person.get("sudo", False), bool):
        yield "'sudo' must be true or false"
    password = person.get("password_hash", "")
    if password and not (isinstance(password, str) and HASH.fullmatch(password)):
        yield "'password_hash' must be a hash as `mkpasswd` prints it (yescrypt, bcrypt, SHA-512), not the password itself"
    if not isinstance(keys, (list, tuple)) or not keys:
        yield "'keys' must be a list with at least one public SSH key; remove the person from the list to close the account"
        return
    for number, key in enumerate(keys, 1):
        if wrong := key_problem(key):
            yield f"key {number} {wrong}"


def key_problem(key: Any) -> str:
    """Return what is wrong with a line of authorized_keys, "" for nothing."""
    if not isinstance(key, str) or not key.strip():
        return "must be the text of a .pub file"
    if "PRIVATE KEY" in key:
        return "is a private key. Keep it to yourself; the list needs the text of the .pub file next to it"
    if "\n" in key.strip() or "\r" in key:
        return "has more than one line; write one entry per key"
    words = key.split()
    at = next((place for place, word in enumerate(words) if word in TYPES), None)
    if at is None:
        return f"is not a public SSH key of a safe type ({', '.join(TYPES)}); it must be the text of a .pub file"
    try:
        data = base64.b64decode(words[at + 1], validate=True)
        inside = data[4 : 4 + int.from_bytes(data[:4], "big")].decode("ascii")
    except (IndexError, binascii.Error, UnicodeDecodeError):
        return "is truncated or has a typo: its second word is not base64"
    if inside != words[at]:
        return f"says {words[at]}, but is not such a key; copy the whole line of the .pub file"
    if inside == "ssh-rsa" and len(data) < RSA_BYTES:
        return "is an RSA key with less than 2048 bits; make a new one: ssh-keygen -t ed25519"
    return ""
