# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Who gets into the host, as its people and an attacker with one app's user see it."""

from __future__ import annotations

from testinfra.host import Host


def test_nothing_waits_for_a_confirmation(host: Host) -> None:
    assert host.run("slipway-guard status").rc == 0 or not host.file("/usr/local/sbin/slipway-guard").exists
