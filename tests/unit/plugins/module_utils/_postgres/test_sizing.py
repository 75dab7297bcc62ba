# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A local server takes as many connections as its apps may open, as far as the host's memory goes, and never fewer than before."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._postgres import sizing
from ansible_collections.slipway.flask.plugins.module_utils._postgres.names import Cluster


@pytest.mark.parametrize(
    ("wanted", "memory_mb", "before", "connections", "short"),
    [
        (0, 1024, 0, 100, False),
        (87, 1024, 0, 100, False),
        (88, 1024, 0, 100, True),
        (88, 2048, 0, 110, False),
        (187, 2048, 0, 200, False),
        (240, 2048, 0, 200, True),
        (240, 4096, 0, 260, False),
        (20, 2048, 150, 150, False),
        (240, 2048, 300, 300, False),
        (20, 256, 0, 100, False),
    ],
)
def test_a_server_is_sized_for_its_apps_within_the_memory(
    wanted: int, memory_mb: int, before: int, connections: int, short: bool
) -> None:
    found = sizing.size(wanted, memory_mb, before)
    assert found.connections == connections
    assert bool(found.short) is short
    if short:
        assert f"may open {wanted} database connections" in found.short
        assert "`database_pool: pgbouncer`" in found.short


class There(Cluster):
    """A cluster whose configuration is elsewhere."""

    where = Path()

    @property
    def folder(self) -> Path:
        return self.where


@pytest.mark.parametrize(("text", "before"), [("a = 1\nmax_connections = 140\n", 140), ("port = 1\n", 0), (None, 0)])
def test_what_an_earlier_run_has_written_is_found(text: str | None, before: int, tmp_path: Path) -> None:
    cluster = There("17", "main", 5432, True, "")
    There.where = tmp_path
    if text is not None:
        (tmp_path / "conf.d").mkdir()
        (tmp_path / "conf.d/slipway.conf").write_text(text)
    assert sizing.written(cluster) == before


def test_a_server_that_is_yet_to_be_made_has_nothing_written() -> None:
    assert sizing.written(None) == 0
