# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What is refused of the people on a host, and that no key and no hash is in the sentence."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.plugin_utils._access import people


def key(kind: str = "ssh-ed25519", size: int = 32) -> str:
    data = len(kind).to_bytes(4, "big") + kind.encode() + size.to_bytes(4, "big") + bytes(size)
    return f"{kind} {base64.b64encode(data).decode()} ann@laptop"


GOOD = {"name": "ann", "keys": [key()], "sudo": True}
HASH = "$y$j9T$abcdefghijklmnop$0123456789"


@pytest.mark.parametrize("person", [
    GOOD,
    {"name": "ann-2", "keys": [key("ssh-rsa", 400), key("sk-ssh-ed25519@openssh.com")]},
    {**GOOD, "password_hash": HASH},
    {**GOOD, "keys": ['from="198.51.100.7",no-agent-forwarding ' + key()]},
])  # fmt: skip
def test_right_people_are_taken(person: dict[str, Any]) -> None:
    assert people.problems([person]) == []


@pytest.mark.parametrize(("more", "said"), [
    ({"name": "Ann"}, "'Ann' is not a valid user name"),
    ({"name": "root"}, "root's own keys are not managed"),
    ({"name": "a" * 40}, "is not a valid user name"),
    ({"name": "ann\n"}, "is not a valid user name"),
    ({"keys": []}, "remove the person from the list to close the account"),
    ({"keys": key()}, "'keys' must be a list"),
    ({"keys": ["-----BEGIN OPENSSH PRIVATE KEY-----\nxyz"]}, "key 1 is a private key"),
    ({"keys": [key() + "\n" + key()]}, "key 1 has more than one line"),
    ({"keys": ["ssh-dss AAAA"]}, "key 1 is not a public SSH key of a safe type"),
    ({"keys": [key(), "ssh-ed25519 AAA"]}, "key 2 is truncated"),
    ({"keys": [key().replace("ssh-ed25519", "ssh-rsa", 1)]}, "key 1 says ssh-rsa, but is not such a key"),
    ({"keys": [key("ssh-rsa", 130)]}, "RSA key with less than 2048 bits"),
    ({"password_hash": "sesame"}, "'password_hash' must be a hash"),
    ({"sudo": "yes"}, "'sudo' must be true or false"),
    ({"key": "x"}, "unknown key 'key'"),
])  # fmt: skip
def test_wrong_people_are_refused(more: dict[str, Any], said: str) -> None:
    found = people.problems([{**GOOD, **more}])
    assert any(said in text for text in found), found
    assert not any("sesame" in text or "AAAA" in text for text in found)


def test_a_name_stands_once() -> None:
    assert people.problems([GOOD, GOOD]) == [
        "slipway_people, 'ann': the name is listed twice; put all keys into one entry"
    ]


def test_an_entry_is_a_mapping() -> None:
    assert people.problems(["ann"]) == ["slipway_people: entry 1 must be a mapping with 'name' and 'keys'"]
