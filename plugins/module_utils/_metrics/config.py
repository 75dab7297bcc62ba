# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What the collector is told by the role host_metrics: a file of JSON, root's alone.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._app.places import Places
from ansible_collections.slipway.flask.plugins.module_utils._metrics import places


@dataclass(frozen=True)
class App:
    """An app of the host, as plugin_utils/_target/metrics.py says it. Keys that nobody asks for here are in MORE."""

    name: str
    root: str
    settings: str
    domains: Sequence[str] = ()
    database: str = ""
    """Its database in the host's PostgreSQL, "" for none."""
    redis: Mapping[str, str] = field(default_factory=dict)
    """Purpose (queue, cache) -> the socket of its Redis on the host."""
    metrics_path: str = ""
    """Where the app has metrics of its own, "" for nowhere."""
    more: Mapping[str, Any] = field(default_factory=dict)

    @property
    def places(self) -> Places:
        return Places(self.name, Path(self.root), Path(self.settings))


@dataclass(frozen=True)
class Config:
    """All of it. A part that needs more takes it from MORE, or of an app from its `more`."""

    host: str = ""
    apps: Sequence[App] = ()
    every: float = 15
    """Seconds from one look to the next."""
    output: Path = places.OUTPUT
    state: Path = places.STATE
    more: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> Config:
        """Return what FOUND, as the file has it, says."""
        known = {"host", "apps", "every"}
        return cls(
            host=str(found.get("host", "")),
            apps=[_app(entry) for entry in found.get("apps", ())],
            every=float(found.get("every", 15)),
            more={key: value for key, value in found.items() if key not in known},
        )

    @classmethod
    def read(cls, path: Path | None = None) -> Config:
        """Return the settings of the host. Raises OSError if there are none."""
        return cls.of(json.loads((path or places.SETTINGS).read_text()))


def _app(entry: Mapping[str, Any]) -> App:
    known = {key: entry[key] for key in App.__dataclass_fields__ if key in entry and key != "more"}
    return App(**known, more={key: value for key, value in entry.items() if key not in known})
