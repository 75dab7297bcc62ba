# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The host's memory, from which servers compute their settings."""

from __future__ import annotations

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._host import memory as host_memory


@pytest.mark.parametrize(
    ("meminfo_kb", "limits", "memory"),
    [
        (1_014_000, [], 960),
        (2_030_000, ["max\n"], 1_920),
        (24_683_000, ["1073741824\n"], 1024),
        (24_683_000, ["9223372036854771712"], 24_064),
        (40_000, [], 64),
    ],
)
def test_the_memory_is_the_host_s_or_its_limit_whichever_is_less(
    meminfo_kb: int, limits: list[str], memory: int
) -> None:
    assert host_memory.host_memory_mb(f"MemTotal:    {meminfo_kb} kB\nMemFree: 1 kB\n", limits) == memory
