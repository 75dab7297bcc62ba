# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Requirements for a host before Slipway changes anything on it, checked by one small shell script.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

SUPPORTED = {"debian": ("12", "13"), "ubuntu": ("22.04", "24.04", "26.04")}
NAMES = {"debian": "Debian", "ubuntu": "Ubuntu"}

# POSIX sh, because a bare host may have no Python yet. Prints KEY=VALUE lines.
PROBE = """
[ -r /etc/os-release ] && . /etc/os-release
echo "id=$ID"; echo "version=$VERSION_ID"; echo "codename=$VERSION_CODENAME"; echo "name=$PRETTY_NAME"
echo "uid=$(id -u)"; echo "user=$(id -un)"
[ -d /run/systemd/system ] && echo systemd=yes
command -v python3 >/dev/null && echo python=yes
command -v sudo >/dev/null && echo sudo=yes && sudo -n true 2>/dev/null && echo sudo_free=yes
echo "disk_mb=$(df -Pm /var /srv 2>/dev/null | awk 'NR>1 && (m=="" || $4<m) {m=$4} END {print m}')"
echo "memory_mb=$(awk '/^MemTotal/ {print int($2/1024)}' /proc/meminfo)"
echo "cores=$(nproc)"
systemd-detect-virt --quiet --container 2>/dev/null && echo container=yes
systemd-detect-virt --quiet --vm 2>/dev/null && echo machine=yes
:
""".strip()


def with_look(look: str) -> str:
    """Return the probe with the script LOOK behind it, which only root can run: as root, or where sudo asks for nothing."""
    quoted = shlex.quote(look)
    return (
        f'{PROBE}\nif [ "$(id -u)" = 0 ]; then sh -c {quoted}\n'
        f"elif sudo -n true 2>/dev/null; then sudo -n sh -c {quoted}; fi"
    )


def read(output: str) -> dict[str, str]:
    """Return the facts that the probe printed; `nginx` is the text whose lines begin with a bar."""
    facts = {}
    nginx = []
    for line in output.splitlines():
        if line.startswith("|"):
            nginx.append(line[1:])
        elif "=" in line:
            key, _, value = line.strip().partition("=")
            facts[key] = value
    return facts | ({"nginx": "\n".join(nginx)} if nginx else {})


def problems(facts: Mapping[str, str], disk_mb: int, become_password: bool) -> list[str]:
    """Return what keeps Slipway from working on a host with these FACTS; DISK_MB is the space it must have free."""
    found = []
    system, version = facts.get("id", ""), facts.get("version", "")
    name = facts.get("name") or "an unknown system"
    if version not in SUPPORTED.get(system, ()):
        known = ", ".join(f"{NAMES[key]} {'/'.join(versions)}" for key, versions in SUPPORTED.items())
        found.append(f"the host runs {name}; Slipway supports {known}. Use one of these images")
    if "systemd" not in facts:
        found.append(
            "systemd is not running as the host's init; use a virtual machine or a host that boots with systemd"
        )
    if facts.get("uid") != "0":
        user = facts.get("user", "the user")
        if "sudo" not in facts:
            found.append(
                f"{user} is not root and the host has no sudo; log in as root (ansible_user: root) or install sudo"
            )
        elif "sudo_free" not in facts and not become_password:
            found.append(f"{user} may not use sudo without a password; run again with --ask-become-pass")
    free = int(facts.get("disk_mb") or 0)
    if free < disk_mb:
        found.append(
            f"only {free} MB of disk is free, {disk_mb} MB is needed (slipway_disk_mb); free some space or use a larger disk"
        )
    return found


def unsupported(facts: Mapping[str, Any], role: str) -> str:
    """Return that the system of a host with Ansible's FACTS is none that ROLE supports, "" if it is one."""
    name = str(facts["distribution"])
    version = facts["distribution_major_version" if name == NAMES["debian"] else "distribution_version"]
    systems = [f"{NAMES[key]} {version}" for key, versions in SUPPORTED.items() for version in versions]
    return (
        ""
        if f"{name} {version}" in systems
        else f"This host runs {name} {version}; {role} supports {', '.join(systems)}."
    )


KEPT = "slipway_code"
"""The fact with the names of the files in which the host keeps Slipway's code."""


def ansible_facts(facts: Mapping[str, str]) -> dict[str, str | int | list[str]]:
    """Return the probe's facts under the names that `ansible.builtin.setup` gives them, and KEPT if it was looked at."""
    version = facts.get("version", "")
    kept: dict[str, str | int | list[str]] = {KEPT: facts["code"].split()} if "code" in facts else {}
    return kept | {
        "distribution": NAMES.get(facts.get("id", ""), facts.get("id", "")),
        "distribution_version": version,
        "distribution_major_version": version.split(".")[0],
        "distribution_release": facts.get("codename", ""),
        "os_family": "Debian",
        "memtotal_mb": int(facts.get("memory_mb") or 0),
        "processor_nproc": int(facts.get("cores") or 1),
        "virtualization_tech_guest": [name for name in ("container", "machine") if name in facts],
    }
