# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Who is told on the host how a run has ended. One more of them is a file with a function `told`, and its name here.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Callable

from ansible_collections.slipway.flask.plugins.module_utils._release import audit, history
from ansible_collections.slipway.flask.plugins.module_utils._release import lease as release_lease
from ansible_collections.slipway.flask.plugins.module_utils._release.record import Paths, Record

Observer = Callable[[Paths, Record], None]
OBSERVERS: tuple[Observer, ...] = (history.told, audit.told)
"""In this order. The history comes first: it is what the next run goes by. Those after it must not fail."""


def ended(paths: Paths, record: Record) -> None:
    """Tell all observers of a run that has ended, well or not; from then on nothing of it is under way."""
    for told in OBSERVERS:
        told(paths, record)
    paths.under_way.unlink(missing_ok=True)
    release_lease.drop(paths.app)
