# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The rules of the host's firewall, as nft(8) reads them. PRIVATE to the collection. It can have breaking changes."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

TABLE = ("inet", "slipway")
NAME = " ".join(TABLE)
PORTLESS = {"vrrp": 112, "esp": 50, "ah": 51, "gre": 47}
"""Protocols beside TCP and UDP that hosts speak with each other, without ports: keepalived's, IPsec's, and tunnels. Their numbers
are those of IANA's registry: not every host has a file with their names."""
BRIDGES = ("docker0", "podman*", "cni-podman*", "incusbr*", "lxcbr*", "lxdbr*", "virbr*")
"""Networks inside of this host: containers and virtual machines ask it for names and addresses there."""
SSH_RATE = "30/minute burst 60 packets"
"""New connections to sshd per IPv4 address or IPv6 /64: many times what a person or Ansible opens, a tenth of a flood."""
LOCAL_SSH_RATE = "20/minute burst 10 packets"
"""New connections to sshd from the host itself, in all: a program there has 16 million addresses (127.0.0.0/8), and with
half-open logins from many of them it would take all places of sshd (MaxStartups) and shut everybody out."""
LOGIN_DAYS = 30

HEADER = f"""\
# Managed by Ansible (slipway.flask.host_access). Loaded by slipway-firewall.service before the network is up.
# Only this table is replaced, in one transaction; what Docker, Podman, WireGuard, fail2ban and others have stays.
table {NAME}
delete table {NAME}
"""

# The numbers are of RFC 4890, section 4.4: what a host must let in, or IPv6 does not work.
BASE = """\
		ct state vmap { established : accept, related : accept, invalid : drop }
@LOCAL@\
		iif "lo" accept
		iifname { @BRIDGES@ } accept

		icmp type { destination-unreachable, echo-request, time-exceeded, parameter-problem } accept
		icmpv6 type { destination-unreachable, packet-too-big, time-exceeded, parameter-problem, echo-request } accept
		# Neighbour discovery and router advertisements; 148 and 149 are its signed form (SEND). Never from beyond the link.
		icmpv6 type { nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert, ind-neighbor-solicit, ind-neighbor-advert, 148, 149 } ip6 hoplimit 255 accept
		# Multicast listeners, and 151 to 153, routers for multicast.
		ip6 saddr fe80::/10 icmpv6 type { mld-listener-query, mld-listener-report, mld-listener-done, mld2-listener-report } accept
		ip6 saddr fe80::/10 icmpv6 type { 151, 152, 153 } ip6 hoplimit 1 accept
		# Answers of DHCP come from an address that was not asked: the request went to everybody.
		udp sport 67 udp dport 68 accept
		ip6 saddr fe80::/10 udp sport 547 udp dport 546 accept
"""  # noqa: E501 -- one rule is one line

SSH = f"""\
	set login_v4 {{
		type ipv4_addr
		size 1024
		timeout {LOGIN_DAYS}d
	}}

	set login_v6 {{
		type ipv6_addr
		size 1024
		timeout {LOGIN_DAYS}d
	}}

	set ssh_v4 {{
		type ipv4_addr
		size 16384
		flags dynamic,timeout
		timeout 2m
	}}

	set ssh_v6 {{
		type ipv6_addr
		size 16384
		flags dynamic,timeout
		timeout 2m
	}}

	# New connections to sshd. Who logged in of late, Ansible for one, is never slowed down.
	chain ssh {{
		ip saddr @login_v4 accept
		ip6 saddr @login_v6 accept
@NEVER@\
		update @ssh_v4 {{ ip saddr limit rate over {SSH_RATE} }} drop
		update @ssh_v6 {{ ip6 saddr & ffff:ffff:ffff:ffff:: limit rate over {SSH_RATE} }} drop
		accept
	}}
"""


def text(asked: Mapping[str, Any], ssh_ports: Iterable[int], never: Iterable[str] = ()) -> str:
    """Return the whole file: what is ASKED (see the controller's `firewall.document`), and sshd on SSH_PORTS.

    NEVER are the addresses and networks that are not slowed down there.
    Loading it replaces the table of a former one, whatever was in there.
    """
    trusted = "".join(f"\t\t{source} accept\n" for source in sources(never))
    bridges = ", ".join(f'"{name}"' for name in BRIDGES)
    ports = [{"ports": str(port), "protocol": "tcp", "from": []} for port in asked["ports"]]
    http3 = [{"ports": "443", "protocol": "udp", "from": []}] if asked["http3"] else []
    ssh = f"tcp dport {one_of(str(port) for port in sorted(set(ssh_ports)))} ct state new"
    local = f'\t\tiif "lo" {ssh} limit rate over {LOCAL_SSH_RATE} drop\n'
    rules = [f"{ssh} jump ssh"]
    for entry in (*ports, *http3, *asked["allow"]):
        rules += allowing(entry)
    lines = "".join(f"\t\t{rule}\n" for rule in rules)
    return (
        f"{HEADER}\ntable {NAME} {{\n{SSH.replace('@NEVER@', trusted)}\n"
        "\tchain input {\n\t\ttype filter hook input priority filter; policy drop;\n"
        f"{BASE.replace('@BRIDGES@', bridges).replace('@LOCAL@', local)}\n{lines}\t}}\n}}\n"
    )


def allowing(entry: Mapping[str, Any]) -> Iterator[str]:
    """Yield the rules that let in what ENTRY has: `ports` (8080 or 8000-8100), `protocol`, and `from`, [] for everybody."""
    if entry["protocol"] in PORTLESS:
        what = f"meta l4proto {PORTLESS[entry['protocol']]} accept"
    else:
        what = f"{entry['protocol']} dport {entry['ports']} accept"
    if not entry["from"]:
        yield what
    for source in sources(entry["from"]):
        yield f"{source} {what}"


def sources(networks: Iterable[str]) -> Iterator[str]:
    """Yield the matches for NETWORKS, one per version of IP; nft refuses networks that overlap, so they are joined."""
    found = [ipaddress.ip_network(network) for network in networks]
    for word, version in (("ip", 4), ("ip6", 6)):
        own = [network for network in found if network.version == version]
        names = [
            str(one.network_address if one.prefixlen == one.max_prefixlen else one)
            for one in ipaddress.collapse_addresses(own)  # type: ignore[type-var]
        ]
        if names:
            yield f"{word} saddr {one_of(names)}"


def one_of(values: Iterable[str]) -> str:
    """Return VALUES as nft has a set of them, or the only one alone."""
    every = list(values)
    return every[0] if len(every) == 1 else "{ " + ", ".join(every) + " }"


def is_open(asked: Mapping[str, Any], ssh_ports: Sequence[int], protocol: str, port: int) -> bool:
    """Tell whether the firewall lets somebody from outside in to PORT."""
    if protocol == "tcp" and port in (*ssh_ports, *asked["ports"]):
        return True
    if protocol == "udp" and port == 443 and asked["http3"]:
        return True
    for entry in asked["allow"]:
        first, _, last = entry["ports"].partition("-")
        if entry["protocol"] == protocol and int(first) <= port <= int(last or first):
            return True
    return False
