# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What an upgrade would do and what is in its way; which units of an app are ended and started again."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._postgres import older
from ansible_collections.slipway.flask.plugins.module_utils._postgres.names import Cluster, PostgresError
from ansible_collections.slipway.flask.plugins.module_utils._upgrade import apps as apps_of
from ansible_collections.slipway.flask.plugins.module_utils._upgrade import clusters, journal, plan

OLD, NEW = Cluster("15", "main", 5432, True, "/log"), Cluster("17", "main", 5433, True, "/log")
MB = 2**20
FACTS = {"data": "/", "databases": {"postgres": 8 * MB, "shop": 40 * MB}, "tablespaces": 0, "replicas": 0}


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the host answers; tests change it."""
    known: dict[str, Any] = {"facts": dict(FACTS), "size": 80 * MB, "free": 2**34, "new": None, "refused": "", "missing": "",
                             "extensions": {}, "in_use": False, "databases": ["postgres", "template1"], "trouble": ""}  # fmt: skip
    monkeypatch.setattr(journal, "FOLDER", tmp_path)
    monkeypatch.setattr(older, "newest", lambda: "17")
    monkeypatch.setattr(plan.names, "psql", lambda *_: json.dumps(known["facts"]))
    monkeypatch.setattr(plan, "size_of", lambda path: 16 * MB if path.name == "pg_wal" else known["size"] + 16 * MB)
    monkeypatch.setattr(plan.shutil, "disk_usage", lambda _: type("Usage", (), {"free": known["free"]}))
    monkeypatch.setattr(plan, "backs_up", lambda: known.get("backups", False))
    monkeypatch.setattr(plan, "missing_extensions", lambda *_: known["extensions"])
    monkeypatch.setattr(plan, "packages", lambda *_: known["missing"])
    monkeypatch.setattr(plan.server, "in_use", lambda _: known["in_use"])
    monkeypatch.setattr(clusters, "accepts", lambda *_: known["refused"])
    monkeypatch.setattr(clusters, "stale_collations", lambda _: ["shop"])
    monkeypatch.setattr(clusters, "find", lambda _: known["new"])
    monkeypatch.setattr(clusters, "rows", lambda *_: known["databases"])
    monkeypatch.setattr(apps_of, "sites", lambda _: ["shop"])
    monkeypatch.setattr(apps_of, "running", lambda *_: ["shop@1.service"])
    return known


def test_a_copy_and_a_dump_need_room_and_time(host: dict[str, Any]) -> None:
    found = plan.plan(OLD, [])
    assert (found.old, found.new, found.port, found.problems) == ("15/main", "17/main", 5432, [])
    assert (found.needed, found.seconds) == (80 * MB + plan.SPARE + 24 * MB, plan.FIXED_SECONDS + 1)
    assert (found.backup, found.collations, found.sites) == ("dump", ["shop"], ["shop"])
    host["backups"] = True
    assert (plan.plan(OLD, []).backup, plan.plan(OLD, []).needed) == ("backup", 80 * MB + plan.SPARE)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"free": 100 * MB}, "not enough disk space for a copy: 616 MB is needed and 100 MB free"),
        ({"facts": {**FACTS, "tablespaces": 1}}, "tablespaces of its own"),
        ({"facts": {**FACTS, "replicas": 1}}, "replication slots"),
        ({"extensions": {"postgis": ["shop", "blog"]}}, "extension postgis of shop, blog is not installed for PostgreSQL 17"),
        ({"refused": "unrecognized parameter"}, "rejects a setting in /etc/postgresql/15/main/conf.d"),
        ({"missing": "postgresql-15-cron is installed, but postgresql-17-cron is missing"}, "postgresql-17-cron is missing"),
        ({"new": NEW, "in_use": True}, "cluster 17/main with databases in it"),
        ({"new": NEW, "databases": ["postgres", "template1", "own"]}, "cluster 17/main with databases in it"),
        ({"new": Cluster("17", "main", 5433, False, "/log")}, "which is not running"),
    ],
)  # fmt: skip
def test_what_is_in_the_way_is_found_beforehand(host: dict[str, Any], changes: dict[str, Any], words: str) -> None:
    host.update(changes)
    (problem,) = plan.plan(OLD, []).problems
    assert words in problem


def test_an_empty_cluster_of_a_package_and_one_that_was_put_aside_are_removed(host: dict[str, Any]) -> None:
    host["new"] = NEW
    assert plan.plan(OLD, []).removes == "which is empty"
    host.update(new=Cluster("17", "main", 5433, False, "/log"), in_use=True)
    journal.Journal("15/main", "17/main", 5432).write(journal.GONE_BACK)
    found = plan.plan(OLD, [])
    assert "until you went back" in found.removes and found.problems == []


def test_an_app_that_is_not_well_stops_an_upgrade(host: dict[str, Any]) -> None:
    app = type("App", (), {"name": "shop", "trouble": lambda self: "it answered 500"})()
    assert plan.not_well([app]) == [
        "shop is not healthy now (it answered 500), so it could not be checked on the new server. Fix it first"
    ]


@pytest.mark.parametrize(
    ("version", "newest", "is_older"), [("15", "17", True), ("17", "17", False), ("9.6", "17", True), ("17", "", False)]
)
def test_a_cluster_is_older_by_number(
    version: str, newest: str, is_older: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(older, "newest", lambda: newest)
    assert older.is_older(Cluster(version, "main", 5432, True, "/log")) is is_older
    monkeypatch.setattr(older.names, "find_cluster", lambda: Cluster(version, "main", 5432, True, "/log"))
    assert bool(older.said()) is is_older


@pytest.mark.parametrize("answer", [None, PostgresError("several")])
def test_a_host_without_one_cluster_has_nothing_to_tell(answer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def find() -> Any:
        if answer:
            raise answer

    monkeypatch.setattr(older.names, "find_cluster", find)
    assert older.said() == []


LISTED = """\
shop.mail.2@0007-a.service loaded active running mail
shop@0007-a.service loaded active running shop
shop.tick@0007-a.timer loaded active waiting tick
shop.tick@0007-a.service loaded activating start tick
"""


def test_timers_end_first_and_what_answers_visitors_last_and_begins_first(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[tuple[str, ...]] = []

    def systemctl(*arguments: str) -> subprocess.CompletedProcess[str]:
        asked.append(arguments)
        return subprocess.CompletedProcess(arguments, 0, LISTED, "")

    monkeypatch.setattr(apps_of.systemd, "systemctl", systemctl)
    app = type("App", (), {"name": "shop"})()
    units = apps_of.running([app])
    assert units == [
        "shop.tick@0007-a.timer",
        "shop.mail.2@0007-a.service",
        "shop.tick@0007-a.service",
        "shop@0007-a.service",
    ]
    assert {"shop@*.service", "shop.*@*.service", "shop.*@*.timer"} < set(asked[0])
    assert "deactivating" not in "".join(asked[0]), "a release that ends would be started again"
    monkeypatch.setattr(apps_of.systemd, "WANTS", tmp_path / "services")
    monkeypatch.setattr(apps_of.timer, "WANTS", tmp_path / "timers")
    for link in (
        "services/shop@0007-a.service",
        "services/shop.mail.2@0007-a.service",
        "timers/shop.tick@0007-a.timer",
    ):
        (tmp_path / link).parent.mkdir(exist_ok=True)
        (tmp_path / link).symlink_to("/nowhere")
    assert apps_of.to_start([*units, "shop@0006-a.service"]) == [
        "shop@0007-a.service",
        "shop.mail.2@0007-a.service",
        "shop.tick@0007-a.timer",
    ]
