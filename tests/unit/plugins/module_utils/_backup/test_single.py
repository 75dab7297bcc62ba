# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The restore point before a migration: it stands in for a dump only when the database is in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._backup import places, single, staging
from ansible_collections.slipway.flask.plugins.module_utils._backup.error import BackupError
from ansible_collections.slipway.flask.plugins.module_utils._backup.restic import Restic
from ansible_collections.slipway.flask.plugins.module_utils._backup.settings import AppData, Settings, Target
from ansible_collections.slipway.flask.plugins.module_utils._backup.staging import Staged

TARGETS = [Target("path", "/mnt/one"), Target("path", "/mnt/two")]
SETTINGS = Settings("web1", TARGETS, "a passphrase of some length", apps=[AppData("notes", "notes")])


@pytest.mark.parametrize(
    ("staged", "away", "is_point", "problems"),
    [
        (Staged(None, [], [], []), (), True, 0),  # type: ignore[arg-type]
        (Staged(None, [], [], []), ("/mnt/one",), True, 1),  # type: ignore[arg-type]
        (Staged(None, [], [], []), ("/mnt/one", "/mnt/two"), False, 2),  # type: ignore[arg-type]
        (Staged(None, [], [], ["app.db is backed up as a plain file"], False), (), False, 1),  # type: ignore[arg-type]
        (Staged(None, [], [], ["a hole is not saved"]), (), True, 0),  # type: ignore[arg-type]
        (BackupError("the dump failed"), (), False, 1),  # at two targets, one problem is not fewer than all
    ],
)
def test_a_point_without_the_database_is_none(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    staged: Staged | BackupError,
    away: tuple[str, ...],
    is_point: bool,
    problems: int,
) -> None:
    @contextmanager
    def made(*_: Any) -> Iterator[Staged]:
        if isinstance(staged, BackupError):
            raise staged
        yield staged

    def backup(self: Restic, *_: Any) -> None:
        if self.target.path in away:
            raise BackupError(f"{self.target.path} is away")

    monkeypatch.setattr(places, "STATE", tmp_path)
    monkeypatch.setattr(staging, "staged", made)
    monkeypatch.setattr(single.points, "tags", lambda _: [])
    monkeypatch.setattr(Restic, "backup", backup)
    told: dict[str, Any] = {}

    def tell(found: Mapping[str, Any]) -> None:
        told.update(found)

    single.before(SETTINGS, "notes", "0007-abc1234", tell)
    assert ("point" in told, len(told["problems"])) == (is_point, problems)
