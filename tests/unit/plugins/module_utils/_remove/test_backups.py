# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What becomes of an app's backups: kept or forgotten, never another app's."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._backup import places, state
from ansible_collections.slipway.flask.plugins.module_utils._backup.error import BackupError
from ansible_collections.slipway.flask.plugins.module_utils._backup.settings import (
    AppData,
    Keep,
    Settings,
    Target,
    read,
)
from ansible_collections.slipway.flask.plugins.module_utils._remove import backups
from ansible_collections.slipway.flask.plugins.module_utils._remove.error import RemoveError

TARGETS = [Target("path", "/mnt/a/web1"), Target("path", "/mnt/b/web1")]


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Return what each target has, as `app:number` entries; the host backs up shop and blog."""
    apps = [AppData(name, name, name) for name in ("shop", "blog")]
    settings = Settings("web1", TARGETS, "secret", keep=Keep(months=2), apps=apps)
    monkeypatch.setattr(places, "SETTINGS", tmp_path / "backup.json")
    (tmp_path / "backup.json").write_text(settings.as_text())
    monkeypatch.setattr(backups, "read", lambda: read(tmp_path / "backup.json"))
    monkeypatch.setattr(state, "alone", lambda say: nullcontext())
    found = {target.path: ["shop:1", "blog:1", "shop:2"] for target in TARGETS}

    class Restic:
        def __init__(self, _: Settings, target: Target) -> None:
            self.there = found.get(target.path)

        def snapshots(self, tags: list[str]) -> list[object]:
            if self.there is None:
                raise BackupError("the target is out of reach")
            (app,) = [tag.removeprefix("app:") for tag in tags]
            return [type("Snapshot", (), {"id": one})() for one in self.there if one.startswith(f"{app}:")]

        def forget(self, ids: list[str]) -> None:
            assert self.there is not None
            self.there[:] = [one for one in self.there if one not in ids]

        def prune(self) -> None:
            assert self.there is not None
            self.there.append("pruned")

    monkeypatch.setattr(backups, "Restic", Restic)
    return found


def test_only_the_apps_own_snapshots_are_forgotten_and_pruned_at_every_target(there: dict[str, list[str]]) -> None:
    assert backups.saved("shop") == {"/mnt/a/web1": 2, "/mnt/b/web1": 2}
    assert backups.forget("shop") == ["2 snapshots at /mnt/a/web1", "2 snapshots at /mnt/b/web1"]
    assert set(map(tuple, there.values())) == {("blog:1", "pruned")}
    assert backups.forget("shop") == []


def test_a_target_that_is_out_of_reach_is_told_and_the_others_forget(there: dict[str, list[str]]) -> None:
    del there["/mnt/a/web1"]
    assert backups.saved("shop") == {"/mnt/a/web1": None, "/mnt/b/web1": 2}
    with pytest.raises(
        RemoveError, match="not all of its backups are removed: the target is out of reach. Run this again"
    ):
        backups.forget("shop")
    assert there["/mnt/b/web1"] == ["blog:1", "pruned"]


def test_no_more_are_made_of_it_and_the_rest_of_the_settings_stays(there: dict[str, list[str]]) -> None:
    before = backups.read()
    assert before and backups.leave_out("shop") and not backups.leave_out("shop")
    after = backups.read()
    assert after and [one.name for one in after.apps] == ["blog"]
    assert (after.passphrase, after.targets, after.keep) == (before.passphrase, before.targets, before.keep)
    assert places.SETTINGS.stat().st_mode & 0o777 == 0o600


def test_what_stays_is_said(there: dict[str, list[str]]) -> None:
    kept = backups.stay("shop", {"/mnt/a/web1": 2, "/mnt/b/web1": 0}, False)
    assert kept[0].startswith("its backups stay at /mnt/a/web1 until they expire")
    assert "until the last one expires, after 2 months" in kept[1]
    assert [note.split(" cover")[0] for note in backups.stay("shop", {"/mnt/a/web1": 2}, True)] == [
        "backups of PostgreSQL"
    ]


def test_where_nothing_is_backed_up_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backups, "read", lambda: None)
    assert (backups.saved("shop"), backups.forget("shop"), backups.leave_out("shop")) == ({}, [], False)
    assert backups.stay("shop", {}, False) == []
