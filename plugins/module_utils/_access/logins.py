# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""From where this host is administrated: such an address is neither slowed down nor banned for as long as it is remembered.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import subprocess
import time
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._access.firewall_rules import LOGIN_DAYS, NAME, TABLE
from ansible_collections.slipway.flask.plugins.module_utils._access.firewall_unit import LOGINS, NFT
from ansible_collections.slipway.flask.plugins.module_utils._host.file_state import write

DAY = 86_400
FOLDER = Path("/var/lib/slipway/logins")
"""An empty file per address, as old as the last login from there."""


def remember(peer: str, folder: Path = FOLDER) -> None:
    """Remember that a run has come from the address PEER ("" is not known). It is no change: it says what is, like lastlog.

    A login over a tunnel that ends on the host itself says nothing of where it comes from.
    """
    try:
        address = ipaddress.ip_address(peer.partition("%")[0])
    except ValueError:
        return
    mapped = getattr(address, "ipv4_mapped", None)
    address = mapped or address
    if address.is_loopback:
        return
    with contextlib.suppress(OSError):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / str(address)
        path.touch(mode=0o600)
        os.utime(path)
        write(folder.with_name(Path(LOGINS).name), elements(folder).encode(), 0o600, 0, 0)
    if os.access(NFT, os.X_OK):
        element = f"{{ {address} timeout {LOGIN_DAYS}d }}"
        # Where there is no firewall of ours there is no such set.
        subprocess.run(
            [NFT, "add", "element", *TABLE, f"login_v{address.version}", element], capture_output=True, check=False
        )


def elements(folder: Path = FOLDER) -> str:
    """Return what puts all addresses that are remembered into the sets of a table that was just loaded, as after a boot."""
    text = "# Managed by Ansible (slipway.flask.host_access). From where this host is administrated.\n"
    for path in sorted(folder.iterdir()):
        with contextlib.suppress(ValueError, OSError):
            address = ipaddress.ip_address(path.name)
            left = int(path.stat().st_mtime + LOGIN_DAYS * DAY - time.time())
            if left > 0 and not address.is_link_local:
                text += f"add element {NAME} login_v{address.version} {{ {address} timeout {left}s }}\n"
    return text
