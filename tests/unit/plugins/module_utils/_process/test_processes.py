# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""An app of two processes: what the engine does with `web` it does with any other, which is no more than its class."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._app.places import ReleaseError
from ansible_collections.slipway.flask.plugins.module_utils._host import systemd
from ansible_collections.slipway.flask.plugins.module_utils._process import members, usage
from ansible_collections.slipway.flask.plugins.module_utils._process.base import Process
from ansible_collections.slipway.flask.plugins.module_utils._process.host import Host
from ansible_collections.slipway.flask.plugins.module_utils._process.web import Web
from ansible_collections.slipway.flask.plugins.module_utils._release import status as release_status
from ansible_collections.slipway.flask.plugins.module_utils._release.rollback import Rollback
from ansible_collections.slipway.flask.plugins.plugin_utils._report import tables
from fake_host import FakeHost, Killed


@pytest.fixture
def pair(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> FakeHost:
    """The host, whose app has a worker beside its web process: a class of a few lines, a template, a file of settings."""

    class Worker(Process):
        name = "worker"
        files = ("worker.toml",)

        def gate(self, release: str) -> None:
            host.event(f"gate worker {release} while {host.current or 'nothing'} serves")

    def processes_of(given: Host) -> tuple[Process, ...]:
        return (Web(given), Worker(given))

    monkeypatch.setattr(members, "processes_of", processes_of)
    (host.units / "shop.worker@.service").write_text("[Service]\n")
    (host.paths.settings / "worker.toml").write_text("queue = 'mail' # {release_folder}\n")
    return host


def both(release: str) -> set[str]:
    return {release, f"shop.worker@{release}"}


def alone(host: FakeHost) -> None:
    """Exactly one release runs, starts at boot and has units, all of it whole."""
    release = host.current
    assert host.running == both(release)
    names = [f"shop.worker@{release}.service", f"shop@{release}.service"]
    assert sorted(os.listdir(host.wants)) == names


def test_all_start_and_are_ready_before_the_switch(pair: FakeHost) -> None:
    pair.deploy()
    release = pair.current
    steps = [event for event in pair.events if event.startswith(("start", "ask socket", "gate", "switched"))]
    assert list(dict.fromkeys(steps)) == [
        f"start {release}", f"start shop.worker@{release}",
        "ask socket /healthz shop.example.com while nothing serves", f"gate worker {release} while nothing serves",
        f"switched to {release}",
    ]  # fmt: skip
    alone(pair)
    assert (pair.units / f"shop.worker@{release}.service").read_text() == "[Service]\n"
    own = pair.paths.settings_of(release) / "worker.toml"
    assert (own.read_text(), own.stat().st_mode & 0o777) == ("queue = 'mail' # {release_folder}\n", 0o640)


def test_what_one_of_them_is_given_makes_a_release(pair: FakeHost) -> None:
    pair.deploy()
    assert not pair.deploy().changed
    (pair.paths.settings / "worker.toml").write_text("queue = 'print'\n")
    assert pair.deploy().changed
    (pair.units / "shop.worker@.service").write_text("[Service]\nNice=5\n")
    assert pair.deploy().changed
    pair.running.discard(f"shop.worker@{pair.current}")
    assert pair.deploy().changed, "one that has ended is no release that serves"


@pytest.mark.parametrize("gone", ["etc/shop/worker.toml", "units/shop.worker@.service"])
def test_what_one_of_them_can_not_do_without_is_missed_before_anything_changes(pair: FakeHost, gone: str) -> None:
    (pair.folder / gone).unlink()
    with pytest.raises(ReleaseError, match=r"worker.* is missing: .* run site\.yml first"):
        pair.deploy()
    assert pair.paths.release_ids() == []


FAULTS: dict[str, tuple[str, Callable[[FakeHost], object], str]] = {
    "does not start": (
        "start", lambda host: host.fails.update({"start shop.worker@0002": systemd.HostError("it did not start")}),
        "it did not start",
    ),
    "is never ready": (
        "gate", lambda host: host.fails.update({"gate worker 0002": ReleaseError("no broker")}), "no broker"
    ),
}  # fmt: skip


@pytest.mark.parametrize(("stage", "fault", "said"), FAULTS.values(), ids=FAULTS)
def test_a_worker_that_fails_keeps_the_old_release(
    pair: FakeHost, stage: str, fault: Callable[[FakeHost], object], said: str
) -> None:
    pair.deploy()
    before = pair.serving()
    pair.change()
    fault(pair)
    with pytest.raises(ReleaseError, match=said) as raised:
        pair.deploy()
    assert raised.value.stage == stage
    assert pair.serving() == before


def test_a_worker_that_is_started_again_after_the_switch_takes_the_release_back(
    pair: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair.deploy()
    before = pair.serving()
    pair.change()
    properties = pair.properties

    def shown(unit: str, *names: str) -> dict[str, str]:
        crashed = "worker@0002" in unit and "NRestarts" in names
        return {**properties(unit, *names), **({"NRestarts": "3"} if crashed else {})}

    monkeypatch.setattr(systemd, "properties", shown)
    with pytest.raises(ReleaseError, match="after the switch, worker ended and had to be restarted") as raised:
        pair.deploy(watch_seconds=1)
    assert raised.value.stage == "watch"
    # `previous` is gone with the release that it was set for, as for web alone.
    assert {**pair.serving(), "tree": None} == {**before, "tree": None}


def test_the_old_ones_are_told_to_end_and_the_next_start_waits_for_what_they_are_at(pair: FakeHost) -> None:
    pair.deploy()
    old = pair.current
    pair.slow[f"shop.worker@{old}"] = 1
    pair.change()
    assert pair.deploy().draining == [f"{old} is draining: worker, at most 0 s more"]
    alone(pair)
    pair.change("app = 3\n")
    pair.events.clear()
    pair.deploy()
    assert pair.events.index(f"ended shop.worker@{old}") < pair.events.index(f"start {pair.current}")
    alone(pair)


def test_a_rollback_brings_all_of_them_back(pair: FakeHost) -> None:
    pair.deploy()
    old = pair.current
    pair.change()
    pair.deploy()
    Rollback(pair.request()).roll_back()
    assert pair.current == old
    alone(pair)


@pytest.mark.parametrize("moment", ["start shop.worker@0002", "gate worker 0002", "before switch", "switched", "stop"])
def test_wherever_a_run_is_killed_the_next_leaves_one_whole_release(pair: FakeHost, moment: str) -> None:
    pair.deploy()
    pair.change()
    pair.fails[moment] = Killed()
    with pytest.raises(Killed):
        pair.deploy()
    pair.change("app = 3\n")
    pair.deploy()
    alone(pair)
    units = {path.name for path in pair.units.glob("shop*@?*.service")}
    ids = pair.paths.release_ids()
    assert units == {f"{name}@{release}.service" for name in ("shop", "shop.worker") for release in ids}


def test_a_release_that_is_pruned_leaves_no_unit_of_any(pair: FakeHost) -> None:
    for number in range(4):
        pair.change(f"app = {number}\n")
        pair.deploy(keep_releases=2)
    assert len(list(pair.units.glob("shop.worker@?*.service"))) == 2
    alone(pair)


def test_the_status_has_each_of_them_and_says_which_one_does_not_work(
    pair: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair.deploy()
    request = pair.request()

    def unit(name: str) -> dict[str, Any]:
        return {"state": "failed" if "worker" in name else "active", "restarts": 0, "workers": 2, "memory": 1000}

    monkeypatch.setattr(usage, "of_unit", unit)
    monkeypatch.setattr(release_status, "certificate", lambda _: {"served": True, "issuer": "", "days": 9, "said": ""})
    found = release_status.status_of(pair.paths, request.health, "shop.example.com", "shop", "")
    worker = f"shop.worker@{pair.current}.service"
    assert found["problems"] == [f"{worker} is failed; see journalctl -u {worker}"]
    assert (found["state"], found["processes"]["worker"]["state"]) == ("active", "failed")
    assert "shop on vps1: worker is failed" in tables.all_below({"vps1": [found]})
