# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The history on the host."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._release import history
from ansible_collections.slipway.flask.plugins.module_utils._release.record import Record


def test_the_history_has_a_line_for_each_deploy_and_a_cut_line_costs_no_other(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    assert history.history(path) == []
    history.append_history(path, Record("0001-a", "shop", "a", "f", notes=["é"]))
    with path.open("a") as file:  # the host lost power here
        file.write('{"id": "0001-b", "app": "sh')
    history.append_history(path, Record("0002-b", "shop", "b", "f"))
    assert [entry["id"] for entry in history.history(path)] == ["0001-a", "0002-b"]
    assert path.stat().st_mode & 0o777 == 0o640
