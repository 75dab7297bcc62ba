# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The connection budget on a real host: refused over it, held by a pooler under load, and sized by the server's role.

The tests run in the file's order on one host, on which the first release has come with `site.yml`.
"""

from __future__ import annotations

import json
import re
from contextlib import ExitStack
from typing import Any

import faults
import pytest
from faults import DOMAIN
from helpers import Host, Project, Visitor, Watch
from load import Load

pytestmark = pytest.mark.once("13")

DESCRIPTION: dict[str, Any] = {**faults.DESCRIPTION, "health_timeout_seconds": 60, "workers": 1}
SIZE = 4
FORTY: dict[str, Any] = {
    "threads": 40, "database_pool": "pgbouncer", "database_pool_size": SIZE,
    "environment": {**DESCRIPTION["environment"], "DB_POOL_SIZE": 40},
}  # fmt: skip
POOL = "/run/slipway-pgbouncer/harbour"
"""Its socket's folder."""


class App(faults.App):
    description = DESCRIPTION


@pytest.fixture(scope="module")
def app(project: Project, tmp_path_factory: pytest.TempPathFactory) -> App:
    return App(tmp_path_factory.mktemp("app") / "harbour", project)


def limit(host: Host, connections: int) -> None:
    """Have the server itself refuse the app more connections; -1 is no limit."""
    host.psql(f"alter role harbour connection limit {connections}")


def pooler(host: Host, what: str) -> list[dict[str, str]]:
    """Return what the pooler shows of itself: `show pools` and the like."""
    psql = f"runuser -u harbour -- psql -h {POOL} -U pgbouncer pgbouncer -A -F '|' -P footer=off"
    names, *rows = [line.split("|") for line in host.run(f"{psql} -c 'show {what}'").splitlines()]
    return [dict(zip(names, row, strict=True)) for row in rows]


def test_deploy_over_the_budget_is_refused_with_the_arithmetic_before_anything_changes(site: App) -> None:
    host = site.project.host
    before = host.run("readlink /srv/harbour/current"), site.visitor().get("/readyz").status
    limit(host, 3)
    site.migration("0006", "0005", 'op.add_column("ships", sa.Column("tonnage", sa.Integer()))')
    try:
        planned, refused = site.deploy("--tags", "plan"), site.deploy()
    finally:
        limit(host, -1)
    for done in (planned, refused):
        assert done.code != 0
        said = ("the app may open 4 database connections: web 1 × 2 × 2 while two releases run; its role harbour may have 3",
                "fewer `threads` or `workers`", "pool_size + max_overflow, 2 now", "`database_pool: pgbouncer`")  # fmt: skip
        assert [text for text in said if text not in done.output] == [], done.output
    assert "failed at stage 'check'" in refused.output
    assert host.psql("select version_num from alembic_version", "harbour", "harbour") == "0005"
    assert (host.run("readlink /srv/harbour/current"), site.visitor().get("/readyz").status) == before


def test_forty_threads_share_four_connections_and_lose_no_request_in_a_deploy(site: App) -> None:
    """The server itself allows the pool and the release commands, and not one connection more."""
    host = site.project.host
    load = Load(site)
    load.start()
    with load.window() as seen, ExitStack() as visitors:
        watches = [visitors.enter_context(Watch(Visitor(host, DOMAIN))) for _ in range(8)]
        site.describe(**FORTY)
        site.project.good("site.yml")
        limit(host, SIZE + 3)
        site.migration("0006", "0005", 'op.add_column("ships", sa.Column("tonnage", sa.Integer()))')
        site.deployed()
        site.describe(**{**FORTY, "database_pool_size": SIZE - 1})
        site.project.good("playbooks/provision.yml", "--tags", "postgresql")
        site.headline("Pooled")
        site.deployed()
    load.stop()
    limit(host, -1)
    assert [watch.failures for watch in watches] == [[]] * 8
    seen.all_served()
    load.answered_once()
    (mine,) = [row for row in pooler(host, "databases") if row["name"] == "harbour"]
    assert mine["pool_size"] == str(SIZE - 1)
    assert host.run("systemctl show -p NRestarts --value slipway-pgbouncer-harbour.service") == "0"
    status = site.project.good("playbooks/status.yml").output
    assert re.search(rf"PgBouncer has \d of {SIZE - 1} connections in use, for \d+ of at most 500 clients", status), (
        status
    )
    shown = json.loads(host.run("cat /srv/harbour/current/release.json"))["connections"]
    assert [(one["place"], one["release"], one["switch"]) for one in shown] == [("/run/postgresql:5432", 6, 6)]


def test_the_pooler_is_for_its_app_alone(site: App) -> None:
    host = site.project.host
    ask = f"psql -h {POOL} -U harbour harbour -Atc 'select 1'"
    assert not host.ok(f"runuser -u www-data -- {ask}")
    assert not host.ok(f"runuser -u postgres -- {ask}")
    assert not host.ok("ss -Hltn 'sport = :6432' | grep .")
    assert host.run("systemctl is-active pgbouncer.service || true") == "inactive"
    exposure = host.run("systemd-analyze security --no-pager slipway-pgbouncer-harbour.service | tail -1")
    assert float(exposure.split(":")[1].split()[0]) < 2.0, exposure
