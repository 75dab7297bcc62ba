# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""All parts are changed or none, and nothing before the guard is armed."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._access import apply, guard, guard_program
from ansible_collections.slipway.flask.plugins.module_utils._access.apply import (
    AccessError,
    Change,
    Context,
    File,
    Part,
)

TOKEN = "0123456789abcdef"


class Fake(Part):
    """A part that writes one file, unless it FAILS."""

    def __init__(self, name: str, path: Path, fails: Exception | None = None, text: str = "after") -> None:
        super().__init__(Context({}))
        self.name, self.fails = name, fails
        self.file = File(str(path), text, 0o644, os.getuid(), os.getgid())
        self.warnings.append(f"{name} warns")

    def changes(self) -> Sequence[Change]:
        return [change] if (change := self.file.change()) else []

    def apply(self) -> None:
        if self.fails:
            raise self.fails
        self.file.write()

    def keep(self) -> Mapping[str, str]:
        return {f"kept-{self.name}": "x"}

    def undo_commands(self) -> Sequence[Sequence[str]]:
        return [["undo", self.name]]


@pytest.fixture
def armed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[guard.Plan]:
    """The plans that were armed, on a host without systemd."""
    plans: list[guard.Plan] = []
    folder = tmp_path / "guard"
    monkeypatch.setattr(guard, "install", lambda program, paths: None)
    monkeypatch.setattr(guard, "_start_timer", plans.append)
    monkeypatch.setattr(guard, "make_folder", lambda: folder.mkdir(exist_ok=True))
    monkeypatch.setattr(guard, "waiting", lambda: [])
    monkeypatch.setattr(guard_program, "FOLDER", folder)
    arm = guard.arm
    monkeypatch.setattr(guard, "arm", lambda plan: arm(plan, folder))
    monkeypatch.setattr(guard_program, "stop_timer", lambda token: None)
    monkeypatch.setattr(guard_program, "run", lambda argv: "")

    def undo(token: str, why: str) -> str:
        return "" if guard_program.main(["undo", token, "--why", why], folder) == 0 else "left"

    monkeypatch.setattr(guard, "undo", undo)
    return plans


def test_what_is_as_wanted_arms_nothing(tmp_path: Path, armed: list[guard.Plan]) -> None:
    (tmp_path / "a").write_text("after")
    (tmp_path / "a").chmod(0o644)
    outcome = apply.bring([Fake("one", tmp_path / "a")], TOKEN, 60, "", check=False)
    assert (outcome.changes, outcome.armed, armed) == ([], "", [])


def test_all_parts_are_saved_before_the_first_is_changed(tmp_path: Path, armed: list[guard.Plan]) -> None:
    (tmp_path / "c").write_text("after")
    (tmp_path / "c").chmod(0o644)
    parts = [Fake("one", tmp_path / "a"), Fake("two", tmp_path / "b"), Fake("same", tmp_path / "c")]
    outcome = apply.bring(parts, TOKEN, 60, "", check=False)
    assert outcome.armed == TOKEN
    assert armed[0].paths == [str(tmp_path / "a"), str(tmp_path / "b")]
    assert armed[0].undo == [["undo", "two"], ["undo", "one"]], "the last is undone first"
    assert set(armed[0].kept) == {"kept-one", "kept-two"}
    assert (tmp_path / "a").read_text() == (tmp_path / "b").read_text() == "after"
    assert outcome.warnings == ["one warns", "two warns", "same warns"]


@pytest.mark.parametrize(
    "error", [AccessError("sshd refuses"), OSError(28, "No space left"), ValueError("a mistake of ours")]
)
def test_a_part_that_fails_takes_all_of_them_back(tmp_path: Path, armed: list[guard.Plan], error: Exception) -> None:
    (tmp_path / "a").write_text("before")
    with pytest.raises(AccessError) as told:
        apply.bring([Fake("one", tmp_path / "a"), Fake("two", tmp_path / "b", error)], TOKEN, 60, "", check=False)
    assert str(told.value).startswith("two: ")
    assert str(told.value).endswith("The change was not applied: everything is as it was.")
    assert (tmp_path / "a").read_text() == "before"


def test_nothing_is_changed_any_more_once_the_host_has_undone_it(
    tmp_path: Path, armed: list[guard.Plan], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The timer fires between two parts: what the second one made would have no guard, a firewall without SSH's port for one."""
    entered: list[Path] = []

    def locked(folder: Path) -> AbstractContextManager[None]:
        entered.append(folder)
        if len(entered) == 2:
            assert guard_program.undo(folder, folder / TOKEN, "its time was over") == []
        return nullcontext()

    monkeypatch.setattr(guard_program, "locked", locked)
    outcome = apply.bring([Fake("one", tmp_path / "a"), Fake("two", tmp_path / "b")], TOKEN, 60, "", check=False)
    assert outcome.armed == TOKEN, "the new login is told that it comes too late"
    assert not (tmp_path / "a").exists() and not (tmp_path / "b").exists()


def test_an_undo_waits_for_the_part_that_is_under_way(tmp_path: Path, armed: list[guard.Plan]) -> None:
    class Slow(Fake):
        def apply(self) -> None:
            with (guard_program.FOLDER / "lock").open() as file, pytest.raises(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            super().apply()

    apply.bring([Slow("one", tmp_path / "a")], TOKEN, 60, "", check=False)
    assert (tmp_path / "a").read_text() == "after"


def test_a_guard_that_can_not_be_armed_keeps_everything_as_it_is(
    tmp_path: Path, armed: list[guard.Plan], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(plan: guard.Plan) -> None:
        raise guard.GuardError("no bus")

    monkeypatch.setattr(guard, "_start_timer", refused)
    with pytest.raises(AccessError, match="so nothing was changed: no bus"):
        apply.bring([Fake("one", tmp_path / "a")], TOKEN, 60, "", check=False)
    assert not (tmp_path / "a").exists()


def test_check_mode_says_all_and_does_nothing(tmp_path: Path, armed: list[guard.Plan]) -> None:
    (tmp_path / "a").write_text("before")
    outcome = apply.bring([Fake("one", tmp_path / "a")], TOKEN, 60, "", check=True)
    assert outcome.diffs == [
        {
            "before_header": str(tmp_path / "a"),
            "after_header": str(tmp_path / "a"),
            "before": "before",
            "after": "after",
        }
    ]
    assert (armed, (tmp_path / "a").read_text(), (tmp_path / "guard").exists()) == ([], "before", False)


@pytest.mark.parametrize(("secret", "before"), [(False, "before"), (True, apply.HIDDEN)])
def test_a_secret_file_s_contents_are_not_shown(tmp_path: Path, secret: bool, before: str) -> None:
    (tmp_path / "a").write_text("before")
    change = File(str(tmp_path / "a"), "after", secret=secret).change()
    assert change and change.before == before and ("after" in change.after) != secret
