# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""When the certificates end that nginx shows. PRIVATE to the collection. It can have breaking changes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._certificates import acme
from ansible_collections.slipway.flask.plugins.module_utils._certificates.store import CERTIFICATE, Facts
from ansible_collections.slipway.flask.plugins.module_utils._metrics.config import Config
from ansible_collections.slipway.flask.plugins.module_utils._metrics.sample import Sample

FOLDER = Path("/etc/nginx/tls")
"""A folder for each site (role nginx_tls)."""


class Certificates:
    """A part of the collector. A certificate is read again when its file has changed."""

    name = "certificates"
    every = 60.0

    def __init__(self, config: Config, folder: Path = FOLDER) -> None:
        self.config, self.folder = config, folder
        self._read: dict[str, tuple[int, Facts | None]] = {}

    def samples(self, now: float) -> Iterator[Sample]:
        for app in self.config.apps:
            facts = self._facts(app.name)
            if facts is None:
                continue
            for domain in app.domains:
                labels = {"app": app.name, "domain": domain}
                yield Sample("slipway_certificate_not_after_timestamp_seconds", facts.not_after, labels,
                             help="Expiry time of the domain's certificate.")  # fmt: skip
                yield Sample("slipway_certificate_not_before_timestamp_seconds", facts.not_before, labels,
                             help="Start of the certificate's validity.")  # fmt: skip

    def _facts(self, app: str) -> Facts | None:
        home = self.folder / app
        try:
            changed = (home / CERTIFICATE).stat().st_mtime_ns
        except OSError:
            return None
        if self._read.get(app, (0, None))[0] != changed:
            self._read[app] = (changed, acme.facts_of(home))
        return self._read[app][1]
