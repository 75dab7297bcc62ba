# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Shows how far a long call of a module is, over a second channel of the connection that the call uses.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import copy
import shlex
import threading
from types import TracebackType
from typing import Any

from ansible.errors import AnsibleError
from ansible.utils.display import Display
from ansible_collections.slipway.flask.plugins.module_utils._release import progress
from ansible_collections.slipway.flask.plugins.plugin_utils._action.ssh import is_ssh

FIRST_SECONDS = 1.5
"""A call that is over by then shows nothing, and costs nothing: it is one that changes nothing."""
EVERY_SECONDS = 1.0
END_SECONDS = 5.0
"""How long a look that is under way when the call ends is waited for."""


class Watch:
    """While it is open, new lines of the APP's run with TOKEN on HOST are displayed."""

    def __init__(self, connection: Any, host: str, app: str, token: str) -> None:
        # Anything but SSH is on this machine, or does not take two commands at once. A copy shares the options, and has
        # the state of a command under way for itself; ControlPersist makes its commands channels of one connection.
        self.connection: Any = copy.copy(connection) if is_ssh(connection) else None
        self.command = f"cat {shlex.quote(str(progress.path_of(app)))}"
        self.head, self.token, self.shown = f"{app} on {host}", token, 0
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._run, name=f"progress of {self.head}", daemon=True)

    def __enter__(self) -> Watch:
        if self.connection is not None:
            self.thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.over.set()
        if self.connection is not None:
            self.thread.join(END_SECONDS)

    def _run(self) -> None:
        wait = FIRST_SECONDS
        while not self.over.wait(wait):
            try:
                self._look()
            except AnsibleError:
                return  # the connection is gone: the call itself tells it
            wait = EVERY_SECONDS

    def _look(self) -> None:
        status, output, _ = self.connection.exec_command(self.command, sudoable=False)
        lines = progress.read(output.decode(errors="replace"), self.token) if status == 0 else []
        text = progress.told(lines, self.shown)
        if text and not self.over.is_set():
            Display().display(f"{self.head}: {text}")
        self.shown = len(lines)
