# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Three web hosts that deploy one app together, each under load, and one of them that fails at each stage."""

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
    with fleet(tmp_path_factory.mktemp("fleet"), "fleet-faults", ("web1", "web2", "web3")) as made:
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
