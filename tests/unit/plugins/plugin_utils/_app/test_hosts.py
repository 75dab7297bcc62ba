# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Several hosts that have one app: who runs what, and whose jobs would wait forever."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.plugin_utils._app import description, hosts
from app_descriptions import shop

WORKER = {"worker": {"command": "rq worker", "on": "first"}}
BEAT = {"beat": {"command": "celery -A jobs beat", "on": "first"}}
URL = {"database": "url", "database_url": "postgresql://u:p@db/x"}


def inventory(app: dict[str, Any], count: int, workers: int = 0) -> tuple[dict[str, list[str]], dict[str, Any]]:
    """Return the groups and variables of COUNT hosts that serve APP, of WORKERS, and of one host that has another app."""
    groups = {
        "web": ["other", *(f"vps{number}" for number in range(count))],
        "worker": [f"worker{number}" for number in range(workers)],
    }
    own = {host: {"slipway_apps": [app]} for hosts in groups.values() for host in hosts}
    return groups, {**own, "other": {"slipway_apps": []}}


def placed(app: dict[str, Any], host: str, count: int, workers: int = 0) -> dict[str, Any]:
    groups, variables = inventory(app, count, workers)
    (found,) = hosts.on_host([description.normalise(app)], host, groups, variables)
    return found


@pytest.mark.parametrize(
    ("count", "changes", "refused"),
    [
        (2, {"redis": "local", "processes": WORKER}, True),
        (2, {"redis": "local", "redis_purpose": "cache", "processes": WORKER}, False),
        (2, {"redis": "url", "redis_url": "rediss://:p@h", "processes": WORKER}, False),
        (1, {"redis": "local", "processes": WORKER}, False),
        (2, {"redis": "local", "processes": {"worker": {"command": "rq worker"}, **BEAT}}, False),
        (2, {"redis": "local"}, False),
        (2, {"processes": WORKER}, False),
    ],
)
def test_workers_on_one_host_do_not_do_the_jobs_of_another(count: int, changes: dict[str, Any], refused: bool) -> None:
    app = shop(**changes)
    assert description.problems([app]) == []
    told = list(hosts.problems(description.normalise(app), *inventory(app, count)))
    assert bool(told) is refused
    said = "".join(told)
    assert (
        "each of the app's 2 hosts has its own queue" in said and "only on vps0, and jobs on vps1" in said
    ) is refused


def test_jobs_of_web_hosts_do_not_reach_the_queue_of_a_worker_host() -> None:
    app = shop(redis="local", processes={"worker": {"command": "rq worker", "on": "worker"}})
    (said,) = hosts.problems(description.normalise(app), *inventory(app, 2, 1))
    assert "would run only on worker0, and jobs on vps0, vps1 would wait forever" in said


def test_a_process_for_hosts_that_are_not_there_would_run_nowhere() -> None:
    app = shop(processes={"worker": {"command": "rq worker", "on": "worker"}})
    (said,) = hosts.problems(description.normalise(app), *inventory(app, 2))
    assert "no host of the group 'worker' has the app, so it would run nowhere" in said
    assert list(hosts.problems(description.normalise(app), *inventory(app, 2, 1))) == []


@pytest.mark.parametrize(
    ("on", "there"),
    [
        ("every", ["vps0", "vps1", "worker0", "worker1"]),
        ("first", ["vps0"]),
        ("web", ["vps0", "vps1"]),
        ("worker", ["worker0", "worker1"]),
        ("", ["vps0", "vps1", "worker0", "worker1"]),
    ],
)
def test_a_process_runs_where_it_is_placed(on: str, there: list[str]) -> None:
    app = shop(processes={"worker": {"command": "rq worker", "on": on}})
    every = ["vps0", "vps1", "worker0", "worker1"]
    assert [host for host in every if "worker" in placed(app, host, 2, 2)["processes"]] == there


@pytest.mark.parametrize("entry", [{"schedule": "*-*-* 06:00"}, {"handover": "stop_first"}])
def test_what_must_never_run_twice_runs_on_one_of_all_hosts(entry: dict[str, Any]) -> None:
    app = shop(processes={"digest": {"command": "flask digest", **entry}})
    every = ["vps0", "vps1", "worker0"]
    assert [host for host in every if "digest" in placed(app, host, 2, 1)["processes"]] == ["vps0"]


def test_staging_in_the_same_inventory_is_another_fleet() -> None:
    app = shop(processes=BEAT)
    groups = {"web": ["staging", "vps0"]}
    variables = {"staging": {"slipway_apps": [{**app, "stage": "staging"}]}, "vps0": {"slipway_apps": [app]}}
    (found,) = hosts.on_host([description.normalise(app)], "vps0", groups, variables)
    assert set(found["processes"]) == {"beat"}


def test_a_host_for_processes_alone_serves_no_site() -> None:
    app = shop()
    assert [placed(app, host, 1, 1)["serves"] for host in ("vps0", "worker0")] == [True, False]
    assert hosts.serves("both", {"web": ["both"], "worker": ["both"]})


@pytest.mark.parametrize(
    ("changes", "count", "workers", "sharing"),
    [(URL, 3, 0, 3), (URL, 1, 0, 1), (URL, 2, 1, 3), ({}, 3, 0, 1), ({"database": "none"}, 3, 0, 1)],
)
def test_hosts_share_a_database_that_is_elsewhere_and_have_local_ones_of_their_own(
    changes: dict[str, Any], count: int, workers: int, sharing: int
) -> None:
    assert placed(shop(**changes), "vps0", count, workers)["hosts"] == sharing


def test_hosts_share_the_database_of_a_database_host() -> None:
    app = shop()
    groups, variables = inventory(app, 2)
    groups["db"], variables["db1"] = ["db1"], {"slipway_apps": [app]}
    (found,) = hosts.on_host([description.normalise(app)], "vps0", groups, variables)
    assert found["hosts"] == 2
