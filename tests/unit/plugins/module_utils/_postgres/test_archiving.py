# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Archiving comes to a server that is there with a restart at most, and goes with none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._postgres import cluster, settings
from ansible_collections.slipway.flask.plugins.module_utils._postgres.names import Cluster

COMMAND = "pgbackrest --stanza=slipway archive-push %p"
ON = {"archive_mode": True, "archive_command": COMMAND, "archive_timeout": 50}
IDLE = {"archive_mode": True, "archive_command": "/bin/true"}


@pytest.mark.parametrize(
    ("command", "is_on", "extra", "wanted"),
    [
        (COMMAND, False, {}, ON),
        (COMMAND, True, {}, ON),
        ("", True, {}, IDLE),  # an empty command would keep all WAL
        ("", False, {}, {}),  # a running server is not restarted for nothing
        ("", True, {"wal_level": "minimal"}, {}),
    ],
)
def test_archive_mode_is_never_changed_without_need(
    command: str, is_on: bool, extra: dict[str, Any], wanted: dict[str, Any]
) -> None:
    assert settings.archive_settings(command, is_on, extra) == wanted


@pytest.mark.parametrize(
    ("online", "text", "wanted"),
    [
        (True, "archive_mode = on\n", True),
        (True, "work_mem = '4MB'\n", False),
        (True, "", False),
        (False, "", True),  # it will be started in any case
    ],
)
def test_whether_archiving_costs_a_restart_is_seen_in_the_servers_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, online: bool, text: str, wanted: bool
) -> None:
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d/slipway.conf").write_text(f"# ours\n{text}")
    monkeypatch.setattr(Cluster, "folder", tmp_path)
    assert cluster.archives(Cluster("17", "main", 5432, online, "")) is wanted
    assert cluster.archives(None)
