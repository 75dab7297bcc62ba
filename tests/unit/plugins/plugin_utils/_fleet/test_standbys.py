# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Which database server follows which, and an inventory that a promotion has made wrong."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.plugin_utils._fleet import standbys

EARLY, LATE = "2026-11-27T05:27:43Z", "2026-11-27T06:46:01Z"


def hosts(standby_of: dict[str, str], **marks: dict[str, str]) -> dict[str, Any]:
    """Return the variables of db1 and db2: STANDBY_OF by the inventory, and what they keep of a promotion."""
    return {
        host: {
            "ansible_host": f"10.0.0.{number}",
            **({"slipway_database": {"standby_of": standby_of[host]}} if host in standby_of else {}),
            **({"slipway_database_marks": {"marks": marks[host]}} if host in marks else {}),
        }
        for number, host in enumerate(("db1", "db2"), 1)
    }


CLOSED = {"closed_for": "db2", "at": EARLY, "by": "ann"}
PROMOTED = {"promoted_from": "db1", "at": EARLY, "by": "ann"}


@pytest.mark.parametrize(
    ("variables", "db1", "db2"),
    [
        (hosts({"db2": "db1"}), "", ""),
        (hosts({"db2": "db1"}, db1=CLOSED, db2=PROMOTED), "it was closed at", "it was promoted at"),
        (hosts({"db1": "db2"}, db1=CLOSED, db2=PROMOTED), "", ""),
        # db1 could not be reached then, and is back.
        (hosts({"db2": "db1"}, db2=PROMOTED), "", "it was promoted at"),
        # db1 has taken over again since, while db2 could not be reached.
        (hosts({"db2": "db1"}, db1={"promoted_from": "db2", "at": LATE, "by": "ann"}, db2=PROMOTED), "", ""),
        (hosts({"db1": "db2"}, db1={"promoted_from": "db2", "at": LATE, "by": "ann"}, db2=PROMOTED), "it was promoted at", ""),
    ],
)  # fmt: skip
def test_an_inventory_must_say_what_the_last_promotion_has_made(variables: Any, db1: str, db2: str) -> None:
    for host, words in (("db1", db1), ("db2", db2)):
        said = standbys.promoted(host, variables)
        assert (words in said and "Change slipway_database" in said) if words else said == ""


def test_a_standby_is_described_with_what_its_host_has_said() -> None:
    variables = hosts({"db2": "db1"})
    variables["db2"]["postgres_server_standby"] = {"verifier": "SCRAM"}
    variables["db1"]["postgres_server_replicated"] = {"lost": ["db2"]}
    groups = {"db": ["db1", "db2"]}
    of_primary, of_standby = (standbys.replication(host, groups, variables) for host in ("db1", "db2"))
    assert of_primary["standbys"] == [
        {"name": "db2", "address": "10.0.0.2", "certified": "db2.slipway.internal", "verifier": "SCRAM"}
    ]
    assert of_standby["primary"]["name"] == "db1" and of_standby["lost"] and not of_primary["lost"]


@pytest.mark.parametrize(
    ("given", "words"),
    [("db1", "it must be {standby_of: HOST}"), ({"standby": "db1"}, "it must be {standby_of: HOST}"),
     ({"standby_of": "db2"}, "must be another host"), ({"standby_of": "web1"}, "must be another host"),
     ({"standby_of": "db3"}, "which is a standby itself")],
)  # fmt: skip
def test_what_can_not_be_a_standby_is_refused(given: Any, words: str) -> None:
    variables = {**hosts({}), "web1": {}, "db3": {"slipway_database": {"standby_of": "db1"}}}
    variables["db2"]["slipway_database"] = given
    (said,) = standbys.problems("db2", {"web": ["web1"], "db": ["db1", "db2", "db3"]}, variables)
    assert words in said
