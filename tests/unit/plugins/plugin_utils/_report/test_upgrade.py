# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a person reads of an upgrade of the database server."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.plugin_utils._report import upgrade

PLAN: dict[str, Any] = {
    "old": "15/main", "new": "17/main", "port": 5432, "databases": {"postgres": 8 * 2**20, "shop": 44 * 2**20},
    "size": 80 * 2**20, "needed": 663 * 2**20, "free": 65 * 2**30, "seconds": 17, "backup": "dump", "collations": [],
    "removes": "", "sites": ["shop"], "units": [], "problems": [],
}  # fmt: skip
JOURNAL: dict[str, Any] = {
    "old": "15/main", "new": "17/main", "step": "done", "began": "2026-11-26T13:07:04Z", "ended": "2026-11-26T13:07:16Z",
    "sites": ["shop"], "units": ["shop@1.service"], "dump": "/var/lib/slipway/upgrade/15-main.sql.gz", "closed_seconds": 10.4,
    "notes": ["a full backup was started"],
}  # fmt: skip
WOULD = """\
vps1: PostgreSQL 15/main would become 17/main
  Databases  shop 44 MB
  Space      663 MB needed for a copy beside it, 65.0 GB free
  First      a dump of all databases, for the host has no backups; the sites are open meanwhile
  Closed     shop, for about 17 s; workers and timers are stopped
  Kept       the cluster 15/main, stopped; -e back=true -e yes=true puts it in place again; -e forget=true removes it
  Do it      -e yes=true"""
DONE = """\
vps1: PostgreSQL 17/main serves
  Closed  shop for 10 s
  Kept    the cluster 15/main, stopped; -e back=true -e yes=true puts it in place again; -e forget=true removes it
  Dump    /var/lib/slipway/upgrade/15-main.sql.gz, until -e forget=true
  Note    a full backup was started"""


def said(back: bool = False, **answer: Any) -> str:
    return upgrade.report("vps1", {"plan": None, "journal": None, "done": "", **answer}, back)


def test_a_plan_says_all_that_would_be_done() -> None:
    assert said(plan=PLAN) == WOULD


def test_an_upgrade_says_how_long_the_site_was_closed_and_what_is_kept() -> None:
    assert said(journal=JOURNAL, done="upgrade") == DONE


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"plan": {**PLAN, "backup": "backup"}}, "First      a restore point of the host's backups"),
        ({"plan": {**PLAN, "collations": ["shop"]}}, "Indexes    made again in shop: the operating system sorts text otherwise"),
        ({"plan": {**PLAN, "removes": "which is empty"}}, "17/main that is there, which is empty"),
        ({"plan": {**PLAN, "problems": ["no room"]}}, "In the way  no room"),
        ({}, "vps1: PostgreSQL is at the newest version that is installed; there is nothing to upgrade"),
        ({"journal": JOURNAL}, "17/main serves since 2026-11-26 13:07 UTC; the cluster 15/main is kept: -e back=true"),
        ({"journal": {**JOURNAL, "step": "gone back"}}, "15/main serves since 2026-11-26 13:07 UTC; the cluster 17/main is kept"),
        ({"journal": {**JOURNAL, "step": "gone back"}, "done": "back"}, "vps1: PostgreSQL 15/main serves again"),
        ({"journal": {**JOURNAL, "step": "convert"}}, "begun 2026-11-26 13:07 UTC, stopped at the step 'convert'"),
        ({"journal": JOURNAL, "done": "forget"}, "the cluster 15/main is removed, and 17/main serves; there is no way back"),
        ({"journal": JOURNAL, "back": True}, "Lost    for the apps, what was written since 2026-11-26 13:07 UTC"),
    ],
)  # fmt: skip
def test_what_there_is_to_tell_is_told(answer: dict[str, Any], words: str) -> None:
    assert words in said(**answer)


def test_a_plan_that_would_be_refused_offers_nothing_to_do() -> None:
    assert "yes=true\n" not in said(plan={**PLAN, "problems": ["no room"]}) + "\n"
    assert upgrade.refusal("vps1", ["no room"]) == "vps1: the upgrade would be refused:\n  - no room"
