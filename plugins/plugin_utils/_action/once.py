# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Work on the controller that is the same for every host of a run, done by the first host's task that needs it.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

from ansible import constants


def once(what: tuple[str, ...], make: Callable[[Path], None], host: str = "") -> Path:
    """Return the folder that MAKE has filled for WHAT, the same one for every host of this run of Ansible.

    With HOST, its second request finds what was made for another host's second, never what was made for a first one:
    what a play changed in between counts. Each host's task runs in a process of its own, so the result is on the disk,
    in the folder that Ansible removes at its end.
    """
    root = Path(constants.DEFAULT_LOCAL_TMP) / "slipway"
    root.mkdir(mode=0o700, exist_ok=True)
    name = hashlib.sha256(repr(what).encode()).hexdigest()[:32]
    with (root / f"{name}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        result = (
            root / f"{name}-{_count(root / f'{name}.{hashlib.sha256(host.encode()).hexdigest()[:16]}') if host else 0}"
        )
        if not result.exists():
            partial = root / f"{name}.partial"
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir(mode=0o700)
            make(partial)
            partial.rename(result)
    return result


def _count(file: Path) -> int:
    """Return how often this was called for FILE, this time included."""
    number = int(file.read_text()) + 1 if file.exists() else 1
    file.write_text(str(number))
    return number
