# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Which settings sshd gets, by what is asked for, by what this sshd can do, and by what the host has of its own.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._access.sshd_config import Configuration

FORWARDING = ("agent", "local", "remote", "x11")
POST_QUANTUM = ("mlkem768x25519-sha256", "sntrup761x25519-sha512", "sntrup761x25519-sha512@openssh.com")
"""Key exchanges whose recorded traffic a quantum computer of later can't read either: the ones that ssh-audit 3.9 has no
warning about. OpenSSH offers them since 8.9 of 2022, and is asked which of them it has."""
CLASSIC = (
    "curve25519-sha256",
    "curve25519-sha256@libssh.org",
    "diffie-hellman-group16-sha512",
    "diffie-hellman-group18-sha512",
)
CIPHERS = (
    "aes256-gcm@openssh.com",
    "chacha20-poly1305@openssh.com",
    "aes128-gcm@openssh.com",
    "aes256-ctr",
    "aes192-ctr",
    "aes128-ctr",
)
MACS = ("hmac-sha2-512-etm@openssh.com", "hmac-sha2-256-etm@openssh.com", "umac-128-etm@openssh.com")
OLDER_MACS = ("hmac-sha2-512", "hmac-sha2-256")
HOST_KEYS = {
    "ED25519": ("ssh-ed25519-cert-v01@openssh.com", "ssh-ed25519"),
    "RSA": (
        "rsa-sha2-512-cert-v01@openssh.com",
        "rsa-sha2-256-cert-v01@openssh.com",
        "rsa-sha2-512",
        "rsa-sha2-256",
    ),
}
"""Host keys that are offered; those of the NIST curves are not (ssh-audit: fail)."""
RSA_BITS = 3072
"""A shorter RSA host key is not offered (ssh-audit: warn)."""
TUNING = {
    "LoginGraceTime": "30",
    "MaxStartups": "30:30:100",
    "PerSourceMaxStartups": "10",
    "PerSourceNetBlockSize": "32:64",
    "ClientAliveInterval": "180",
    "ClientAliveCountMax": "2",
    "TCPKeepAlive": "no",
    "LogLevel": "VERBOSE",
}
"""Half-open logins can't use all places up; connections that nobody is at any more end, by questions inside of the encrypted
connection, which nobody else can answer; the journal says which key was refused. A value that the host has of its own stays."""
ROOT = ("yes", "prohibit-password", "forced-commands-only", "no")
"""From the loosest to the strictest."""

Effective = Mapping[str, Sequence[str]]
"""What `sshd -T` says: keyword in small letters -> its values."""


@dataclass(frozen=True)
class Ssh:
    """The variable `slipway_ssh`, all defaults filled in; PORT 0: as it is. EXEMPT are addresses that are never banned."""

    manage: bool = True
    port: int = 0
    root_login: str = "keys"
    passwords: bool = False
    allow: tuple[str, ...] = ()
    forwarding: tuple[str, ...] = ("agent",)
    max_auth_tries: int = 4
    older_clients: bool = False
    exempt: tuple[str, ...] = ()

    @classmethod
    def of(cls, asked: Mapping[str, Any], exempt: Sequence[str] = ()) -> Ssh:
        """Return what a user ASKED for, which may be a part of it."""
        given = {name: value for name, value in asked.items() if value is not None}
        given.update({name: tuple(given[name]) for name in ("allow", "forwarding") if name in given})
        return cls(**given, exempt=tuple(exempt))


@dataclass(frozen=True)
class HostKey:
    """A host key's KIND (as ssh-keygen has it: RSA, ED25519, ECDSA) and length."""

    kind: str
    bits: int

    @property
    def algorithms(self) -> tuple[str, ...]:
        return () if self.kind == "RSA" and self.bits < RSA_BITS else HOST_KEYS.get(self.kind, ())


def settings(
    ssh: Ssh, can: Effective, host: Configuration, keys: Sequence[HostKey], port: int
) -> Iterator[tuple[str, str]]:
    """Yield what our file says, keyword and value, each keyword once but for AllowUsers.

    CAN is what this sshd says without any file: a keyword that is not in it is not known to it. HOST is the host's own
    configuration, without our file. PORT 0: no line for it.
    """
    if port:
        yield "Port", str(port)
    yield from _logins(ssh, host)
    yield from (("AllowUsers", name) for name in ssh.allow)
    if not ssh.passwords:
        yield from (
            (name, "no") for name in ("PasswordAuthentication", "KbdInteractiveAuthentication")
            if METHODS[name] not in beside_a_key(host)
        )  # fmt: skip
        yield "PubkeyAuthentication", "yes"
    yield "PermitEmptyPasswords", "no"
    yield "HostbasedAuthentication", "no"
    yield from _forwarding(ssh.forwarding)
    for name, value in TUNING.items():
        if name.lower() in can and not host.first(name.lower()):
            yield name, value
    if ssh.exempt and "persourcepenaltyexemptlist" in can:
        yield "PerSourcePenaltyExemptList", ",".join(ssh.exempt)
    if "requiredrsasize" in can:
        yield "RequiredRSASize", "2048"
    yield from _algorithms(ssh, can, keys)


METHODS = {"PasswordAuthentication": "password", "KbdInteractiveAuthentication": "keyboard-interactive"}


def beside_a_key(host: Configuration) -> set[str]:
    """Return the methods that HOST asks for in addition to a key, a one-time code for example: sshd needs them then."""
    found = host.first("authenticationmethods")
    ways = [way.split(",") for way in found.value.split()] if found else []
    if any("publickey" not in way for way in ways):
        return set()
    return {method.split(":")[0] for way in ways for method in way}


def _logins(ssh: Ssh, host: Configuration) -> Iterator[tuple[str, str]]:
    """What is stricter on the host stays as it is."""
    found = host.first("permitrootlogin")
    has = root_value(found.value) if found else ROOT[0]
    wanted = "no" if ssh.root_login == "off" else "prohibit-password"
    if has not in ROOT or ROOT.index(has) <= ROOT.index(wanted):
        yield "PermitRootLogin", wanted
    tries = host.first("maxauthtries")
    if not (tries and tries.value.isdigit() and 0 < int(tries.value) <= ssh.max_auth_tries):
        yield "MaxAuthTries", str(ssh.max_auth_tries)


def root_value(value: str) -> str:
    """Return a VALUE of PermitRootLogin by its name of today."""
    return "prohibit-password" if value.lower() == "without-password" else value.lower()


def _forwarding(allowed: Sequence[str]) -> Iterator[tuple[str, str]]:
    """What is allowed gets no line: the host may forbid it."""
    if "agent" not in allowed:
        yield "AllowAgentForwarding", "no"
    ways = [way for way in ("local", "remote") if way in allowed]
    if len(ways) < 2:
        yield "AllowTcpForwarding", ways[0] if ways else "no"
        yield "AllowStreamLocalForwarding", ways[0] if ways else "no"
    if "x11" not in allowed:
        yield "X11Forwarding", "no"


def _algorithms(ssh: Ssh, can: Effective, keys: Sequence[HostKey]) -> Iterator[tuple[str, str]]:
    def known(keyword: str, wanted: Sequence[str]) -> list[str]:
        offered = [name for value in can.get(keyword, ()) for name in value.split(",")]
        return [name for name in wanted if name in offered]

    exchanges = known("kexalgorithms", POST_QUANTUM)
    if ssh.older_clients or not exchanges:
        exchanges += known("kexalgorithms", CLASSIC)
    macs = MACS + OLDER_MACS if ssh.older_clients else MACS
    for name, found in (
        ("KexAlgorithms", exchanges),
        ("Ciphers", known("ciphers", CIPHERS)),
        ("MACs", known("macs", macs)),
        ("HostKeyAlgorithms", known("hostkeyalgorithms", [name for key in keys for name in key.algorithms])),
    ):
        if found:
            yield name, ",".join(found)


def ports(effective: Effective) -> list[int]:
    """Return the ports that sshd listens on by its EFFECTIVE settings."""
    found = [port_of(address) for address in effective.get("listenaddress", ())]
    return sorted({port for port in found if port})


def port_of(address: str) -> int:
    """Return the port in a ListenAddress, 0 when it has none of its own."""
    found = re.fullmatch(r"(?:\[[^\]]*\]|[^:\[\]]*):(\d+)(?: .*)?", address)
    return int(found[1]) if found else 0
