# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The page comes to the host whole, and goes whole."""

from __future__ import annotations

import json

from ansible_collections.slipway.flask.plugins.plugin_utils._dashboard import queries
from ansible_collections.slipway.flask.plugins.plugin_utils._dashboard.plan import plan

ABOUT = {"host": "web1", "apps": [{"name": "shop", "domains": ["shop.example"]}], "backups": True, "alerts": False}
FOLDER = "/usr/local/share/slipway/dashboard"
RULES = "/etc/prometheus/slipway/rules/dashboard.yml"


def test_all_files_of_the_page_and_its_rules_are_written() -> None:
    files = {entry["dest"]: entry for entry in plan(ABOUT)["files"]}
    assert {f"{FOLDER}/{path.name}" for path in queries.PAGE.iterdir()} < set(files)
    assert json.loads(files[f"{FOLDER}/about.json"]["content"]) == {
        **ABOUT,
        "apps": [{"name": "shop", "domain": "shop.example"}],
    }
    [group] = json.loads(files[RULES]["content"])["groups"]
    assert {
        "record": "slipway:http_requests:rate5m",
        "expr": queries.queries()["recorded"]["slipway:http_requests:rate5m"],
    } in (group["rules"])
    assert [rule["labels"] for rule in group["rules"] if "quantile5m" in rule["record"]] == [
        {"quantile": "0.5"}, {"quantile": "0.95"}, {"quantile": "0.99"},
    ]  # fmt: skip


def test_whoever_reads_what_changed_reads_it_again() -> None:
    units = {unit["name"]: unit for unit in plan(ABOUT)["units"]}
    assert units["prometheus.service"]["files"] == [RULES]
    assert f"{FOLDER}/main.js" in units["nginx.service"]["files"]
    assert {unit["on_change"] for unit in units.values()} == {"reload"}


def test_what_was_written_is_taken_away() -> None:
    written = {entry["dest"] for entry in plan(ABOUT)["files"] if entry.get("state", "file") == "file"}
    gone = plan({}, wanted=False)
    assert {entry["dest"] for entry in gone["files"] if entry["state"] == "absent"} == written
    assert [unit["name"] for unit in gone["units"]] == ["prometheus.service"], "it works out no rules that are gone"
    assert plan({}, wanted=False, store=False)["units"] == [], "nor is it started where nobody wants it"
