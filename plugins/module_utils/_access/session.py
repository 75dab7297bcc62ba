# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Who is logged in, and from where, according to the SSH session of this process.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import os
import pwd
import re
from pathlib import Path


def found(proc: Path = Path("/proc"), process: int = 0) -> tuple[str, str]:
    """Return the account that has logged in, before any sudo, and its address; ("root", "") when there is no session.

    :param process: whose ancestors are looked at; this process's without it.
    """
    process = process or os.getpid()
    while process > 1:
        try:
            environment = (proc / str(process) / "environ").read_bytes()
            status = (proc / str(process) / "status").read_text(errors="replace")
        except OSError:
            break
        variables = dict(
            pair.split("=", 1) for pair in environment.decode(errors="replace").split("\0") if "=" in pair
        )  # fmt: skip
        uid = re.search(r"^Uid:\s+(\d+)", status, re.MULTILINE)
        # What sudo runs could have inherited the variables of somebody else; the session's own process has not.
        if "SSH_CONNECTION" in variables and uid and _name(int(uid[1])) == variables.get("USER"):
            return variables["USER"], variables["SSH_CONNECTION"].split(" ")[0]
        parent = re.search(r"^PPid:\s+(\d+)", status, re.MULTILINE)
        process = int(parent[1]) if parent else 0
    return os.environ.get("SUDO_USER") or "root", ""


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return ""
