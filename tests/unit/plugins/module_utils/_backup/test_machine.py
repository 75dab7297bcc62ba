# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A host that was brought back on another machine is told from the one that was left behind."""

from __future__ import annotations

import ipaddress
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._backup import machine
from ansible_collections.slipway.flask.plugins.module_utils._backup.error import BackupError
from ansible_collections.slipway.flask.plugins.module_utils._backup.snapshots import Snapshot

NOON = datetime(2026, 11, 26, 12, tzinfo=timezone.utc)


@pytest.fixture(autouse=True)
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "machine-id").write_text("0123456789abcdef0123456789abcdef\n")
    monkeypatch.setattr(machine, "ID", tmp_path / "machine-id")
    return machine.name()


def snapshots(*machines: str) -> list[Snapshot]:
    """Return snapshots of an hour each; "" is one of a version that did not tell the machine."""
    return [
        Snapshot(str(hour), NOON + timedelta(hours=hour), (), ("kind:host", *([f"machine:{one}"] if one else [])))
        for hour, one in enumerate(machines)
    ]


def test_the_machine_is_named_without_its_id_and_with_the_addresses_it_has(own: str) -> None:
    tags = machine.tags()
    assert tags[0] == f"machine:{own}" and "0123456789abcdef" not in own
    found = machine.addresses_of(Snapshot("a", NOON, (), tuple(tags)))
    assert found == machine.addresses()
    assert all(ipaddress.ip_address(one) for one in found)


@pytest.mark.parametrize(
    ("machines", "refused"),
    [
        ([], False),
        (["", "own"], False),
        (["own", "other"], True),
        (["own", "other", "other"], True),
        (["own", "other", "own"], False),  # a person had it go on
        (["other", "other"], False),  # a new machine, whose first it is
        (["", "other"], False),
        (["own", ""], False),
    ],
)
def test_only_a_machine_that_was_left_behind_is_refused(own: str, machines: list[str], refused: bool) -> None:
    found = snapshots(*(own if one == "own" else one for one in machines))
    if refused:
        with pytest.raises(
            BackupError, match="another machine has been saving there as web1 since 2026-11-26 1[34]:00 UTC.*shut this"
        ):
            machine.refuse_other("web1", "/mnt/backup", found)
    else:
        machine.refuse_other("web1", "/mnt/backup", found)


def test_a_machine_without_an_id_is_never_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, own: str) -> None:
    monkeypatch.setattr(machine, "ID", tmp_path / "nowhere")
    machine.refuse_other("web1", "/mnt/backup", snapshots(own, "other"))
