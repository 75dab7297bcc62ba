# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Which hosts are out, as the edge keeps it: a part of HAProxy's own configuration, so that it holds after a reload or reboot.

The part that the role writes before it gives each host the state `enabled`; this one, read after it, takes some of them out.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

FILE = Path("/etc/slipway/edge/20-out.cfg")
HEAD = """\
# Written by `ansible-playbook playbooks/hosts.yml -e out=HOST`; take a host back in with -e in=HOST.
global
"""
LINE = re.compile(r"^    # (?P<host>\S+) (?P<since>\S+) (?P<by>.*)$")


@dataclass(frozen=True)
class Out:
    """Since when (UTC, such as 2026-11-27T06:42:17Z) a host is out, and who took it out."""

    since: str
    by: str


def variable(host: str) -> str:
    """Return the name of the environment variable with the state of HOST in HAProxy's configuration."""
    name = re.sub(r"[^A-Za-z0-9]", lambda found: f"_{ord(found[0]):02x}", host)
    return f"SLIPWAY_HOST_{name}"


def read(file: Path = FILE) -> dict[str, Out]:
    """Return the hosts that are out."""
    try:
        lines = file.read_text().splitlines()
    except FileNotFoundError:
        return {}
    return {found["host"]: Out(found["since"], found["by"]) for found in map(LINE.match, lines) if found}


def write(out: Mapping[str, Out], file: Path = FILE) -> None:
    """Keep which hosts are OUT; a crash leaves the old file or the new one."""
    text = HEAD + "".join(
        f"    # {host} {entry.since} {' '.join(entry.by.split())}\n    setenv {variable(host)} disabled\n"
        for host, entry in sorted(out.items())
    )
    new = file.with_name(f".{file.name}.new")
    with new.open("w") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    new.chmod(0o644)
    new.replace(file)
