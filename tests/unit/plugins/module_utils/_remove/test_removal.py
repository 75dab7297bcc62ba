# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The order in which an app goes, and that a run after one that was killed anywhere goes on."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._remove import journal, removal
from ansible_collections.slipway.flask.plugins.module_utils._remove.error import RemoveError
from ansible_collections.slipway.flask.plugins.module_utils._remove.journal import Account, Journal
from ansible_collections.slipway.flask.plugins.module_utils._remove.look import Found, Look
from ansible_collections.slipway.flask.plugins.module_utils._remove.removal import Removal

STEPS = ["site closed", "services stopped", "cron forbidden", "processes killed"]
DATA = [
    "backups left out",
    "databases gone",
    "/srv/shop gone",
    "/etc/shop gone",
    "renewal gone",
    "check gone",
    "files gone",
]
REST = ["swept", "memory freed", "looked elsewhere", "users gone", "units gone", "units forgotten"]


class Killed(BaseException):
    """What ends a run anywhere."""


@pytest.fixture
def done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return what is done, in order, of an app that a host has; a text in `at` kills the run at that step."""
    monkeypatch.setattr(journal, "FOLDER", tmp_path / "removed")
    steps: list[str] = []

    def note(text: str, answer: Any = None) -> Callable[..., Any]:
        def step(*_: Any, **__: Any) -> Any:
            steps.append(text)
            if os.environ.get("KILL_AT") == text:
                raise Killed
            return answer

        return step

    def found(self: Removal, count: bool = True) -> Found:
        mine = Journal(
            "shop", folders=["/srv/shop", "/etc/shop"], accounts=[Account("shop", 999, 995)], databases=["shop"]
        )
        before = journal.read("shop")
        if before:
            mine.merge(before)
        return Found(mine, items=[("/srv/shop", 1)])

    monkeypatch.setattr(Removal, "look", found)
    monkeypatch.setattr(removal.services, "is_ours", lambda app: True)
    monkeypatch.setattr(removal.services, "files", lambda app: [tmp_path / "shop@.service"])
    monkeypatch.setattr(removal.services, "loaded", lambda app: [])
    monkeypatch.setattr(removal.services, "records", lambda app: [])
    monkeypatch.setattr(removal.site, "logs", lambda app: [])
    monkeypatch.setattr(removal.accounts, "is_kept", lambda account: False)
    monkeypatch.setattr(removal.accounts, "is_there", lambda account: True)
    monkeypatch.setattr(removal.host_journal, "send", lambda fields: None)
    for place, name, text, answer in (
        (removal.site, "close", "site closed", []),
        (removal.services, "stop", "services stopped", None),
        (removal.accounts, "forbid", "cron forbidden", None),
        (removal.processes, "kill", "processes killed", 0),
        (removal.databases, "remove", "databases gone", []),
        (removal.site, "forget_renewal", "renewal gone", True),
        (removal.site, "forget_check", "check gone", True),
        (removal.trees, "unlink", "files gone", []),
        (removal.backups, "leave_out", "backups left out", True),
        (removal.backups, "forget", "backups forgotten", []),
        (removal.accounts, "sweep", "swept", []),
        (removal.accounts, "free_memory", "memory freed", []),
        (removal.accounts, "elsewhere", "looked elsewhere", []),
        (removal.accounts, "remove", "users gone", []),
        (removal.services, "forget", "units forgotten", None),
    ):
        monkeypatch.setattr(place, name, note(text, answer))

    def remove(path: str) -> bool:
        note("units gone" if path.endswith(".service") else f"{path} gone")()
        return True

    monkeypatch.setattr(removal.trees, "remove", remove)
    return steps


def test_the_site_goes_first_and_what_makes_it_an_app_last(done: list[str]) -> None:
    app = Removal("shop", "ann@laptop")
    app.stop()
    assert done == STEPS
    stopped = journal.read("shop")
    assert stopped and (stopped.step, stopped.by, stopped.folders) == (
        "stopped",
        "ann@laptop",
        ["/srv/shop", "/etc/shop"],
    )
    app.remove()
    assert done == [*STEPS, *STEPS, *DATA, *REST]
    gone = journal.read("shop")
    assert gone and (gone.step, gone.under_way) == ("gone", False)


@pytest.mark.parametrize("step", [*STEPS, *DATA, *REST])
def test_a_run_that_is_killed_at_any_step_is_known_and_the_next_one_does_the_rest(
    done: list[str], monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    monkeypatch.setenv("KILL_AT", step)
    with pytest.raises(Killed):
        Removal("shop", "ann").stop()
        Removal("shop", "ann").remove(exported=True)
    left = journal.read("shop")
    assert left and left.under_way
    assert left.step == ("begun" if step in STEPS else "exported")
    monkeypatch.delenv("KILL_AT")
    done.clear()
    Removal("shop", "ben").stop()
    Removal("shop", "ben").remove()
    assert [one for one in [*DATA, *REST] if one not in done] == []
    gone = journal.read("shop")
    assert gone and (gone.step, gone.by) == ("gone", "ann")


@pytest.mark.parametrize(("runs", "step"), [(["shop@0002-b.service"], "stopped"), ([], "exported")])
def test_what_ran_again_after_the_export_is_exported_again(
    done: list[str], monkeypatch: pytest.MonkeyPatch, runs: list[str], step: str
) -> None:
    monkeypatch.setenv("KILL_AT", "databases gone")
    Removal("shop").stop()
    with pytest.raises(Killed):
        Removal("shop").remove(exported=True)
    monkeypatch.delenv("KILL_AT")
    monkeypatch.setattr(removal.services, "loaded", lambda app: runs)
    assert Removal("shop").stop().journal.step == step


def test_backups_are_forgotten_when_that_is_asked_for(done: list[str]) -> None:
    app = Removal("shop", forget=True)
    app.stop()
    app.remove()
    # A run that begins in between would save what is left of it as the newest restore point.
    assert done.index("backups left out") < done.index("databases gone") < done.index("backups forgotten")


def test_nothing_is_done_while_something_is_in_the_way(done: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        Removal, "look", lambda self, count=True: Found(Journal("shop"), problems=["/srv/shop is a mount point"])
    )
    for step in (Removal("shop").stop, Removal("shop").remove):
        with pytest.raises(RemoveError, match="is a mount point"):
            step()
    assert (done, journal.read("shop")) == ([], None)


def test_what_was_built_before_the_first_release_goes_with_the_caches() -> None:
    assert "/var/lib/slipway/ahead/shop" in Look("shop")._caches()
