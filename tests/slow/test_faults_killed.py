# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Runs that are killed, cut off or met by another one: the site is served all along, and the next run needs no help."""

from __future__ import annotations

import getpass
import os
import re
import signal
import socket
from collections.abc import Iterator

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._release.stages import names_of, position
from faults import App, shared_out
from helpers import Host, wait_for
from load import Load, Seen
from processes import PROCESSES, add_to, settled
from stops import kill_at

BY = f"{getpass.getuser()}@{socket.gethostname()}"
STAGES = names_of("deploy")
POINTS = {
    **{f"at {stage}": ("begin", stage) for stage in STAGES},
    "in the middle of build": ("add_needed", ""),
    "before the history is written": ("append_history", ""),
}
SWITCHED = (*(f"at {stage}" for stage in STAGES[position("after_switch", STAGES) :]), "before the history is written")


@pytest.fixture(scope="module")
def app(app: App) -> App:
    """The app has workers and a scheduler in this file's tests."""
    add_to(app.folder)
    app.keep()
    app.description = {**app.description, "processes": PROCESSES}
    app.describe()
    return app


@pytest.fixture(autouse=True)
def whole(provisioned: App) -> Iterator[None]:
    """After each test, the live release has its processes and no other one has any."""
    yield
    settled(provisioned.host, "harbour")


@pytest.mark.fault("deploy killed")
@pytest.mark.parametrize("point", shared_out(POINTS))
def test_second_run_after_one_that_was_killed(site: App, load: Seen, point: str) -> None:
    """Both sides of the first run die; what it had switched to stays, all else goes with the next run."""
    before, history = site.current(), len(site.history())
    site.headline(f"Killed {point}")
    if point == "in the middle of build":
        site.describe(extra_packages=["colorama==0.4.6"])
    kill_at(site.project, "playbooks/deploy.yml", *POINTS[point])
    left = site.current()
    assert (left != before) == (point in SWITCHED)
    wait_for(lambda: site.visitor().get("/").headers["X-Release"] == left, seconds=30)
    second = site.deployed()
    assert f"Killed {point}" in site.visitor().get("/").text
    load.all_served()
    added = site.history()[history:]
    if point in SWITCHED:
        assert [(line["id"], line["outcome"]) for line in added] == [(left, "deployed")]
        assert f"release {left} was made live by a run that did not finish; it is recorded now" in second.output
    else:
        assert [line["outcome"] for line in added] == ["killed", "deployed"]
        assert added[0]["stage"] == ("build" if "build" in point else point.removeprefix("at "))
        assert f"of release {added[0]['id']}, was cleaned up" in second.output


@pytest.mark.fault("rollback killed")
@pytest.mark.parametrize("stage", shared_out(["switch", "verify"]))
def test_second_rollback_after_one_that_was_killed(site: App, load: Seen, stage: str) -> None:
    site.headline(f"Rolled back from, {stage}")
    older = site.current()
    site.deployed()
    newer, history = site.current(), len(site.history())
    kill_at(site.project, "playbooks/rollback.yml", "begin", stage)
    assert site.current() == (newer if stage == "switch" else older)
    site.project.good("playbooks/rollback.yml", "-e", f"release={older}")
    assert site.current() == older
    load.all_served()
    outcomes = [(line["id"], line["outcome"]) for line in site.history()[history:]]
    assert outcomes == ([(older, "killed")] if stage == "switch" else []) + [(older, "rolled back")]


# ---- runs that live on, or meet ------------------------------------------------------------------------------------


def deploying(host: Host) -> bool:
    """Tell whether a release command runs on the host: between the build and the switch."""
    return host.ok("systemctl is-active --quiet 'harbour-release-*'")


def unlocked(host: Host) -> bool:
    return host.ok("flock --nonblock /srv/harbour/.lock true")


@pytest.mark.once("12")
@pytest.mark.fault("two deploys at once")
def test_second_deploy_at_once_is_refused_and_told_who_and_since_when(site: App, load: Seen) -> None:
    site.headline("The first one")
    site.describe(
        release_commands=["flask db upgrade", "sh -c 'until test -e /srv/harbour/shared/go; do sleep 0.1; done'"]
    )
    first = site.project.start("playbooks/deploy.yml")
    try:
        wait_for(lambda: deploying(site.host), seconds=180)
        second = site.deploy()
    finally:
        site.host.run("touch /srv/harbour/shared/go")
        output, _ = first.communicate(timeout=180)
        site.host.run("rm /srv/harbour/shared/go")
    assert second.code != 0
    told = (
        rf"{re.escape(BY)} has been deploying this app for \d+ s "
        rf"\(release {site.current()}, stage 'migrate'\); wait until it is done"
    )
    assert re.search(told, second.output), second.output
    assert first.returncode == 0, output
    assert "The first one" in site.visitor().get("/").text
    load.all_served()


def lose_controller(host: Host, run: int) -> None:
    """The machine that runs Ansible is gone, from one moment to the next."""
    os.killpg(run, signal.SIGKILL)


def lose_connection(host: Host, run: int) -> None:
    """The host's end of the connection is gone; the controller finds out by itself."""
    host.run("pkill -9 -f '^sshd[^ ]*: root'")


@pytest.mark.once("13")
@pytest.mark.fault("lost in mid-deploy")
@pytest.mark.parametrize("lose", [lose_controller, lose_connection], ids=["controller", "connection"])
def test_run_that_is_cut_off_ends_on_the_host_by_itself(site: App, load: Seen, lose) -> None:  # type: ignore[no-untyped-def]
    """The host's side holds the lock until it is over; the run after it finds what it made, or makes it."""
    host, title = site.host, f"Cut off from {lose.__name__}"
    site.headline(title)
    site.describe(release_commands=["flask db upgrade", "sleep 4"])
    first = site.project.start("playbooks/deploy.yml")
    wait_for(lambda: deploying(host), seconds=180)
    lose(host, first.pid)
    first.communicate(timeout=180)
    assert first.returncode != 0
    wait_for(lambda: unlocked(host), seconds=180)
    site.deployed()
    assert title in site.visitor().get("/").text
    load.all_served()


def test_every_arrival_was_logged_once(visitors: Load) -> None:
    visitors.stop()
    visitors.answered_once()
