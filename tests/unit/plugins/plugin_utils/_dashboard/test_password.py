# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Passwords of people become hashes that nginx knows, the same ones at each run."""

from __future__ import annotations

import pytest
from ansible_collections.slipway.flask.plugins.plugin_utils._dashboard import password
from ansible_collections.slipway.flask.plugins.plugin_utils._nginx import access


@pytest.mark.parametrize(
    ("text", "salt", "expected"),
    [
        # What `openssl passwd -6 -salt SALT` makes.
        (
            "Hello world!",
            "saltstring",
            "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1",
        ),
        (
            "This is just a test",
            "toolongsaltstrin",
            "$6$toolongsaltstrin$lQ8jolhgVRVhY4b5pZKaysCLi0QBxGoNeKQzQ3glMhwllF7oGDZxUhx1yxdYcz/e1JSbq3y6JMxxl8audkUEm0",
        ),
        # Longer than a block of SHA-512, beyond ASCII, and a single letter.
        (
            "a" * 130,
            "abc",
            "$6$abc$vZ/ngjLllxqloHCr5dmpkt8/LLcRTimfZjMk9uXSisF7Fu7nFWHmEBydJTSp7reSfEOVKbKZrK2.Kc/ME0sA9/",
        ),
        (
            "pässwörter",
            "abc",
            "$6$abc$jIqKPj3KTEeP6eFN8rZXRqZssjyaNCpDmazmhRNo1/LJvL6VTgSBCH.XxnJfUP52XMJcT038tGnh0QfDj9rYk/",
        ),
        ("x", "a", "$6$a$AvQLBHPFSbE4d9QOBrglBdXuv.jRoEFLHgWJlsZ6XhNHrxkMbotj9kAr0GGhdZ5XM6DM29/LJ9jZin3Aj8Tph0"),
    ],
)
def test_hash_is_that_of_crypt(text: str, salt: str, expected: str) -> None:
    assert password.sha512_crypt(text, salt) == expected


def test_the_same_password_has_the_same_hash_in_one_place_and_another_elsewhere() -> None:
    one = password.hashed("correct horse battery", "stats.example.org ann")
    assert one == password.hashed("correct horse battery", "stats.example.org ann")
    assert one != password.hashed("correct horse battery", "stats.example.org bob")
    assert one.split("$")[2] != password.hashed("correct horse batterz", "stats.example.org ann").split("$")[2]
    assert access.HASH.fullmatch(one)
