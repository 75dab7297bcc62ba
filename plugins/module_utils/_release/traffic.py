# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The stages of a release that move traffic: start, gate, switch, verify, watch, drain. A rollback is made of the same.

Each is a loop over the app's processes; what is the same for all of them is the link `current`, and what the web server may reach.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ansible_collections.slipway.flask.plugins.module_utils._host import links
from ansible_collections.slipway.flask.plugins.module_utils._release.context import Context

if TYPE_CHECKING:
    from ansible_collections.slipway.flask.plugins.module_utils._release.web_access import WebAccess


class Traffic:
    """Brings visitors to one release that is ready to start, and from it back to another."""

    def __init__(self, context: Context) -> None:
        self.context, self.paths = context, context.paths
        self.switched = False

    @property
    def _id(self) -> str:
        return self.context.record.id

    def _web_access(self) -> WebAccess:
        """Return what lets the web server read the release."""
        from ansible_collections.slipway.flask.plugins.module_utils._release.web_access import WebAccess

        return WebAccess(self.context)

    def start(self) -> None:
        """Start the release beside the one that serves, or in its place if it must not run beside it.

        What takes that place comes when all others are ready: if one of them never is, the release before has not ended.
        """
        self._web_access().open(self._id)
        processes = self.context.processes
        for process in processes:
            process.write_unit(self._id)
        last = [process for process in processes if process.switches(self._id)]
        beside = [process for process in processes if process not in last]
        for process in beside:
            process.start(self._id)
        for process in beside if last else ():
            process.gate(self._id)
            process.enable(self._id)  # `current` is about to move, also if this run is killed then
        for process in last:
            process.start(self._id)
        self.switched = self.switched or self.paths.current_id() == self._id

    def gate(self) -> None:
        """Wait until each process of the release is ready. Nobody is led to it yet."""
        for process in self.context.processes:
            process.gate(self._id)

    def switch(self) -> None:
        """Point `current` at the release, in one step; it also starts at boot from here on.

        `previous` comes first: pages that the old release has sent must find its static files at every instant.
        """
        for process in self.context.processes:
            process.enable(self._id)
        old, web = self.paths.current_id(), self._web_access()
        if old and old != self._id:
            if web.in_group():  # made before the web server had a way of its own
                web.open(old)
            links.replace_link(self.paths.previous, f"releases/{old}")
        self.switched = True
        links.replace_link(self.paths.current, f"releases/{self._id}")
        for process in self.context.processes:
            process.switch_in(self._id, self.context.record.previous)

    def verify(self) -> None:
        """Look at the release as those do who use it."""
        for process in self.context.processes:
            process.verify(self._id)

    def watch(self) -> None:
        """Look at what the release does while the one before could still take over."""
        previous, seconds = self.context.record.previous, self.context.request.watch_seconds
        if not seconds or not previous or previous == self._id:
            return
        deadline, left = time.monotonic() + seconds, float(seconds)
        for process in self.context.processes:  # all run meanwhile: the later ones are looked at when the time is over
            process.watch(self._id, previous, left)
            left = max(0.0, deadline - time.monotonic())

    def look_back(self) -> None:
        """Judge a release that has been serving without a watch."""
        if self.context.request.watch_seconds and self.context.record.previous:
            for process in self.context.processes:
                process.look_back(self._id, self.context.record.previous)

    def switch_back(self) -> None:
        """Point `current` at the release before again, if it was pointed away; it points nowhere if there was none."""
        if not self.switched:
            return
        previous = self.context.record.previous
        if not previous:
            self.paths.current.unlink(missing_ok=True)
        elif not any(process.switches(self._id) for process in self.context.processes):
            links.replace_link(self.paths.current, f"releases/{previous}")
        for process in self.context.processes:
            process.switch_back(self._id, previous)

    def drain(self) -> None:
        """Have the old release end what it has begun, by itself."""
        previous = self.context.record.previous
        if previous and previous != self._id:
            for process in self.context.processes:
                process.drain(previous, self._id)
