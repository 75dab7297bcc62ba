# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The file for Prometheus: its format, and what it says."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._backup import metrics, places
from ansible_collections.slipway.flask.plugins.module_utils._backup.check_targets import Seen
from ansible_collections.slipway.flask.plugins.module_utils._backup.state import Outcome

NOW = datetime(2026, 11, 26, 14, tzinfo=timezone.utc)
LINE = re.compile(
    r"# (HELP|TYPE) slipway_backup_\w+ .+|"
    r'slipway_backup_\w+(\{\w+="([^"\\\n]|\\[\\"n])*"(,\w+="([^"\\\n]|\\[\\"n])*")*\})? [\d.e+]+'
)
"""https://prometheus.io/docs/instrumenting/exposition_formats/, "Text format details"."""
SEEN = Seen(
    points={("/mnt/a", "shop"): 1795696951.5, ('/mnt/"b\\', "shop"): 1.0}, backups={("/mnt/a", "full"): 1795696951.0},
    reached={"/mnt/a": True, "/mnt/b": False}, free={"/mnt/a": 123_456_789_012}, archived=1795696951.25, waiting=2,
)  # fmt: skip
RUN = Outcome("run", "2026-11-26T13:00:00Z", "2026-11-26T13:00:10Z", 10.0)
DRILL = Outcome(
    "drill", "2026-11-26T04:00:00Z", "2026-11-26T04:00:30Z", 30.0, ["a"],
    facts={"targets": {"/mnt/a": {"database": {"restore_seconds": 2.5, "recovery_seconds": 1.0,
                                               "newest": "2026-11-26T03:59:00Z"}}, "/mnt/b": {}}},
)  # fmt: skip


def test_the_file_is_prometheus_text_and_has_all_that_is_known() -> None:
    text = metrics.text(SEEN, 3, RUN, DRILL, NOW)
    lines = text.splitlines()
    assert [line for line in lines if not LINE.fullmatch(line)] == []
    assert text.endswith("\n")
    names = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert len(names) == len(set(names))
    for wanted in (
        "slipway_backup_problems 3",
        "slipway_backup_check_timestamp_seconds 1795701600",
        'slipway_backup_target_reachable{target="/mnt/b"} 0',
        'slipway_backup_target_free_bytes{target="/mnt/a"} 123456789012',
        'slipway_backup_point_timestamp_seconds{target="/mnt/a",app="shop"} 1795696951.5',
        'slipway_backup_point_timestamp_seconds{target="/mnt/\\"b\\\\",app="shop"} 1',
        "slipway_backup_wal_waiting_segments 2",
        "slipway_backup_run_success 1",
        "slipway_backup_drill_success 0",
        'slipway_backup_drill_restore_seconds{target="/mnt/a"} 3.5',
        'slipway_backup_drill_newest_transaction_timestamp_seconds{target="/mnt/a"} 1795665540',
    ):
        assert wanted in lines


def test_a_host_that_has_done_nothing_yet_has_no_numbers_that_are_none() -> None:
    text = metrics.text(Seen(), 0, None, None, NOW)
    assert "slipway_backup_problems 0" in text
    assert "run_" not in text and "drill_" not in text and "wal_archived" not in text


def test_all_may_read_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "METRICS", tmp_path / "metrics" / "backups.prom")
    metrics.write(SEEN, 0, RUN, None, NOW)
    assert places.METRICS.stat().st_mode & 0o777 == 0o644
    assert places.METRICS.parent.stat().st_mode & 0o777 == 0o755
