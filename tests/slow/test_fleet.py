# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Three web hosts that deploy one app together, each under load: one that fails at each stage, and then none."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from fleet import FAULTS, Fleet, Visits, fleet, visits
from helpers import Host

pytestmark = pytest.mark.once("13")
STAGES = ("fetch", "build", "check", "migrate", "start", "gate", "switch", "verify", "watch")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with fleet(tmp_path_factory.mktemp("fleet"), "fleet", ("web1", "web2", "web3")) as made:
        made.say("second")
        made.good("site.yml")
        yield made


@pytest.fixture
def load(shop: Fleet) -> Iterator[Visits]:
    """Visitors of all hosts."""
    with visits(shop.hosts) as seen:
        yield seen
    shop.mend()


@pytest.fixture
def host(shop: Fleet) -> Host:
    """The host whose journal is shown when a test fails."""
    return shop.hosts["web3"]


def told(stage: str) -> list[str]:
    """Return what a person may be told of where it failed: a folder that can't be written to is of no stage yet."""
    return {"fetch": [""], "start": [" at stage 'start'", " at stage 'gate'"]}.get(stage, [f" at stage '{stage}'"])


@pytest.mark.fault("the third host fails at a stage")
@pytest.mark.parametrize("stage", STAGES)
def test_a_host_that_fails_takes_all_back(shop: Fleet, load: Visits, stage: str) -> None:
    bad = f"bad-{stage}"
    shop.say(bad)
    if stage == "fetch":
        shop.hosts["web3"].run("mount -t tmpfs -o ro none /srv/shop/sources")
    elif stage == "switch":
        shop.hosts["web3"].run("mkdir /srv/shop/.previous.new")
    else:
        shop.spoil("web3", stage, bad)
    done = shop.deploy()
    assert done.code != 0, done.output
    assert any(f"the deploy failed on web3{at}" in done.output for at in told(stage)), done.output
    assert "The previous release is still live on all hosts" in done.output
    assert done.count("unreachable") == 0
    shop.hosts["web3"].run("rmdir /srv/shop/.previous.new 2>/dev/null || true")
    shop.serves("second")
    assert load.failures == []
    switched = stage in ("verify", "watch")
    assert load.words["web1"] == (
        ["second", bad, "second"] if stage in ("switch", *("verify", "watch")) else ["second"]
    )
    assert ("bad" in load.words["web3"][-1], switched or bad not in load.words["web3"]) == (False, True)


@pytest.mark.fault("the canary fails at the watch")
def test_a_canary_that_fails_is_the_only_one_that_switched(shop: Fleet, load: Visits) -> None:
    shop.say("yellow")
    shop.spoil("web1", "watch", "yellow")
    done = shop.deploy()
    assert done.code != 0 and "the deploy failed on web1 at stage 'watch'" in done.output, done.output
    shop.serves("second")
    assert load.failures == []
    assert (load.words["web2"], load.words["web3"]) == (["second"], ["second"])


def test_nothing_is_left(shop: Fleet) -> None:
    for host in shop.hosts.values():
        assert not host.ok(f"test -e {FAULTS}")
        outcomes = {json.loads(line)["outcome"] for line in host.run("cat /srv/shop/history.jsonl").splitlines()}
        assert outcomes == {"deployed", "failed"}


@pytest.mark.fault("a deploy on three hosts")
def test_all_hosts_get_the_release(shop: Fleet, load: Visits) -> None:
    shop.say("third")
    done = shop.deploy()
    assert done.code == 0, done.output
    shop.serves("third")
    assert load.failures == []
    assert done.output.count(": revision ") == 1, done.output
    assert "is live on all hosts" in done.output
    again = shop.deploy()
    assert (again.code, again.count("changed")) == (0, 0), again.output
    assert "is already live on all hosts; nothing changed" in again.output
    plan = shop.deploy("--tags", "plan")
    assert plan.code == 0 and "nothing: this is already live" in plan.output, plan.output


@pytest.mark.fault("a rollback on three hosts")
def test_all_hosts_go_back(shop: Fleet, load: Visits) -> None:
    done = shop.play("playbooks/rollback.yml")
    assert done.code == 0, done.output
    shop.serves("second")
    assert load.failures == []
    assert done.output.count(" is live again on all hosts") == 1, done.output
    shop.good("playbooks/rollback.yml", "-e", f"release={newest(shop.hosts['web1'])}")
    shop.serves("third")


def test_a_run_that_is_limited_is_refused(shop: Fleet) -> None:
    shop.say("limited")
    done = shop.deploy("--limit", "web1,web2")
    assert done.code != 0 and "-e without=web3" in done.output, done.output
    assert (done.count("changed"), shop.words()) == (0, dict.fromkeys(shop.hosts, "third"))


@pytest.mark.fault("a host can't be reached at the start")
def test_a_host_that_is_away_is_refused_or_left_out(shop: Fleet, load: Visits) -> None:
    shop.say("fourth")
    away = shop.hosts["web3"]
    away.run("systemctl stop ssh.socket ssh 2>/dev/null || systemctl stop ssh; pkill -9 -f '^sshd[^ ]*: root' || true")
    refused = shop.deploy()
    assert refused.code != 0 and "-e without=web3" in refused.output, refused.output
    assert shop.words() == dict.fromkeys(shop.hosts, "third")
    partly = shop.deploy("-e", "without=web3")
    assert partly.code == 0, partly.output
    assert shop.words() == {"web1": "fourth", "web2": "fourth", "web3": "third"}
    away.run("systemctl start ssh")
    whole = shop.deploy()
    assert whole.code == 0 and "Unchanged       web1, web2" in whole.output, whole.output
    shop.serves("fourth")
    assert load.failures == []


def newest(host: Host) -> str:
    lines = [json.loads(line) for line in host.run("cat /srv/shop/history.jsonl").splitlines()]
    return str([line["id"] for line in lines if line["outcome"] == "deployed"][-1])
