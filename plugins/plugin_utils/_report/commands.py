# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Commands that a person can paste where they ran this one.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

CLONE = Path(__file__).resolve().parents[3]
"""Where `bin/` is, if Slipway runs from a clone."""
REFUSED = re.compile(r"([\w.-]+@[\w.:-]+): Permission denied \(")
CHANGED = re.compile(r"Host key verification failed|REMOTE HOST IDENTIFICATION HAS CHANGED")


def first_login(target: str, port: object = None, clone: Path = CLONE) -> str:
    """Return what installs somebody's key at TARGET (USER@HOST): this clone's own command, or OpenSSH's."""
    script = clone / "bin/first-login"
    words = [os.path.relpath(script) if script.is_file() else "ssh-copy-id"]
    words += ["-p", str(port)] if port else []
    return shlex.join([*words, target])


def to_log_in(message: str, host: Mapping[str, Any], clone: Path = CLONE) -> str:
    """Return what to do after ssh's MESSAGE that a HOST (its variables) lets nobody in; "" if that is not the matter."""
    if refused := REFUSED.search(message):
        command = first_login(refused[1], host.get("ansible_port"), clone)
        return (
            f"The host doesn't have your SSH key, or ssh doesn't offer it. Install it: {command}\n"
            "If its file is not one of ssh's defaults, set ansible_ssh_private_key_file in hosts.yml."
        )
    if CHANGED.search(message):
        name = str(host.get("ansible_host") or host.get("inventory_hostname"))
        name = f"[{name}]:{host['ansible_port']}" if str(host.get("ansible_port") or 22) != "22" else name
        return (
            "The host's key is unknown or not the one that you accepted before. Compare its fingerprint in the provider's "
            f"console. If the host was reinstalled: {shlex.join(['ssh-keygen', '-R', name])}"
        )
    return ""
