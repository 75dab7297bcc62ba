# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Runs over three hosts that are killed between two steps, and a host that dies: the next run makes all of them agree."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fleet import Fleet, Visits, fleet, get, kill, visits
from helpers import Host, wait_for

pytestmark = pytest.mark.once("13")
WAIT = """- name: Wait for somebody
  ansible.builtin.pause: {minutes: 10}
"""
CASES = {
    "before_migrate": ("slow-build", "first"),
    "before_switch": ("slow-migrate", "first"),
    "before_drain": ("slow-verify", "first"),
}
"""Where all others wait when one host is slow at something, and what serves in the end."""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with fleet(tmp_path_factory.mktemp("fleet"), "fleet-killed", ("web1", "web2", "web3")) as made:
        (made.folder / "wait.yml").write_text(WAIT)
        made.health_seconds = 60  # a verification that a test makes slow is not to fail by itself
        made.say("first")
        made.good("site.yml")
        yield made


@pytest.fixture
def site(shop: Fleet) -> Iterator[Fleet]:
    """All hosts serve the release `first`."""
    yield shop
    shop.mend()
    shop.say("first")
    shop.good("playbooks/deploy.yml")
    shop.serves("first")


@pytest.fixture
def load(site: Fleet) -> Iterator[Visits]:
    """Visitors of all hosts."""
    with visits(site.hosts) as seen:
        yield seen


@pytest.fixture
def host(shop: Fleet) -> Host:
    """The host whose journal is shown when a test fails."""
    return shop.hosts["web1"]


def failing_run(site: Fleet) -> None:
    """Deploy once more, which fails on the second host."""
    site.say("worse")
    site.spoil("web2", "build", "worse")
    done = site.deploy()
    assert done.code != 0 and "the deploy failed on web2 at stage 'build'" in done.output, done.output
    assert "The previous release is still live on all hosts" in done.output


def is_over(host: Host) -> bool:
    """Tell whether no module of a killed run is at work any more."""
    return host.ok("flock -n /srv/shop/.lock true")


@pytest.mark.fault("the controller is killed between two steps of a deploy")
@pytest.mark.parametrize("point", CASES)
def test_a_controller_that_dies(site: Fleet, load: Visits, point: str) -> None:
    slow, serves = CASES[point]
    site.say("killed")
    site.spoil("web3", slow, "killed")
    run = site.start("playbooks/deploy.yml")
    try:
        wait_for(lambda: {site.held_at("web1"), site.held_at("web2")} == {point}, seconds=90)
    finally:
        kill(run)
    site.hosts["web3"].run("rm -r /opt/faults")
    for one in site.hosts.values():
        wait_for(lambda one=one: is_over(one), seconds=60)  # type: ignore[misc]
    ahead = {name for name, word in site.words().items() if word == "killed"}
    assert bool(ahead) == (point == "before_drain")
    failing_run(site)
    site.serves(serves)
    assert load.failures == []


@pytest.mark.fault("the controller is killed when all hosts were told to drain")
def test_a_deploy_that_all_were_told_of_stays(site: Fleet, load: Visits) -> None:
    site.say("told", hooks={"after_drain": "wait.yml"})
    run = site.start("playbooks/deploy.yml")
    try:
        wait_for(lambda: {site.held_at(name) for name in site.hosts} == {"after_drain"}, seconds=90)
    finally:
        kill(run)
    failing_run(site)
    site.serves("told")
    assert load.failures == []


@pytest.mark.fault("the controller is killed in the midst of a rollback")
def test_a_rollback_that_not_all_have_made_is_undone(site: Fleet, load: Visits) -> None:
    site.say("second")
    site.good("playbooks/deploy.yml")
    site.spoil("web3", "slow-verify", "first")
    run = site.start("playbooks/rollback.yml")
    try:
        wait_for(lambda: {site.held_at("web1"), site.held_at("web2")} == {"before_drain"}, seconds=90)
    finally:
        kill(run)
    site.hosts["web3"].run("rm -r /opt/faults")
    wait_for(lambda: is_over(site.hosts["web3"]), seconds=60)
    failing_run(site)
    site.serves("second")
    assert load.failures == []


@pytest.mark.fault("a host dies in the midst of its switch")
def test_a_host_that_dies_takes_all_back_and_follows(site: Fleet) -> None:
    living = {name: site.hosts[name] for name in ("web1", "web2")}
    with visits(living) as load:
        site.say("killed")
        site.spoil("web3", "slow-verify", "killed")
        run = site.start("playbooks/deploy.yml")
        wait_for(lambda: get(site.hosts["web3"])["word"] == "killed", seconds=90)
        site.die("web3")
        output = run.communicate(timeout=120)[0]
        assert run.returncode != 0
        assert "the deploy failed on web3" in output and "all hosts but web3" in output, output
        assert {get(one)["word"] for one in living.values()} == {"first"}
        site.revive("web3")
        site.hosts["web3"].run("rm -rf /opt/faults")
        assert get(site.hosts["web3"])["word"] == "first", "by itself, from its boot on"
        failing_run(site)
        site.serves("first")
    assert load.failures == []
