# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A question to the person at the terminal.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from ansible.errors import AnsibleError
from ansible.utils.display import Display

ENDS = (b"\r", b"\n", b"\x04")
"""The keys that end an answer: Enter, and Ctrl-D as anywhere else."""
LOOK_SECONDS = 1.0


def ask(question: str) -> str | None:
    """Return what is typed, None where there is no terminal. Ansible writes a line break after the QUESTION."""
    try:
        with ending_with_the_playbook():
            said = Display().prompt_until(question, complete_input=ENDS)
    except AnsibleError:
        return None
    return bytes(said).decode(errors="replace").strip()


@contextmanager
def ending_with_the_playbook() -> Iterator[None]:
    """End this process when its parent has: one that a closed terminal kills leaves this one waiting for an answer forever."""
    parent, answered = os.getppid(), threading.Event()

    def watch() -> None:
        while not answered.wait(LOOK_SECONDS):
            if os.getppid() != parent:
                os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    finally:
        answered.set()
