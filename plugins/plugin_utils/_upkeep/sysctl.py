# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The kernel's settings for a host on the internet: those of devsec.hardening's os baseline and of the CIS benchmark for Debian 12
that no service of a web host has to do without.

Left out of them on purpose: ip_forward (Docker, WireGuard), accept_ra (addresses of IPv6 come by it at many providers),
kernel.modules_disabled and a strict rp_filter (networks with more than one way back).

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

NETWORK: dict[str, int] = {
    **{f"net.ipv4.conf.{scope}.{name}": value for scope in ("all", "default") for name, value in (
        ("accept_redirects", 0), ("secure_redirects", 0), ("send_redirects", 0), ("accept_source_route", 0), ("log_martians", 1),
    )},
    **{f"net.ipv6.conf.{scope}.{name}": 0 for scope in ("all", "default") for name in (
        "accept_redirects", "accept_source_route")},
    "net.ipv4.conf.all.rp_filter": 2,
    "net.ipv4.conf.default.rp_filter": 2,
    "net.ipv4.icmp_echo_ignore_broadcasts": 1,
    "net.ipv4.icmp_ignore_bogus_error_responses": 1,
    "net.ipv4.tcp_rfc1337": 1,
    "net.ipv4.tcp_syncookies": 1,
}  # fmt: skip
"""A container has a network of its own, and these with it."""
KERNEL: dict[str, int] = {
    "dev.tty.ldisc_autoload": 0,
    "fs.protected_fifos": 2,
    "fs.protected_hardlinks": 1,
    "fs.protected_regular": 2,
    "fs.protected_symlinks": 1,
    "fs.suid_dumpable": 0,
    "kernel.core_uses_pid": 1,
    "kernel.dmesg_restrict": 1,
    "kernel.kptr_restrict": 2,
    "kernel.perf_event_paranoid": 3,
    "kernel.randomize_va_space": 2,
    "kernel.sysrq": 0,
    "kernel.unprivileged_bpf_disabled": 1,
    "kernel.yama.ptrace_scope": 1,
    "net.core.bpf_jit_harden": 2,
}
"""One for the whole machine, which a container must not set for others."""


def settings(swappiness: int, own: Mapping[str, Any], is_container: bool) -> dict[str, str]:
    """Return name and value of all; OWN overrules, and there an empty value leaves a name out."""
    kernel = {} if is_container else {**KERNEL, "vm.swappiness": swappiness}
    whole = {**NETWORK, **kernel, **own}
    return {name: str(value) for name, value in sorted(whole.items()) if str(value) != ""}
