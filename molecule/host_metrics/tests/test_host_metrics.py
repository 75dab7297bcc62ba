# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a host tells of itself, and to whom."""

from __future__ import annotations

from testinfra.host import Host


def test_the_collector_runs_and_all_of_its_parts_are_up(host: Host) -> None:
    told = host.check_output("cat /run/slipway-metrics/collector.prom")
    assert "slipway_collector_cpu_seconds_total" in told
    assert not [row for row in told.splitlines() if row.startswith("slipway_collector_up") and row.endswith(" 0")], told
