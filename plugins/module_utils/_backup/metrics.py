# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What is known of the backups as a file in Prometheus' text format, for node_exporter's textfile collector or any other reader.

Format: https://prometheus.io/docs/instrumenting/exposition_formats/. Times are seconds of Unix.
PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from ansible_collections.slipway.flask.plugins.module_utils._backup import places, state
from ansible_collections.slipway.flask.plugins.module_utils._backup.check_targets import Seen
from ansible_collections.slipway.flask.plugins.module_utils._backup.state import Outcome

Labels = Mapping[str, str]
Rows = list[tuple[Labels, float]]


def write(seen: Seen, problems: int, run: Outcome | None, drill: Outcome | None, now: datetime) -> None:
    """Write the file, whole or not at all, for all to read."""
    places.METRICS.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    state.write(places.METRICS, text(seen, problems, run, drill, now), 0o644)


def text(seen: Seen, problems: int, run: Outcome | None, drill: Outcome | None, now: datetime) -> str:
    """Return the file's text: what was SEEN, how many PROBLEMS there are, and how the last RUN and DRILL ended."""
    targets = drill.facts.get("targets", {}) if drill else {}
    restored = {name: facts["database"] for name, facts in targets.items() if facts.get("database")}
    rows: list[tuple[str, str, Rows]] = [
        ("problems", "Problems with the backups, as status.yml shows them.", [({}, problems)]),
        ("check_timestamp_seconds", "When the backups were last checked.", [({}, now.timestamp())]),
        ("target_reachable", "Whether the target can be read with this passphrase.",
         [({"target": name}, float(up)) for name, up in seen.reached.items()]),
        ("target_free_bytes", "Free bytes on the disk of a target that is a path.",
         [({"target": name}, free) for name, free in seen.free.items()]),
        ("point_timestamp_seconds", "When the app's newest restore point was made.",
         [({"target": target, "app": app}, at) for (target, app), at in seen.points.items()]),
        ("cluster_timestamp_seconds", "When the newest backup of PostgreSQL of this kind ended.",
         [({"target": target, "kind": kind}, at) for (target, kind), at in seen.backups.items()]),
        ("wal_archived_timestamp_seconds", "When WAL was last archived.", [({}, seen.archived)] if seen.archived else []),
        ("wal_waiting_segments", "WAL segments that wait to be archived.", [({}, seen.waiting)]),
        *_outcome("run", "run", run),
        *_outcome("drill", "drill", drill),
        ("drill_restore_seconds", "How long the last drill took to restore PostgreSQL and to replay WAL.",
         [({"target": name}, facts["restore_seconds"] + facts["recovery_seconds"]) for name, facts in restored.items()]),
        ("drill_newest_transaction_timestamp_seconds", "Time of the newest transaction that the last drill restored.",
         [({"target": name}, state.time_of(facts["newest"]).timestamp())
          for name, facts in restored.items() if facts.get("newest")]),
    ]  # fmt: skip
    return "".join(_metric(name, meaning, found) for name, meaning, found in rows if found)


def _outcome(name: str, what: str, last: Outcome | None) -> list[tuple[str, str, Rows]]:
    if last is None or not last.ended:
        return []
    return [
        (f"{name}_success", f"Whether the last {what} ended well.", [({}, float(last.is_good))]),
        (f"{name}_timestamp_seconds", f"When the last {what} ended.", [({}, state.time_of(last.ended).timestamp())]),
        (f"{name}_duration_seconds", f"How long the last {what} took.", [({}, last.seconds)]),
    ]


def _metric(name: str, meaning: str, rows: Rows) -> str:
    full = f"slipway_backup_{name}"
    lines = [
        f"{full}{_labels(labels)} {value:.15g}\n"
        for labels, value in sorted(rows, key=lambda row: sorted(row[0].items()))
    ]
    return f"# HELP {full} {meaning}\n# TYPE {full} gauge\n" + "".join(lines)


def _labels(labels: Labels) -> str:
    found = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())
    return f"{{{found}}}" if found else ""


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
