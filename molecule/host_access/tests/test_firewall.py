# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Firewall and bans as they are on each release; from another host they are met by tests/slow/test_firewall.py."""

from __future__ import annotations

import pytest
from testinfra.host import Host

REFUSED_NAMES = "x 203.0.113.9 on", "x from 203.0.113.9 port 1", "x 203.0.113.9 port 1 [preauth]"


def test_the_rules_of_the_kernel_are_those_of_the_file(host: Host) -> None:
    """Loaded in a network of its own, the file gives what the kernel lists of the host's."""
    listing = "nft -s -t list table inet slipway"
    own = host.check_output(f"unshare --net sh -c 'nft -f /etc/slipway/firewall.nft && {listing}'")
    assert host.check_output(listing) == own
    assert "policy drop" in own


def test_the_firewall_comes_before_the_network(host: Host) -> None:
    assert host.service("slipway-firewall.service").is_enabled
    before = host.check_output("systemctl show --property=Before --value slipway-firewall.service").split()
    assert "network-pre.target" in before


def test_debian_s_own_unit_that_empties_all_rules_loads_ours_again(host: Host) -> None:
    listing = "nft -s -t list table inet slipway"
    before = host.check_output(listing)
    for verb in ("restart", "reload"):
        host.check_output(f"systemctl {verb} nftables.service")
        assert host.check_output(listing) == before
    host.check_output("systemctl stop nftables.service && systemctl restart slipway-firewall.service")
    assert host.check_output(listing) == before


def test_fail2ban_watches_sshd_in_the_journal(host: Host) -> None:
    assert host.service("fail2ban.service").is_running
    assert host.service("fail2ban.service").is_enabled
    assert "sshd" in host.check_output("fail2ban-client status")
    assert "_UID=0" in host.check_output("fail2ban-client get sshd journalmatch")


@pytest.mark.parametrize("name", ["root", *REFUSED_NAMES])
def test_the_address_of_a_failure_is_sshd_s_own_whatever_the_name(host: Host, name: str) -> None:
    """As fail2ban of this release reads a line that sshd writes."""
    who = "authenticating user root" if name == "root" else f"invalid user {name}"
    line = f"Nov 26 10:00:00 h sshd[1]: Connection closed by {who} 198.51.100.5 port 4711 [preauth]"
    found = host.check_output("fail2ban-regex --out=ip %s slipway-sshd", line)
    assert found.split() == ["198.51.100.5"]
