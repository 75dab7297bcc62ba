# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""How far a standby is behind its primary, and the standbys behind this host's server.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._metrics.sample import Sample
from ansible_collections.slipway.flask.plugins.module_utils._postgres import replication_look as look

UP = "Whether a standby receives what its primary writes; the label is empty on the standby itself."
BEHIND = "Bytes of the write-ahead log that a standby has not written yet."


def samples(found: Mapping[str, Any]) -> Iterator[Sample]:
    """Yield what a server has said of itself (`look.QUESTION`)."""
    yield Sample("pg_replication_is_replica", float(found["in_recovery"]), help="Whether the server is a standby.")
    if found["in_recovery"]:
        lag = round(float(found["lag_seconds"] or 0), 3)
        yield Sample("pg_replication_lag_seconds", lag, help="Age of what the standby has replayed, 0 if that is all.")
        yield Sample("slipway_standby_up", float(look.is_streaming(found)), {"standby": ""}, help=UP)
        return
    for one in found["standbys"]:
        labels = {"standby": look.title(one)}
        is_up = one["state"] == look.STREAMING and one["wal"] != look.LOST
        yield Sample("slipway_standby_up", float(is_up), labels, help=UP)
        yield Sample("slipway_standby_behind_bytes", float(one["behind"] or 0), labels, help=BEHIND)
