# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Which machine writes to the repositories of a host, and under which addresses it can be reached.

A host that was brought back on another machine has the same name there. The tags of its snapshots tell them apart: the one that
was left behind, which may have been off for a while, notices it before it writes or removes anything; and who restores can ask
at the old addresses whether somebody still answers.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Sequence
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._backup import moment, outside
from ansible_collections.slipway.flask.plugins.module_utils._backup.error import BackupError
from ansible_collections.slipway.flask.plugins.module_utils._backup.snapshots import Snapshot

ID = Path("/etc/machine-id")
MACHINE, ADDRESS = "machine", "address"
"""Names of the tags."""
FAR = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))
"""Addresses of documentation (RFC 5737, 3849): nothing is sent to them, the kernel only says from which address it would."""


def name() -> str:
    """Return the machine's name in a tag, "" where it has none. machine-id(5) has it told to nobody as it is."""
    try:
        text = ID.read_text().strip()
    except OSError:
        return ""
    return hashlib.sha256(f"slipway backups {text}".encode()).hexdigest()[:16] if text else ""


def addresses() -> list[str]:
    """Return the addresses from which this machine would reach the internet."""
    found = []
    for family, far in FAR:
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as one:
                one.connect((far, 9))
                found.append(str(one.getsockname()[0]))
        except OSError:  # it has no such route
            continue
    return found


def tags() -> list[str]:
    """Return the tags of a snapshot of the host."""
    own = name()
    return [f"{MACHINE}:{own}"] * bool(own) + [f"{ADDRESS}:{one}" for one in outside.call(addresses)]


def addresses_of(one: Snapshot) -> list[str]:
    """Return the addresses of the machine that made a snapshot."""
    return [tag.partition(":")[2] for tag in one.tags if tag.startswith(f"{ADDRESS}:")]


def other(snapshots: Sequence[Snapshot]) -> Snapshot | None:
    """Return the newest of the host's SNAPSHOTS if another machine has made it after one of this machine's, else None.

    A machine that has made none is a new one, which may go on in the repository.
    """
    own = name()
    known = sorted((one for one in snapshots if one.tag(MACHINE)), key=lambda one: one.time)
    if not own or not known or known[-1].tag(MACHINE) == own:
        return None
    return known[-1] if any(one.tag(MACHINE) == own for one in known) else None


def refuse_other(host: str, target: str, snapshots: Sequence[Snapshot]) -> None:
    """Raise BackupError when another machine goes on as HOST at a TARGET that has SNAPSHOTS of it."""
    if found := other(snapshots):
        raise BackupError(
            f"{target}: another machine has been saving there as {host} since {moment.said(found.time)}, so nothing is saved "
            "from here. Was the host restored elsewhere? Then shut this one down. If this is the one to keep, run "
            "playbooks/backup.yml"
        )
