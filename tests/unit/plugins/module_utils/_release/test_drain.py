# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The release before ends by itself, and what comes next respects it."""

from __future__ import annotations

import os
from types import SimpleNamespace

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._host import systemd, unix_sockets
from ansible_collections.slipway.flask.plugins.module_utils._process import draining
from ansible_collections.slipway.flask.plugins.module_utils._release import drain
from ansible_collections.slipway.flask.plugins.module_utils._release.record import ReleaseError
from ansible_collections.slipway.flask.plugins.module_utils._release.rollback import Rollback
from ansible_collections.slipway.flask.plugins.plugin_utils._report import deploy, tables
from fake_host import FakeHost, Killed


def second(host: FakeHost, connections: int = 2) -> tuple[str, str, list[str]]:
    """Deploy twice; the first release has CONNECTIONS that stay open. Return both and what the second run left open."""
    host.deploy()
    old = host.current
    host.slow[old] = connections
    host.change("app = 2\n")
    outcome = host.deploy()
    return old, host.current, outcome.draining


@pytest.fixture(autouse=True)
def still(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is always the same time."""
    monkeypatch.setattr(drain.time, "monotonic", lambda: 16.0)


def test_a_deploy_ends_while_the_release_before_still_has_connections(host: FakeHost) -> None:
    old, new, left = second(host)
    assert left == [f"{old} is draining: 2 connections, at most 24 s more"]
    assert (set(host.draining), host.running, host.history[-1]["outcome"]) == ({old}, {new}, "deployed")
    assert os.listdir(host.wants) == [f"shop@{new}.service"], "a restart of the host does not bring it back"


def test_a_release_that_ends_at_once_is_not_told_of(host: FakeHost) -> None:
    assert second(host, connections=0)[2] == []


def test_a_run_waits_a_moment_for_the_last_answers_of_the_release_before(
    host: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever asks after the run has ended is answered by the new release."""
    left = iter([2, 1, 0])
    monkeypatch.setattr(unix_sockets, "connected", lambda socket: next(left, 0))
    host.deploy()
    host.change("app = 2\n")
    host.deploy()
    assert list(left) == []


def test_the_next_start_waits_until_two_releases_are_one_again(host: FakeHost) -> None:
    old, new, _ = second(host)
    host.change("app = 3\n")
    host.events.clear()
    host.deploy()
    assert host.events.index(f"ended {old}") < host.events.index(f"start {host.current}")
    assert host.events.index("probe") < host.events.index(f"ended {old}"), "what needs no room has gone before"
    assert host.running == {host.current}


def test_a_rollback_to_a_release_that_drains_starts_it_when_it_has_ended(host: FakeHost) -> None:
    old, new, _ = second(host)
    host.events.clear()
    Rollback(host.request()).roll_back()
    assert host.events.index(f"ended {old}") < host.events.index(f"start {old}")
    assert (host.current, host.running) == (old, {old})
    assert os.listdir(host.wants) == [f"shop@{old}.service"]


def test_files_of_a_release_that_drains_are_not_pruned(host: FakeHost) -> None:
    """After a rollback the newer release drains, and a failed deploy prunes all the same."""
    old, new, _ = second(host, connections=0)
    host.slow[new] = 1
    host.draining.clear()
    Rollback(host.request()).roll_back()
    host.change("app = 3\n")
    host.probes = [{"error": "ImportError: no"}]
    host.draining[new] = 500
    host.settings["keep_releases"] = 1
    with pytest.raises(ReleaseError, match="can't be imported"):
        host.deploy()
    assert host.paths.release_ids() == [old, new]
    host.draining.clear()
    with pytest.raises(ReleaseError, match="can't be imported"):
        host.deploy()
    assert host.paths.release_ids() == [old]


def test_the_run_after_a_killed_one_leaves_what_drains_alone(host: FakeHost) -> None:
    old, new, _ = second(host)
    host.change("app = 3\n")
    host.fails["probe"] = Killed()
    with pytest.raises(Killed):
        host.deploy()
    host.events.clear()
    assert not host.deploy().changed or host.current
    assert f"stop {old}" not in host.events


def test_a_release_that_can_not_be_killed_stops_the_next_start(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new, _ = second(host)
    host.draining[old] = 10**6
    clock = iter(range(10**6))
    monkeypatch.setattr(drain.time, "monotonic", lambda: float(next(clock)))
    host.change("app = 3\n")
    with pytest.raises(ReleaseError, match=f"release {old} was told to stop but still runs") as raised:
        host.deploy()
    assert (raised.value.stage, host.current) == ("start", new)


def test_a_stop_that_systemd_refuses_is_told(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    host.deploy()
    refused = SimpleNamespace(returncode=1, stderr="Connection timed out\n")
    monkeypatch.setattr(systemd, "systemctl", lambda *_: refused)
    with pytest.raises(systemd.HostError, match="can't stop shop@0001-.*: Connection timed out"):
        host.processes()[0].retire(host.current)


@pytest.mark.parametrize(
    ("text", "seconds"), [("40s", 40), ("1min 30s", 90), ("500ms", 0.5), ("1h 1min 1s", 3661), ("infinity", 0), ("", 0)]
)
def test_times_are_read_as_systemd_writes_them(text: str, seconds: float) -> None:
    assert draining.seconds_of(text) == pytest.approx(seconds)


@pytest.mark.parametrize(("count", "said"), [(0, "0 connections"), (1, "1 connection"), (2, "2 connections")])
def test_connections_are_counted_in_words(count: int, said: str) -> None:
    assert (
        draining.Draining("0007-a", "web", 24, "connection", count).said()
        == f"0007-a is draining: {said}, at most 24 s more"
    )


def test_what_drains_is_told_by_the_summary_the_history_and_the_status() -> None:
    said = "0001-a is draining: 2 connections, at most 24 s more"
    record = {"id": "0002-b", "app": "shop", "revision": "b", "seconds": {"drain": 0.1}}
    result = {"changed": True, "record": record, "previous": "0001-a", "draining": [said]}
    assert f"Drains          {said}" in deploy.deployed("web", "https://shop.example.com/", result)
    assert f"Drains          {said}" in deploy.rolled_back("web", result)
    found = {"serving": "0002-b", "present": ["0002-b", "0001-a"], "draining": ["0001-a"]}
    assert (tables.now("0001-a", found), tables.now("0002-b", found)) == ("draining", "live")
