# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Several hosts that have one app: whose jobs would wait forever."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.plugin_utils._app import description, hosts
from app_descriptions import shop

WORKER = {"worker": {"command": "rq worker", "on": "first"}}
BEAT = {"beat": {"command": "celery -A jobs beat", "on": "first"}}


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
    variables = {"other": {"slipway_apps": []}, **{f"vps{number}": {"slipway_apps": [app]} for number in range(count)}}
    said = hosts.problem(description.normalise(app), list(variables), variables)
    assert bool(said) is refused
    assert ("each of the app's 2 hosts has its own queue" in said and "only on vps0" in said) is refused


@pytest.mark.parametrize(
    ("changes", "count", "sharing"),
    [
        ({"database": "url", "database_url": "postgresql://u:p@db/x"}, 3, 3),
        ({"database": "url", "database_url": "postgresql://u:p@db/x"}, 1, 1),
        ({}, 3, 1),
        ({"database": "none"}, 3, 1),
    ],
)
def test_hosts_share_a_database_that_is_elsewhere_and_have_local_ones_of_their_own(
    changes: dict[str, Any], count: int, sharing: int
) -> None:
    app = shop(**changes)
    variables = {"other": {"slipway_apps": []}, **{f"vps{number}": {"slipway_apps": [app]} for number in range(count)}}
    (found,) = hosts.on_host([description.normalise(app)], "vps0", list(variables), variables)
    assert found["hosts"] == sharing
