# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The collector: asks all of its parts again and again, and writes a file for each, whole or not at all.

A part that fails or hangs costs the others nothing: each look runs in a thread of its own. It is a thread that can't be
ended, so a part that hangs is left behind after a while and made anew, a few times.
PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._host import stored
from ansible_collections.slipway.flask.plugins.module_utils._metrics import text
from ansible_collections.slipway.flask.plugins.module_utils._metrics.backups import Backups
from ansible_collections.slipway.flask.plugins.module_utils._metrics.certificates import Certificates
from ansible_collections.slipway.flask.plugins.module_utils._metrics.checks import Checks
from ansible_collections.slipway.flask.plugins.module_utils._metrics.config import Config
from ansible_collections.slipway.flask.plugins.module_utils._metrics.gunicorn import Gunicorn
from ansible_collections.slipway.flask.plugins.module_utils._metrics.host import Host
from ansible_collections.slipway.flask.plugins.module_utils._metrics.mysql import Mysql
from ansible_collections.slipway.flask.plugins.module_utils._metrics.own import Own
from ansible_collections.slipway.flask.plugins.module_utils._metrics.postgres import Postgres
from ansible_collections.slipway.flask.plugins.module_utils._metrics.probe import Probe
from ansible_collections.slipway.flask.plugins.module_utils._metrics.processes import Processes
from ansible_collections.slipway.flask.plugins.module_utils._metrics.queues import Queues
from ansible_collections.slipway.flask.plugins.module_utils._metrics.redis import Redis
from ansible_collections.slipway.flask.plugins.module_utils._metrics.releases import Releases
from ansible_collections.slipway.flask.plugins.module_utils._metrics.requests import Requests
from ansible_collections.slipway.flask.plugins.module_utils._metrics.sample import Part, Sample

__all__ = ["PARTS", "Collector", "Config", "Part", "Sample"]

PARTS: Sequence[Callable[[Config], Part]] = (
    Requests, Gunicorn, Own, Processes, Releases, Postgres, Mysql, Redis, Queues, Certificates, Backups, Host, Checks, Probe,
)  # fmt: skip
"""What makes each part; one more of them is a module with a class, and its name here."""
LIMIT_SECONDS = 10.0
"""A look that takes longer is told as not up."""
STALE_SECONDS = 60.0
"""After so long without a good look a part's file goes: numbers that no longer move would be believed."""
HUNG_SECONDS = 600.0
MOST_HUNG = 5
MODE = 0o640
"""Of the files: for the group as which the collector runs, the servers' own. One app's statements, paths and queues are none of
another's business."""
OWN = "collector"
"""What the collector tells of itself is called."""


class Watched:
    """A part, its thread, and how its last look went."""

    def __init__(
        self, make: Callable[[Config], Part], config: Config, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.make, self.config, self.clock = make, config, clock
        self.name = str(getattr(make, "name", "") or getattr(make, "__name__", "part"))
        self.part: Part | None = None
        self.thread: threading.Thread | None = None
        self.is_up, self.seconds, self.left_out = True, 0.0, 0
        self.began, self.good, self.hung, self.said = float("-inf"), clock(), 0, ""

    @property
    def file(self) -> Path:
        return self.config.output / f"{self.name}.prom"

    @property
    def is_running(self) -> bool:
        return self.thread is not None and self.thread.is_alive()

    def begin(self, now: float) -> None:
        """Begin a look if it is time for one and none is under way."""
        if self.is_running and self.clock() - self.began > HUNG_SECONDS and self.hung < MOST_HUNG:
            self.part, self.thread, self.hung = None, None, self.hung + 1
        every = self.part.every if self.part else 0.0
        if not self.is_running and self.clock() - self.began >= every - 1:  # a second for clocks that are not exact
            self.began = self.clock()
            self.thread = threading.Thread(target=self._look, args=(now, self.began), name=self.name, daemon=True)
            self.thread.start()

    def _look(self, now: float, began: float) -> None:
        said = ""
        try:
            self.part = self.part or self.make(self.config)
            written, left_out = text.render(self.part.samples(now))
            if self.began != began:
                return  # it was left behind
            stored.write(self.file, written, MODE)
            self.left_out, self.good = left_out, self.clock()
        except Exception as error:  # whatever it is, it must not end the others
            said = f"{type(error).__name__}: {error}"[:300]
        if self.began == began:
            self.seconds, self.is_up = self.clock() - began, not said
            self.tell(said)

    def tell(self, said: str) -> None:
        """Write what went wrong to the journal, once for each time that it changes."""
        if said != self.said:
            print(f"{self.name}: {said or 'all is well again'}", file=sys.stderr, flush=True)
            self.said = said

    def wait(self, until: float) -> None:
        """Wait for the end of a look, for as long as one may take."""
        if self.thread is not None:
            self.thread.join(max(0.0, until - self.clock()))
        if self.is_running and self.clock() - self.began >= LIMIT_SECONDS:
            self.is_up, self.seconds = False, self.clock() - self.began
            self.tell(f"a look takes longer than {LIMIT_SECONDS:.0f} s")
        every = self.part.every if self.part else 0.0
        if not self.is_up and self.clock() - self.good > STALE_SECONDS + every:
            self.file.unlink(missing_ok=True)


class Collector:
    """All parts of a host."""

    def __init__(
        self, config: Config, parts: Sequence[Callable[[Config], Part]] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self.config, self.clock = config, clock
        self.watched = [Watched(make, config, clock) for make in (PARTS if parts is None else parts)]

    def once(self, now: float) -> None:
        """Ask all parts whose time it is, and tell how that went."""
        for one in self.watched:
            one.begin(now)
        until = self.clock() + LIMIT_SECONDS
        for one in self.watched:
            one.wait(until)
        stored.write(self.config.output / f"{OWN}.prom", text.render(self.own())[0], MODE)

    def own(self) -> Iterator[Sample]:
        """Yield what is known of the parts themselves."""
        for one in self.watched:
            labels = {"part": one.name}
            yield Sample(
                "slipway_collector_up",
                float(one.is_up),
                labels,
                help="Whether the last collection of this part succeeded.",
            )
            yield Sample(
                "slipway_collector_seconds",
                round(one.seconds, 4),
                labels,
                help="Duration of the last collection of this part.",
            )
            yield Sample(
                "slipway_collector_left_out", one.left_out, labels, help="Number of series that could not be written."
            )
        yield Sample("slipway_collector_cpu_seconds_total", round(time.process_time(), 2), kind="counter",
                     help="CPU time of the collector itself.")  # fmt: skip

    def run(self, ready: Callable[[], None], stop: threading.Event) -> None:
        """Look until STOP is set; READY is called after each time."""
        while not stop.is_set():
            began = self.clock()
            self.once(time.time())
            ready()
            stop.wait(max(1.0, self.config.every - (self.clock() - began)))
