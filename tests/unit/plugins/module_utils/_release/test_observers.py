# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Who is told on the host how a run has ended."""

from __future__ import annotations

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._release import observers
from ansible_collections.slipway.flask.plugins.module_utils._release.record import Paths, Record, ReleaseError
from ansible_collections.slipway.flask.plugins.module_utils._release.rollback import Rollback
from fake_host import FakeHost, Killed


def test_one_more_observer_is_told_how_every_run_has_ended(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[str, str, str]] = []

    def textfile(paths: Paths, record: Record) -> None:
        assert paths.under_way.exists(), "a run that is killed here is told of again"
        told.append((record.what, record.id[:4], record.outcome))

    monkeypatch.setattr(observers, "OBSERVERS", (*observers.OBSERVERS, textfile))
    host.deploy()
    host.change()
    host.deploy()
    host.change("app = 3\n")
    host.fails["start"] = OSError("no")
    with pytest.raises(ReleaseError):
        host.deploy()
    Rollback(host.request()).roll_back()
    host.change("app = 4\n")
    host.fails["start"] = Killed()
    with pytest.raises(Killed):
        host.deploy()
    host.deploy()
    assert told == [
        ("deploy", "0001", "deployed"),
        ("deploy", "0002", "deployed"),
        ("deploy", "0003", "failed"),
        ("rollback", "0001", "rolled back"),
        ("deploy", "0004", "killed"),
        ("deploy", "0005", "deployed"),
    ]
    assert [(line["what"], line["id"][:4], line["outcome"]) for line in host.history] == told
