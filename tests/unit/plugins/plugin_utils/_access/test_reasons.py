# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What ssh says when a new login fails, and what a user is told to do about it."""

from __future__ import annotations

import pytest
from ansible_collections.slipway.flask.plugins.plugin_utils._access.reasons import advice

SAID = [
    ("Unable to negotiate with 192.0.2.1 port 22: no matching key exchange method found. Their offer: sntrup761x25519-sha512",
     "has no key exchange method that the host still accepts; update OpenSSH to 8.9 or newer, or set `older_clients: true`"),
    ("Unable to negotiate with 192.0.2.1 port 22: no matching host key type found. Their offer: ssh-ed25519", "known_hosts"),
    ("No ED25519 host key is known for 192.0.2.1 and you have requested strict checking.\nHost key verification failed.",
     "ssh-keyscan -t ed25519"),
    ("Received disconnect from 192.0.2.1 port 22:2: Too many authentication failures", "IdentitiesOnly=yes"),
    ("ssh: connect to host 192.0.2.1 port 2222: Connection refused", "the provider's firewall"),
    ("ssh: connect to host 192.0.2.1 port 2222: Connection timed out", "the provider's firewall"),
    ("kex_exchange_identification: Connection closed by remote host\nConnection closed by 192.0.2.1 port 22", "slipway_never_ban"),
    ("channel 0: open failed: administratively prohibited: open failed\nstdio forwarding failed\n"
     "kex_exchange_identification: Connection closed by remote host", "`forwarding: [agent, local]`"),
    ("root@192.0.2.1: Permission denied (publickey).", "`allow` and `root_login` in slipway_ssh"),
]  # fmt: skip


@pytest.mark.parametrize(("said", "told"), SAID)
def test_what_ssh_says_gets_a_cause_and_a_cure(said: str, told: str) -> None:
    assert told in advice(said)


def test_what_nobody_knows_is_left_to_ssh_s_own_words() -> None:
    assert advice("sudo: a password is required") == ""
