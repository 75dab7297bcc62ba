# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What the node exporter doesn't know of the host. PRIVATE to the collection. It can have breaking changes."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.slipway.flask.plugins.module_utils._metrics.config import Config
from ansible_collections.slipway.flask.plugins.module_utils._metrics.sample import Sample
from ansible_collections.slipway.flask.plugins.module_utils._upkeep import due


class Host:
    """A part of the collector."""

    name = "host"
    every = 60.0

    def __init__(self, config: Config) -> None:
        self.config = config

    def samples(self, now: float) -> Iterator[Sample]:
        yield Sample("slipway_reboot_required", float(bool(due.why())), help="Whether an update requires a reboot.")
