# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""An app with a worker in two instances, and a scheduler of which there must never be two, through all that happens to releases."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._app.places import ReleaseError
from ansible_collections.slipway.flask.plugins.module_utils._host import systemd
from ansible_collections.slipway.flask.plugins.module_utils._release.rollback import Rollback
from ansible_collections.slipway.flask.plugins.plugin_utils._gunicorn import process, process_files
from fake_host import SECRET, FakeHost, Killed

WORKER = {"command": "python work.py $PROCESS_NAME", "instances": 2}
BEAT = {"command": "python beat.py", "handover": "stop_first"}


def configure(host: FakeHost, **processes: dict[str, Any]) -> None:
    """Have the host set up for PROCESSES, as the role gunicorn_systemd does it."""
    whole = {name: process.complete(entry) for name, entry in processes.items()}
    listed = host.paths.settings / "processes.json"
    for file in host.units.glob("shop.*@.service"):
        file.unlink()
    listed.unlink(missing_ok=True)
    if whole:
        listed.write_text(process_files.document(whole, "/srv/shop/releases/%i"))
    for name, entry in whole.items():
        handover = f"X-Handover={entry['handover']}\n" * (entry["handover"] == "stop_first")
        text = f"[Service]\n{handover}Environment=PROCESS_NAME={name}\nRestart=always\nX-RestartSteps=5\n"
        (host.units / f"shop.{name}@.service").write_text(text)


class Never:
    """Looks at each event whether two schedulers run, or whether one runs that does not belong to what serves."""

    def __init__(self, host: FakeHost) -> None:
        self.host, self.event, self.two = host, host.event, list[str]()
        host.event = self.look  # type: ignore[method-assign]

    def look(self, text: str) -> None:
        running = {one for one in {*self.host.running, *self.host.draining} if one.startswith("shop.beat")}
        if len(running) > 1 or (text.startswith("start shop.beat") and running - {text.removeprefix("start ")}):
            self.two.append(f"{text}: {sorted(running)}")
        self.event(text)


@pytest.fixture
def shop(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> FakeHost:
    """The host, whose app has a worker and a scheduler."""
    configure(host, worker=WORKER, beat=BEAT)
    host.settings["watch_seconds"] = 0
    return host


def units(release: str) -> set[str]:
    return {release, f"shop.worker@{release}", f"shop.worker.2@{release}", f"shop.beat@{release}"}


def alone(host: FakeHost) -> None:
    """Exactly one release runs and starts at boot, whole."""
    assert host.running == units(host.current)
    assert {name.removesuffix(".service") for name in os.listdir(host.wants)} == {
        one if "@" in one else f"shop@{one}" for one in units(host.current)
    }


def test_each_instance_knows_its_name_and_starts_before_the_switch_but_what_must_be_alone(shop: FakeHost) -> None:
    shop.deploy()
    release = shop.current
    alone(shop)
    steps = [event for event in shop.events if event.startswith(("start", "switched"))]
    assert steps == [
        f"start {release}", f"start shop.worker@{release}", f"start shop.worker.2@{release}",
        f"switched to {release}", f"start shop.beat@{release}",
    ]  # fmt: skip
    named = [(shop.units / f"shop.{name}@{release}.service").read_text() for name in ("worker", "worker.2")]
    assert ["PROCESS_NAME=worker\n" in named[0], "PROCESS_NAME=worker.2\n" in named[1]] == [True, True]
    assert not list((shop.memory / "starts").iterdir())


@pytest.mark.parametrize(("version", "line"), [(252, "X-RestartSteps=5"), (254, "RestartSteps=5")])
def test_systemd_is_told_only_what_it_knows(
    version: int, line: str, shop: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(systemd, "version", lambda: version)
    shop.deploy()
    text = (shop.units / f"shop.worker@{shop.current}.service").read_text()
    assert f"\n{line}\n" in text


def test_releases_follow_each_other_and_two_schedulers_never_run(shop: FakeHost) -> None:
    shop.deploy()
    first, never = shop.current, Never(shop)
    shop.change()
    shop.deploy()
    second = shop.current
    alone(shop)
    events = [event for event in shop.events if "shop.beat" in event]
    assert events[-2:] == [f"stop shop.beat@{first}", f"start shop.beat@{second}"]
    Rollback(shop.request()).roll_back()
    assert shop.current == first
    alone(shop)
    assert never.two == []


FAULTS: dict[str, tuple[str, Callable[[FakeHost], object], str]] = {
    "ends at once": (
        "gate", lambda host: host.restarts.update({"shop.worker.2@{}": 1}),
        r"shop\.worker\.2@0002-\w+\.service ended; it must run for 5 s. The end of its journal:\nall is \*+",
    ),
    "has no memory": (
        "gate", lambda host: (host.starved.add("shop.worker@{}"), host.restarts.update({"shop.worker@{}": 1})),
        r"shop\.worker@0002-\w+\.service ran out of memory and was killed; it must run for 5 s",
    ),
    "can't be found": (
        "start", lambda host: configure(host, worker=WORKER, beat={**BEAT, "command": "pyhton beat.py"}),
        "beat can't start: there is no program 'pyhton' in the release's environment",
    ),
    "does not start": (
        "start", lambda host: host.fails.update({"start shop.worker@0002": systemd.HostError("it did not start")}),
        "it did not start",
    ),
    "ends when it is its turn": (
        "switch", lambda host: host.restarts.update({"shop.beat@{}": 1}), r"shop\.beat@0002-\w+\.service ended; it must"
    ),
}  # fmt: skip


@pytest.mark.parametrize(("stage", "fault", "said"), FAULTS.values(), ids=FAULTS)
def test_a_process_that_fails_leaves_the_old_release_serving(
    shop: FakeHost, monkeypatch: pytest.MonkeyPatch, stage: str, fault: Callable[[FakeHost], object], said: str
) -> None:
    shop.deploy()
    before, never = shop.serving(), Never(shop)
    shop.journal = f"all is {SECRET}"
    shop.change()
    fault(shop)
    monkeypatch.setattr(systemd, "properties", for_the_second(shop))
    with pytest.raises(ReleaseError, match=said) as raised:
        shop.deploy()
    assert raised.value.stage == stage
    after = shop.serving()
    if stage == "switch" or "program" in said:  # `previous` went with the release that it was set for; other settings
        before, after = {**before, "tree": None}, {**after, "tree": None}
    assert (after, never.two) == (before, [])
    alone(shop)


def for_the_second(host: FakeHost) -> Callable[..., dict[str, str]]:
    """Return `properties` by which what the host's faults say of `{}` holds for the second release."""
    properties = host.properties

    def shown(unit: str, *names: str) -> dict[str, str]:
        release = unit.partition("@")[2].removesuffix(".service")
        if release.startswith("0002"):
            name = host.instance(unit)
            host.restarts |= {key.format(release): value for key, value in host.restarts.items()}
            host.starved |= {key.format(release) for key in host.starved}
            found = properties(unit, *names)
            return {**found, "ActiveState": "activating"} if host.restarts.get(name) else found
        return properties(unit, *names)

    return shown


def test_a_worker_that_is_started_again_after_the_switch_takes_the_release_back(shop: FakeHost) -> None:
    shop.deploy()
    first = shop.current
    shop.change()
    event = shop.event

    def crash(text: str) -> None:
        event(text)
        if text.startswith("watch"):
            shop.restarts[f"shop.worker@{shop.current}"] = 1

    shop.event = crash  # type: ignore[method-assign]
    with pytest.raises(
        ReleaseError, match="after the switch, worker failed: .* ended and had to be restarted"
    ) as raised:
        shop.deploy(watch_seconds=1)
    assert (raised.value.stage, shop.current) == ("watch", first)
    alone(shop)


def kill_after(host: FakeHost, number: int) -> None:
    """Kill the run that comes at the event after NUMBER others; the one after it is left alone."""
    event, left = host.event, [number]

    def kill(text: str) -> None:
        event(text)
        left[0] -= 1
        if left[0] < 0:
            host.event = event  # type: ignore[method-assign]
            raise Killed

    host.event = kill  # type: ignore[method-assign]


@pytest.mark.parametrize("number", range(21))
@pytest.mark.parametrize("what", ["deploy", "rollback"])
def test_whenever_a_run_is_killed_the_next_one_leaves_one_release_whole(shop: FakeHost, what: str, number: int) -> None:
    shop.deploy()
    shop.change()
    if what == "rollback":
        shop.deploy()
        shop.change("app = 3\n")
    never = Never(shop)
    kill_after(shop, number)
    try:
        if what == "deploy":
            shop.deploy()
        else:
            Rollback(shop.request()).roll_back()
    except Killed:
        pass
    else:
        pytest.fail("the run has fewer events than it had: lower their number above")
    shop.deploy()
    alone(shop)
    assert never.two == []


@pytest.mark.parametrize("number", range(21))
def test_a_scheduler_that_takes_its_time_to_end_is_waited_for_after_a_rollback_that_was_killed(
    shop: FakeHost, number: int
) -> None:
    shop.deploy()
    first = shop.current
    shop.change()
    shop.deploy()
    shop.slow |= {f"shop.beat@{first}": 1, f"shop.beat@{shop.current}": 1}
    never = Never(shop)
    kill_after(shop, number)
    with pytest.raises(Killed):
        Rollback(shop.request()).roll_back()
    shop.deploy()
    assert never.two == []


def test_the_old_ones_finish_what_they_are_at_and_the_next_start_waits_for_it(shop: FakeHost) -> None:
    shop.deploy()
    old = shop.current
    shop.slow[f"shop.worker.2@{old}"] = 1
    shop.change()
    assert shop.deploy().draining == [f"{old} is draining: worker, at most 0 s more"]
    alone(shop)
    shop.change("app = 3\n")
    shop.events.clear()
    shop.deploy()
    assert shop.events.index(f"ended shop.worker.2@{old}") < shop.events.index(f"start {shop.current}")
    alone(shop)


def test_a_rollback_does_not_wait_for_workers_of_the_release_that_it_goes_back_to(shop: FakeHost) -> None:
    shop.deploy()
    old = shop.current
    shop.slow[f"shop.worker@{old}"] = 1
    shop.change()
    shop.deploy()
    shop.draining[f"shop.worker@{old}"] = 100
    done = Rollback(shop.request()).roll_back()
    assert shop.current == old
    assert f"ended shop.worker@{old}" not in shop.events
    (note,) = done.notes
    assert note == f"worker of {old} is still finishing its work, for 0 s at most; then it starts again"
    while shop.draining:
        systemd.properties(f"shop.worker@{old}.service", "ActiveState")
    alone(shop)


def test_a_worker_that_somebody_has_stopped_runs_again_after_a_deploy_that_has_nothing_to_do(shop: FakeHost) -> None:
    shop.deploy()
    shop.running -= {f"shop.worker.2@{shop.current}", f"shop.beat@{shop.current}"}
    assert not shop.deploy().changed
    alone(shop)


def test_a_process_that_is_renamed_is_ended_with_its_release_and_comes_back_with_it(shop: FakeHost) -> None:
    shop.deploy()
    first = shop.current
    configure(shop, mailer=WORKER)
    shop.deploy()
    second = shop.current
    assert shop.running == {second, f"shop.mailer@{second}", f"shop.mailer.2@{second}"}
    Rollback(shop.request()).roll_back()
    assert shop.current == first
    alone(shop)


def test_processes_that_are_taken_out_are_ended_and_their_units_go_with_the_release(shop: FakeHost) -> None:
    shop.deploy()
    first = shop.current
    configure(shop)
    shop.deploy()
    assert shop.running == {shop.current}
    assert (shop.units / f"shop.worker.2@{first}.service").exists()
    for number in range(3):
        shop.change(f"app = {number + 5}\n")
        shop.deploy()
    assert not list(shop.units.glob("shop.*@?*")), "pruned with the release"
    assert not shop.deploy().changed


def test_a_host_of_an_earlier_version_gets_its_first_worker_with_a_release(host: FakeHost) -> None:
    host.deploy()
    first = host.current
    assert not host.deploy().changed
    configure(host, worker={**WORKER, "instances": 1})
    assert host.deploy().changed
    assert host.running == {host.current, f"shop.worker@{host.current}"}
    Rollback(host.request()).roll_back()
    assert (host.current, host.running) == (first, {first})


def test_a_deploy_says_when_the_variables_have_other_processes_than_the_host(shop: FakeHost) -> None:
    text = json.dumps({**json.loads((shop.paths.settings / "processes.json").read_text()), "mailer": {}})
    done = shop.deploy(expected_settings={"processes.json": text})
    assert done.notes == [
        "the variables have different processes than the host (mailer added): a deploy does not apply them, site.yml does"
    ]
    (shop.paths.settings / "processes.json").write_text(text)


def test_web_that_must_be_alone_ends_when_the_workers_are_ready(
    shop: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that never is ready must not cost the visitors a wait."""
    from ansible_collections.slipway.flask.plugins.module_utils._process.web import Web

    taken: list[str] = []
    monkeypatch.setattr(Web, "switches", lambda self, release: True)
    monkeypatch.setattr(Web, "start", lambda self, release: taken.append(release))
    shop.fails["start shop.worker.2@0001"] = systemd.HostError("no broker")
    with pytest.raises(ReleaseError, match="no broker"):
        shop.deploy()
    assert taken == []
    shop.fails = {}
    shop.deploy()
    boot = {name.partition("@")[0] for name in os.listdir(shop.wants)}
    assert boot >= {"shop.worker", "shop.worker.2", "shop.beat"}, "whatever becomes of the run when web has switched"
