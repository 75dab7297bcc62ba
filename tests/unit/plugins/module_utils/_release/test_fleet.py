# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A host that is one of several in a run: what it tells of one that was killed, and what it makes of the others' answer."""

from __future__ import annotations

import os

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._release import boot, fleet, info, lease, run
from ansible_collections.slipway.flask.plugins.module_utils._release.deploy import Deploy
from ansible_collections.slipway.flask.plugins.module_utils._release.record import ReleaseError
from ansible_collections.slipway.flask.plugins.module_utils._release.rollback import Rollback
from fake_host import FakeHost, Killed

T = {"fleet": "t1"}


def switched(host: FakeHost) -> tuple[str, str]:
    """Switch a host together with others, to be killed before they are told to end the old release; return old and new."""
    host.deploy()
    old = host.current
    host.change()
    release = host.deploy(until="before_switch", **T).hook["release"]
    host.deploy(until="before_drain", resume=release, **T)
    assert (host.current, host.running) == (release, {old, release})
    return old, release


def test_a_run_is_undecided_from_its_switch_until_it_is_told_to_drain(host: FakeHost) -> None:
    _, new = switched(host)
    assert fleet.told(host.paths) == {"undecided": "t1", "came_about": []}
    host.deploy(resume=new, **T)
    assert fleet.told(host.paths) == {"undecided": "", "came_about": ["t1"]}
    assert host.record()["fleet"] == "t1"


def test_a_run_that_is_killed_while_it_drains_has_come_about(host: FakeHost) -> None:
    _, new = switched(host)
    host.fails["backlog"] = Killed()
    with pytest.raises(Killed):
        host.deploy(resume=new, **T)
    assert fleet.told(host.paths) == {"undecided": "", "came_about": ["t1"]}


def test_nothing_is_decided_before_the_others_were_asked(host: FakeHost) -> None:
    _, new = switched(host)
    before = host.tree()
    outcome = host.deploy(until="before_migrate", fleet="t2", gone="box/1")
    assert (outcome.changed, outcome.hook, host.current) == (False, {}, new)
    assert host.tree() == before


@pytest.mark.parametrize("again", [True, False])
def test_what_did_not_come_about_goes_back_and_the_next_run_goes_on(host: FakeHost, again: bool) -> None:
    old, new = switched(host)
    if not again:
        host.change("app = 3\n")
    outcome = host.deploy(until="before_migrate", fleet="t2", settle="go back", gone="box/1")
    assert f"the deploy to {new} was killed before all hosts had come as far: {old} is live again" in outcome.notes
    assert (host.current, host.running) == (old, {old})
    assert host.history[-1]["outcome"] == "killed"
    assert outcome.hook["release"] not in (old, new)
    with pytest.raises(ReleaseError, match="web3: no"):
        host.deploy(resume=outcome.hook["release"], gave_up="web3: no", fleet="t2")
    assert (host.current, host.running, host.paths.release_ids()) == (old, {old}, [old])


def test_it_goes_back_even_if_the_next_run_has_no_source(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    old, _ = switched(host)

    def none(self: object) -> tuple[str, str]:
        raise ReleaseError("no repository", "fetch")

    monkeypatch.setattr(type(Deploy(host.request()).source), "find", none)
    with pytest.raises(ReleaseError, match="no repository"):
        host.deploy(until="before_fetch", fleet="t2", settle="go back", gone="box/1")
    assert (host.current, host.running) == (old, {old})


def test_what_came_about_elsewhere_is_finished(host: FakeHost) -> None:
    _, new = switched(host)
    outcome = host.deploy(until="before_migrate", fleet="t2", settle="go on", gone="box/1")
    assert (outcome.changed, host.current, host.running) == (False, new, {new})
    assert outcome.notes == [f"release {new} was made live by a run that did not finish; it is recorded now"]


def test_a_first_release_that_did_not_come_about_leaves_none(host: FakeHost) -> None:
    release = host.deploy(until="before_switch", **T).hook["release"]
    host.deploy(until="before_drain", resume=release, **T)
    outcome = host.deploy(until="before_migrate", fleet="t2", settle="go back", gone="box/1")
    assert (host.current, host.running) == ("", set())
    assert outcome.changed


@pytest.mark.parametrize("restarted", [True, False])
def test_a_host_goes_back_for_the_others_also_when_its_time_is_over(
    host: FakeHost, restarted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = switched(host)
    if restarted:
        lease.drop("shop")
    else:
        monkeypatch.setattr(lease, "uptime", lambda: 1e9)
    with pytest.raises(ReleaseError, match="web3: no"):
        host.deploy(resume=new, gave_up="web3: no", **T)
    assert (host.current, host.running) == (old, {old})


def test_a_rollback_that_did_not_come_about_is_undone(host: FakeHost) -> None:
    host.deploy()
    old = host.current
    host.change()
    host.deploy()
    new = host.current
    held = Rollback(host.request(until="before_drain", **T)).roll_back().hook
    assert (host.current, held["release"]) == (old, old)
    assert fleet.undecided(host.paths) == "t1"
    outcome = Rollback(host.request(until="before_migrate", fleet="t2", settle="go back", gone="box/1")).roll_back()
    assert f"the rollback to {old} was killed before all hosts had come as far: {new} is live again" in outcome.notes
    assert host.current == new
    assert sorted(host.paths.release_ids()) == sorted([old, new])


def test_a_release_is_found_by_another_hosts_id(host: FakeHost) -> None:
    host.deploy()
    old = host.current
    host.change()
    host.deploy()
    other = f"0099-{old.partition('-')[2]}"
    with pytest.raises(ReleaseError, match="is not on the host"):
        Rollback(host.request(to=other)).roll_back()
    assert Rollback(host.request(to=other, **T)).roll_back().changed
    assert host.current == old


def test_the_site_is_looked_at_through_other_addresses_too(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    _, new = switched(host)
    host.site = [502, 502, 200]
    monkeypatch.setattr(run, "NOTICED_SECONDS", 0)
    with pytest.raises(ReleaseError, match="answered 502"):
        host.deploy(until="before_drain", resume=new, verify_at=["192.0.2.1"], **T)
    assert host.current != new


# ---- the host itself goes down ---------------------------------------------------------------------------------------


def boots(host: FakeHost) -> None:
    """Go down and come back: systemd-tmpfiles makes the links of its files, then what is enabled starts if `current` names it."""
    for path in boot.FOLDER.glob("*.conf"):
        (line,) = [line for line in path.read_text().splitlines() if not line.startswith("#")]
        kind, link, *_, target = line.split()
        assert kind == "L+!"
        os.unlink(link)
        os.symlink(target, link)
    host.running.clear()
    host.running.add(host.current)
    lease.drop("shop")


def test_a_host_that_goes_down_after_its_switch_comes_back_with_what_the_others_serve(host: FakeHost) -> None:
    old, new = switched(host)
    boots(host)
    assert host.current == old
    assert fleet.told(host.paths)["undecided"] == ""
    outcome = host.deploy(until="before_migrate", fleet="t2", gone="box/1")
    assert host.current == old
    assert new not in host.paths.release_ids()
    assert any("was cleaned up" in note for note in outcome.notes)
    assert host.history[-1]["outcome"] == "killed"
    assert not boot.file_of("shop").exists()


def test_a_boot_after_the_end_changes_nothing(host: FakeHost) -> None:
    _, new = switched(host)
    host.deploy(resume=new, **T)
    boots(host)
    assert host.current == new
    assert not boot.file_of("shop").exists()


def test_a_run_that_goes_back_leaves_nothing_for_the_boot(host: FakeHost) -> None:
    old, new = switched(host)
    with pytest.raises(ReleaseError, match="web3: no"):
        host.deploy(resume=new, gave_up="web3: no", **T)
    assert (host.current, boot.file_of("shop").exists()) == (old, False)


def test_a_host_alone_has_nothing_for_the_boot(host: FakeHost) -> None:
    host.deploy()
    host.change()
    host.deploy(until="before_drain")
    assert not boot.FOLDER.exists()


def test_a_release_with_schedules_is_left_to_the_next_run(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boot.settings, "of", lambda paths, release: {"tick": {"schedule": "hourly"}})
    monkeypatch.setattr(boot.settings, "kind", lambda entry: boot.settings.SCHEDULE)
    boot.hold(host.paths, "0001-a")
    boot.hold(host.paths, "")
    assert not boot.FOLDER.exists()


def test_a_status_says_so_once_nobody_is_at_it_any_more(host: FakeHost) -> None:
    switched(host)
    assert info.serving_of(host.paths)["undecided"] is False
    lease.drop("shop")
    assert info.serving_of(host.paths)["undecided"] is True
