# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Deploys that are killed: the host serves all the same, and the next run finishes or discards what it finds."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._host import systemd
from ansible_collections.slipway.flask.plugins.module_utils._release import history, removal
from ansible_collections.slipway.flask.plugins.module_utils._release.record import ReleaseError
from fake_host import FakeHost, Killed

UPGRADE = [{"command": "flask db upgrade", "once": False}]
BEFORE = {
    "build": "build",
    "probe": "check",
    "run flask db upgrade": "migrate",
    "start 0002": "start",
    "ask socket": "gate",
    "before switch": "switch",
}
AFTER = ["switched", "ask site", "watch", "backlog", "stop 0001"]


def killed(host: FakeHost, event: str) -> str:
    """Deploy once well; kill a second deploy at EVENT; return the id that served before it."""
    host.deploy(release_commands=UPGRADE)
    old = host.current
    host.change()
    host.fails[event] = Killed()
    with pytest.raises(Killed):
        host.deploy(release_commands=UPGRADE)
    assert host.current in host.running, "what the link names runs"
    assert f"shop@{host.current}.service" in os.listdir(host.wants), "and starts at boot"
    return old


def settled(host: FakeHost) -> None:
    """Assert that nothing but what serves runs or starts, and that every release has one line and one record.

    A run that was killed before it switched has a line too, and nothing else.
    """
    assert (host.running, host.jobs) == ({host.current}, set())
    assert os.listdir(host.wants) == [f"shop@{host.current}.service"]
    assert [record.outcome for name in host.paths.release_ids() if (record := host.paths.record(name))] == [
        "deployed"
    ] * len(host.paths.release_ids())
    assert sorted(os.listdir(host.paths.settings / "releases")) == host.paths.release_ids()
    assert sorted(os.listdir(host.units)) == [
        "shop@.service",
        *(f"shop@{name}.service" for name in host.paths.release_ids()),
    ]
    ids = [line["id"] for line in host.history]
    assert sorted(set(ids)) == ids
    assert [line["id"] for line in host.history if line["outcome"] != "killed"] == host.paths.release_ids()
    assert not host.paths.under_way.exists()


@pytest.mark.parametrize(("event", "stage"), BEFORE.items())
def test_a_run_killed_before_the_switch_is_discarded_and_deployed_anew(host: FakeHost, event: str, stage: str) -> None:
    old = killed(host, event)
    assert host.current == old
    outcome = host.deploy(release_commands=UPGRADE)
    gone = host.history[1]
    assert (gone["outcome"], gone["stage"], gone["by"]) == ("killed", stage, "ann@box")
    note = f"a run that did not finish, at stage '{stage}' of release {gone['id']}, was cleaned up"
    assert (outcome.changed, outcome.notes) == (True, [note])
    assert (host.paths.current / "src/app.py").read_text() == "app = 2\n"
    settled(host)


@pytest.mark.parametrize("event", AFTER)
def test_a_run_killed_after_the_switch_is_finished_and_told(host: FakeHost, event: str) -> None:
    old = killed(host, event)
    new = host.current
    assert new != old
    host.change("app = 3\n")
    outcome = host.deploy(release_commands=UPGRADE)
    assert outcome.notes == [f"release {new} was made live by a run that did not finish; it is recorded now"]
    assert [line["id"][:4] for line in host.history] == ["0001", "0002", "0003"]
    settled(host)


@pytest.mark.parametrize("event", AFTER)
def test_a_run_killed_after_the_switch_needs_no_second_deploy_of_the_same(host: FakeHost, event: str) -> None:
    killed(host, event)
    new = host.current
    outcome = host.deploy(release_commands=UPGRADE)
    assert (outcome.changed, outcome.record.outcome if outcome.record else "") == (False, "deployed")
    assert outcome.notes == [f"release {new} was made live by a run that did not finish; it is recorded now"]
    assert host.current == new
    settled(host)


@pytest.mark.parametrize("event", AFTER)
def test_a_release_that_was_switched_to_unverified_and_is_broken_gives_way_to_the_one_before(
    host: FakeHost, event: str
) -> None:
    old = killed(host, event)
    new = host.current
    host.site = [500, 200]
    host.change("app = 3\n")
    outcome = host.deploy(release_commands=UPGRADE)
    assert f"{new} was made live by a run that did not finish and failed" in outcome.notes[0]
    assert f"{old} is live again" in outcome.notes[0]
    assert outcome.previous == old
    assert new not in host.paths.release_ids()
    assert [line["outcome"] for line in host.history] == ["deployed", "failed", "deployed"]
    assert host.running == {host.current}


def test_an_unverified_release_stays_when_the_one_before_can_not_be_brought_back(host: FakeHost) -> None:
    old = killed(host, "ask site")
    new = host.current
    host.site, host.fails = [500, 200], {f"start {old}": OSError("no")}
    outcome = host.deploy(release_commands=UPGRADE)
    assert "can't be verified" in outcome.notes[0]
    assert (host.current, host.running) == (new, {new})


def test_a_run_killed_between_stopping_and_disabling_leaves_no_release_to_start_at_boot(
    host: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.deploy()
    old = host.current
    host.change()
    set_enabled = systemd.set_enabled
    with monkeypatch.context() as patch:

        def kill(app: str, release: str, enabled: bool) -> None:
            if (release, enabled) == (old, False):
                raise Killed
            set_enabled(app, release, enabled)

        patch.setattr(systemd, "set_enabled", kill)
        with pytest.raises(Killed):
            host.deploy()
    host.deploy()
    settled(host)


def test_folders_in_memory_of_releases_that_have_ended_go_with_the_next_run(host: FakeHost) -> None:
    """systemd 257 leaves them when all units are reloaded while a release drains whose unit is of an earlier version."""
    host.deploy()
    serving, drains = host.current, "0002-b"
    host.draining[drains] = 5
    for name in ("0001-gone", serving, drains, "socket"):
        (host.memory / "shop" / name).mkdir(parents=True, exist_ok=True)
    host.deploy()
    assert sorted(os.listdir(host.memory / "shop")) == sorted([serving, drains, "socket"])


def test_a_run_killed_while_it_prunes_leaves_no_half_release(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        host.change(f"app = {number}\n")
        host.deploy()
    rmtree = removal.shutil.rmtree

    def kill(path: Path, ignore_errors: bool = False) -> None:
        if path.parent == host.paths.releases:
            raise Killed
        rmtree(path, ignore_errors)

    host.change("app = 4\n")
    with monkeypatch.context() as patch:
        patch.setattr(removal.shutil, "rmtree", kill)
        with pytest.raises(Killed):
            host.deploy()
    assert host.paths.record(host.paths.release_ids()[0]) is None
    host.deploy()
    assert [name[:4] for name in host.paths.release_ids()] == ["0002", "0003", "0004"]
    assert all(host.paths.record(name) for name in host.paths.release_ids())


def test_a_first_deploy_that_was_killed_is_deployed_anew(host: FakeHost) -> None:
    host.fails["ask socket"] = Killed()
    with pytest.raises(Killed):
        host.deploy()
    assert host.current == ""
    host.deploy()
    settled(host)


def test_releases_of_another_app_are_left_alone(host: FakeHost) -> None:
    host.deploy()
    (host.wants / "blog@0001-a.service").symlink_to("x")
    host.change()
    host.deploy()
    assert "blog@0001-a.service" in os.listdir(host.wants)


def test_a_release_that_visitors_fared_worse_with_while_nobody_watched_gives_way(host: FakeHost) -> None:
    old = killed(host, "ask site")
    host.watched = ["after the switch, 9 of 9 requests got a server error", ""]
    outcome = host.deploy(release_commands=UPGRADE)
    assert f"9 of 9 requests got a server error; {old} is live again" in outcome.notes[0]
    assert host.running == {host.current}


def test_a_run_killed_when_all_was_written_down_is_not_told_of(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    host.deploy()
    run, lines = host.paths.under_way, host.history
    run.write_text((host.paths.current / "release.json").read_text())
    outcome = host.deploy()
    assert (outcome.changed, outcome.notes, host.history, run.exists()) == (False, [], lines, False)


def test_a_run_killed_before_it_was_written_down_is_written_down_as_what_it_was(
    host: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kill(*_: object) -> None:
        raise Killed

    host.deploy()
    host.change()
    with monkeypatch.context() as patch:
        patch.setattr(history, "append_history", kill)
        with pytest.raises(Killed):
            host.deploy()
    host.running = {host.current}
    new, outcome = host.current, host.deploy()
    assert outcome.notes == [f"release {new} was made live by a run that did not finish; it is recorded now"]
    assert (host.history[-1]["id"], host.history[-1]["outcome"], len(host.history)) == (new, "deployed", 2)
    settled(host)


def test_settings_of_releases_that_a_restored_backup_lacks_are_removed_and_told(host: FakeHost) -> None:
    """The app's folder comes back from a backup of its first release, while the settings are those of the third."""
    host.deploy()
    backup = host.folder / "backup"
    shutil.copytree(host.paths.root, backup, symlinks=True)
    lost = []
    for number in (2, 3):
        host.change(f"app = {number}\n")
        host.deploy()
        lost.append(host.current)
    shutil.rmtree(host.paths.root)
    backup.rename(host.paths.root)
    host.running = set()
    host.change("app = 4\n")
    outcome = host.deploy()
    assert outcome.record and outcome.record.id.startswith("0004-"), "no id is used twice"
    assert [note for note in outcome.notes if ", ".join(lost) in note and "they were removed" in note]
    assert host.serving()["names"][1] == host.paths.release_ids()
    assert sorted(path.name for path in host.units.iterdir()) == [
        "shop@.service", *(f"shop@{release}.service" for release in host.paths.release_ids()),
    ]  # fmt: skip


def test_settings_of_a_lost_release_that_still_runs_stay_until_it_has_ended(host: FakeHost) -> None:
    host.deploy()
    backup = host.folder / "backup"
    shutil.copytree(host.paths.root, backup, symlinks=True)
    host.change()
    host.deploy()
    lost = host.current
    shutil.rmtree(host.paths.root)
    backup.rename(host.paths.root)
    host.draining = {lost: 3}
    host.deploy()
    assert host.paths.settings_of(lost).exists()
    host.draining, host.running = {}, {host.current}
    host.deploy()
    assert not host.paths.settings_of(lost).exists()


def test_the_link_to_the_release_before_goes_with_that_release(host: FakeHost) -> None:
    old = killed(host, "ask site")
    assert host.paths.previous_id() == old
    host.site = [500, 200]
    host.probes = [{"error": "ImportError: no"}]
    host.change("app = 3\n")
    with pytest.raises(ReleaseError, match="can't be imported"):
        host.deploy()
    assert (host.current, host.paths.release_ids(), host.paths.previous_id()) == (old, [old], "")
