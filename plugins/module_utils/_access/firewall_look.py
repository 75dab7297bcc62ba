# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a host has before it gets a firewall: one of somebody else's, and programs that the network can reach.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import fnmatch
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._access import sockets
from ansible_collections.slipway.flask.plugins.module_utils._access.firewall_rules import BRIDGES

TOOLS = (
    "slipway", "f2b-*", "fail2ban*", "netavark", "docker*", "libvirt_network", "lxd*", "incus*", "crowdsec*", "sshguard",
    "kube-*", "wg-quick-*",
)  # fmt: skip
"""Tables of programs that keep their own and close nothing that they were not told to."""
CHAINS = (
    "f2b-*", "LIBVIRT_INP", "ts-input", "DOCKER*", "CNI-*", "NETAVARK*", "KUBE-*", "sshguard*", "CROWDSEC*"
)  # fmt: skip
"""Chains of such programs, which the chain INPUT of iptables leads to."""
Place = tuple[str, str, str]
"""Family, table and name of a chain."""
LEGACY = {"iptables-legacy": Path("/proc/net/ip_tables_names"), "ip6tables-legacy": Path("/proc/net/ip6_tables_names")}
UFW = Path("/etc/ufw/ufw.conf")
FORWARDED = ("docker-proxy", "conmon")
"""They hold ports whose packets the kernel hands on to a container before a firewall of the host itself sees them."""
NOT_MEANT = {
    ("udp", 68), ("udp", 546), ("udp", 123), ("udp", 5353), ("udp", 5355), ("tcp", 5355), ("udp", 137), ("udp", 138),
}  # fmt: skip
"""Clients of DHCP, of the time and of names in the local network: nobody out there has to reach them."""
RPCBIND, NFS = 111, 2049
run = sockets.run


def foreign() -> str:
    """Return what the firewall of somebody else's is called that keeps packets from this host, "" for none."""
    if UFW.is_file() and re.search(
        r"^ENABLED=[\"']?yes", UFW.read_text(errors="replace"), re.MULTILINE | re.IGNORECASE
    ):
        return "ufw"
    if run("systemctl", "is-active", "firewalld.service"):
        return "firewalld"
    for command, names in LEGACY.items():
        # Asking for the rules would make an empty table where there is none.
        if names.is_file() and "filter" in names.read_text().split() and legacy_rules(run(command, "-S", "INPUT")):
            return f"rules of {command}"
    return of_ruleset(run("nft", "--json", "list", "ruleset"))


def legacy_rules(printed: str) -> bool:
    """Tell whether what iptables-legacy PRINTED of its chain INPUT keeps anything out, other than by a known program."""
    for line in printed.splitlines():
        if line.startswith("-P") and not line.endswith("ACCEPT"):
            return True
        if line.startswith("-A") and not _matches(line.split()[-1], CHAINS):
            return True
    return False


def of_ruleset(printed: str) -> str:
    """Return what is to be called the first chain for incoming packets in nft's JSON that is neither ours nor a known program's."""
    items: list[Mapping[str, Any]] = json.loads(printed or '{"nftables": []}')["nftables"]
    rules: dict[Place, list[Mapping[str, Any]]] = {}
    for rule in (item["rule"] for item in items if "rule" in item):
        rules.setdefault((rule["family"], rule["table"], rule["chain"]), []).append(rule)
    for chain in (item["chain"] for item in items if "chain" in item):
        if chain.get("hook") != "input" or chain.get("type") != "filter" or _matches(chain["table"], TOOLS):
            continue
        place = (chain["family"], chain["table"], chain["name"])
        if chain.get("policy") == "drop" or not _is_idle(place, rules):
            return f"rules in nftables (table {place[0]} {place[1]}, chain {place[2]})"
    return ""


def _is_idle(place: Place, rules: Mapping[Place, Sequence[Mapping[str, Any]]]) -> bool:
    """Tell whether the chain at PLACE only leads to chains of known programs, or to empty ones, as ufw leaves when disabled."""
    for rule in rules.get(place, ()):
        targets = [expression["jump"]["target"] for expression in rule["expr"] if "jump" in expression]
        if not targets:
            return False
        if not all(_matches(name, CHAINS) or _is_idle((*place[:2], name), rules) for name in targets):
            return False
    return True


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


@dataclass(frozen=True, order=True)
class Listener:
    """A port that the network can reach, and the PROGRAM that has it, "" for the kernel itself."""

    protocol: str
    port: int
    program: str = ""

    def __str__(self) -> str:
        who = self.program or ("the kernel, as for WireGuard" if self.protocol == "udp" else "the kernel")
        return f"{self.protocol} {self.port} ({who})"


def listeners() -> list[Listener]:
    """Return all of them, but for those of clients, of sockets that last no longer than a moment, and inside of the host."""
    inside = inner_addresses(run("ip", "-json", "address"))
    found = set(parsed(run("ss", "-Hlntup"), inside))
    # A client has a UDP socket for as long as it waits for an answer.
    if any(one.protocol == "udp" for one in found):
        found &= set(parsed(run("ss", "-Hlntup"), inside))
    serves_files = any(one.port == NFS for one in found)
    return sorted(
        one
        for one in found
        if (one.protocol, one.port) not in NOT_MEANT
        and one.program not in FORWARDED
        and (one.port != RPCBIND or serves_files)
    )


def inner_addresses(printed: str) -> set[str]:
    """Return the addresses of the networks inside of this host, from what `ip -json address` PRINTED."""
    return {
        address["local"]
        for link in json.loads(printed or "[]")
        if _matches(link.get("ifname", ""), BRIDGES)
        for address in link.get("addr_info", [])
    }


def parsed(printed: str, inside: Iterable[str] = ()) -> Iterator[Listener]:
    """Yield what `ss -Hlntup` PRINTED of sockets that the network can reach: neither on loopback nor on an address INSIDE."""
    return (Listener(*found) for found in sockets.reachable(printed, inside))


def ssh_ports() -> list[int]:
    """Return the ports that sshd has, see there."""
    return sockets.ssh_ports(run)
