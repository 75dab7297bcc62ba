# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Three web hosts that deploy one app together, each under load: what visitors meet, and what each host serves afterwards."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from fleet import Fleet, Visits, fleet, visits
from helpers import Host

pytestmark = pytest.mark.once("13")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with fleet(tmp_path_factory.mktemp("fleet"), "fleet", ("web1", "web2", "web3")) as made:
        made.say("first")
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


@pytest.mark.fault("a deploy on three hosts")
def test_all_hosts_get_the_release(shop: Fleet, load: Visits) -> None:
    shop.say("second")
    done = shop.deploy()
    assert done.code == 0, done.output
    shop.serves("second")
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
    shop.serves("first")
    assert load.failures == []
    assert done.output.count(" is live again on all hosts") == 1, done.output
    shop.good("playbooks/rollback.yml", "-e", f"release={newest(shop.hosts['web1'])}")
    shop.serves("second")


def test_a_run_that_is_limited_is_refused(shop: Fleet) -> None:
    shop.say("limited")
    done = shop.deploy("--limit", "web1,web2")
    assert done.code != 0 and "-e without=web3" in done.output, done.output
    assert (done.count("changed"), shop.words()) == (0, dict.fromkeys(shop.hosts, "second"))


@pytest.mark.fault("a host can't be reached at the start")
def test_a_host_that_is_away_is_refused_or_left_out(shop: Fleet, load: Visits) -> None:
    shop.say("third")
    away = shop.hosts["web3"]
    away.run("systemctl stop ssh.socket ssh 2>/dev/null || systemctl stop ssh; pkill -x sshd-session || true")
    refused = shop.deploy()
    assert refused.code != 0 and "-e without=web3" in refused.output, refused.output
    assert shop.words() == dict.fromkeys(shop.hosts, "second")
    partly = shop.deploy("-e", "without=web3")
    assert partly.code == 0, partly.output
    assert shop.words() == {"web1": "third", "web2": "third", "web3": "second"}
    away.run("systemctl start ssh")
    whole = shop.deploy()
    assert whole.code == 0 and "Unchanged       web1, web2" in whole.output, whole.output
    shop.serves("third")
    assert load.failures == []


def newest(host: Host) -> str:
    lines = [json.loads(line) for line in host.run("cat /srv/shop/history.jsonl").splitlines()]
    return str([line["id"] for line in lines if line["outcome"] == "deployed"][-1])
