# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""One run over all apps: what an app has put into its folders keeps none of the others from being saved."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._backup import (
    backup,
    database,
    journal,
    places,
    staging,
    state,
)
from ansible_collections.slipway.flask.plugins.module_utils._backup.error import plain
from ansible_collections.slipway.flask.plugins.module_utils._backup.restic import Restic, Saved
from ansible_collections.slipway.flask.plugins.module_utils._backup.settings import AppData, Settings, Target
from ansible_collections.slipway.flask.plugins.module_utils._backup.staging import Staged

APPS = [AppData("blog", "blog"), AppData("shop", "shop")]


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of two apps and a target that is there; nothing is run."""
    monkeypatch.setattr(places, "STATE", tmp_path / "state")
    monkeypatch.setattr(places, "STAGING", tmp_path / "staging")
    monkeypatch.setattr(staging, "host_paths", lambda _: [])
    monkeypatch.setattr(Restic, "unlock", lambda self: None)
    monkeypatch.setattr(Restic, "snapshots", lambda self, tags=(): [])
    monkeypatch.setattr(Restic, "backup", lambda self, *_: Saved("1", 1, 1))
    (tmp_path / "target/restic").mkdir(parents=True)
    (tmp_path / "target/restic/config").touch()
    return Settings("web1", [Target("path", str(tmp_path / "target"))], "a passphrase of some length", apps=APPS)


def test_an_app_that_cannot_be_looked_at_keeps_no_other_from_being_saved(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []

    @contextmanager
    def staged(_: Settings, app: AppData, point: Any) -> Iterator[Staged]:
        said.append(app.name)
        if app.name == "blog":
            raise OSError(36, "File name too long", "/srv/blog/shared/…")
        yield Staged(point, [], [], [])

    monkeypatch.setattr(staging, "staged", staged)
    outcome = backup.Run(settings).run()
    assert said == ["blog", "shop"]
    assert outcome.problems == ["blog: [Errno 36] File name too long: '/srv/blog/shared/…'"]


def test_what_is_gone_is_told_from_what_cannot_be_looked_at(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    assert backup.is_there(str(tmp_path / "loop"))
    assert not backup.is_there(str(tmp_path / "gone"))
    assert not backup.is_there(str(tmp_path / "gone/deep"))
    assert backup.is_there(f"/{'a' * 300}")
    assert backup.is_there("/" + "deep/" * 2000)
    assert backup.is_there("a\0b")


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/srv/shop/a b.db", "/srv/shop/a b.db"),
        ("/srv/shop/größe.db", "/srv/shop/größe.db"),
        ("/srv/shop/a\nblog: all is well", "/srv/shop/a\\nblog: all is well"),
        ("/srv/\x1b[2J", "/srv/\\x1b[2J"),
        (os.fsdecode(b"/srv/\xff"), "/srv/\\udcff"),
    ],
)
def test_a_name_cannot_look_like_another_message_or_move_the_cursor(path: str, shown: str) -> None:
    assert plain(Path(path)) == shown


@pytest.mark.parametrize(
    ("mode", "command", "told"),
    [
        ("off", "pgbackrest --stanza=slipway archive-push %p", True),
        ("on", "pgbackrest --stanza=slipway archive-push %p", False),
        ("off", "", False),  # nobody has set it: that is another problem
    ],
)
def test_a_server_that_has_to_be_restarted_before_it_archives_is_told(mode: str, command: str, told: bool) -> None:
    assert bool(database.waits_for_restart({"mode": mode, "command": command})) is told


def test_a_run_over_a_server_that_has_to_be_restarted_saves_the_folders_and_waits_for_no_wal(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def staged(_: Settings, app: AppData, point: Any) -> Iterator[Staged]:
        yield Staged(point, [], [], [])

    monkeypatch.setattr(staging, "staged", staged)
    monkeypatch.setattr(backup.Run, "_expire", lambda *_: None)
    monkeypatch.setattr(database, "cluster_of", lambda _: None)
    monkeypatch.setattr(database, "archiver", lambda _: {"mode": "off", "command": "pgbackrest archive-push"})
    shop = replace(settings, apps=[AppData("shop", "shop", database="shop")])
    outcome = backup.Run(shop).run()
    assert outcome.problems == [database.RESTART]
    assert outcome.facts["saved"] == {settings.targets[0].name: 1}


def test_no_folders_are_saved_while_a_restore_exchanges_them(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    order, waits = list[str](), threading.Event()

    @contextmanager
    def staged(_: Settings, app: AppData, point: Any) -> Iterator[Staged]:
        order.append(app.name)
        yield Staged(point, [], [], [])

    def say(text: str) -> None:
        if "shop is under way" in text:
            waits.set()

    monkeypatch.setattr(staging, "staged", staged)
    run = threading.Thread(target=backup.Run(settings, say=say).run)
    with state.still("shop"):
        run.start()
        assert waits.wait(30), "the run waits for the restore, and says so"
        order.append("exchanged")
    run.join()
    assert order == ["blog", "exchanged", "shop"]


def test_nothing_is_saved_of_an_app_that_was_removed_while_the_run_waited(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = list[str]()

    @contextmanager
    def staged(_: Settings, app: AppData, point: Any) -> Iterator[Staged]:
        order.append(app.name)
        yield Staged(point, [], [], [])

    monkeypatch.setattr(staging, "staged", staged)
    monkeypatch.setattr(backup, "read", lambda: replace(settings, apps=[one for one in APPS if one.name != "blog"]))
    assert (backup.Run(settings).run().problems, order) == ([], ["shop"])


@pytest.mark.parametrize(("step", "saved"), [("prepare", True), ("swap", False), ("start", False), ("done", True)])
def test_nothing_is_saved_of_an_app_whose_restore_was_killed_between_its_folders_and_its_database(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, step: journal.Step, saved: bool
) -> None:
    order = list[str]()

    @contextmanager
    def staged(_: Settings, app: AppData, point: Any) -> Iterator[Staged]:
        order.append(app.name)
        yield Staged(point, [], [], [])

    monkeypatch.setattr(staging, "staged", staged)
    monkeypatch.setattr(journal, "FOLDER", tmp_path / "restores")
    journal.Journal("shop", "20261126T120000Z", step, to="latest").write()
    problems = backup.Run(settings).run().problems
    assert order == (["blog", "shop"] if saved else ["blog"])
    assert [("a restore to latest was interrupted" in one) for one in problems] == ([] if saved else [True])
