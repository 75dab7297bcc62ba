# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The line in the host's journal."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._host import journal as host_journal
from ansible_collections.slipway.flask.plugins.module_utils._release.record import ReleaseError
from fake_host import SECRET, FakeHost


@pytest.fixture
def journal(host: FakeHost, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[socket.socket]:
    """What stands in for journald."""
    place = tmp_path / "journal"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(place))
        listening.settimeout(10)
        monkeypatch.setattr(host_journal, "SOCKET", place)
        yield listening


def entry(journal: socket.socket) -> dict[str, str]:
    return dict(line.split("=", 1) for line in journal.recv(65536).decode().splitlines())


def test_a_deploy_is_a_line_with_fields(host: FakeHost, journal: socket.socket) -> None:
    host.deploy()
    first = entry(journal)
    assert (first["SYSLOG_IDENTIFIER"], first["PRIORITY"], first["SLIPWAY_APP"]) == ("slipway", "6", "shop")
    host.change()
    host.deploy()
    second = entry(journal)
    assert second["MESSAGE"].startswith(f"shop: {first['SLIPWAY_RELEASE']} → {host.current} deployed, by ann@box, ")
    assert (second["SLIPWAY_PREVIOUS"], second["SLIPWAY_BY"]) == (first["SLIPWAY_RELEASE"], "ann@box")


def test_a_failure_is_a_warning_with_its_stage_and_nothing_that_the_app_said(
    host: FakeHost, journal: socket.socket
) -> None:
    host.deploy()
    entry(journal)
    host.change()
    host.health, host.journal = [500], f"Traceback {SECRET} ann@example.com"
    with pytest.raises(ReleaseError):
        host.deploy(by="eve@box\nPRIORITY=0")
    told = entry(journal)
    assert (told["PRIORITY"], told["SLIPWAY_OUTCOME"], told["SLIPWAY_STAGE"]) == ("4", "failed", "gate")
    assert told["SLIPWAY_BY"] == "eve@box PRIORITY=0", "one line, one field"
    assert SECRET not in str(told) and "ann@example.com" not in str(told)


def test_without_a_journal_a_deploy_goes_on(host: FakeHost) -> None:
    host.deploy()
    assert host.history[-1]["outcome"] == "deployed"
