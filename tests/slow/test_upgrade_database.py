# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The database server of a host whose distribution was upgraded, from PostgreSQL 15 to 17: there, killed on the way, and back.

The tests run in the file's order on one host. PostgreSQL 15 comes from the previous release, as on a host that was one.
"""

from __future__ import annotations

from typing import Any

import faults
import pytest
from load import arrival
from stops import kill_at

pytestmark = pytest.mark.once("13")

PLAYBOOK, YES = "playbooks/upgrade_database.yml", ("-e", "yes=true")
OLD = (
    "sed 's/ trixie main/ bookworm main/;t;d' /etc/apt/sources.list >/etc/apt/sources.list.d/bookworm.list;"
    "test -s /etc/apt/sources.list.d/bookworm.list"
)


class App(faults.App):
    """The sample app on PostgreSQL 15, with a worker beside it."""

    description = {
        **faults.DESCRIPTION, "health_timeout_seconds": 60, "workers": 1, "database_extensions": ["pg_trgm"],
        "processes": {"ticker": {"command": "sleep infinity"}},
    }  # fmt: skip
    server = {"postgres_server_packages": ["postgresql-15"]}

    def sql(self, statement: str) -> str:
        return self.host.psql(statement, "harbour", "harbour")

    def arrive(self, ship: str) -> None:
        """Write a row as a visitor does."""
        visitor = self.visitor()
        assert visitor.post("/arrivals", arrival(visitor.get("/").text, ship)).status == 303

    def ships(self) -> list[str]:
        return self.sql("select name from ships where name like 'probe %' order by id").splitlines()

    def clusters(self) -> list[str]:
        """Return the clusters with port and state."""
        return [" ".join(line.split()[:4]) for line in self.host.run("pg_lsclusters --no-header").splitlines()]

    def serves(self, version: str) -> None:
        """Assert that visitors are let in, the worker runs, and the server is of VERSION."""
        assert self.visitor().get("/readyz").status == 200
        assert self.sql("show server_version").startswith(f"{version}.")
        assert self.host.ok(f"systemctl is-active harbour@{self.current()} harbour.ticker@{self.current()}")

    def status(self) -> str:
        return self.project.good("playbooks/status.yml").output


@pytest.fixture(scope="module")
def app(project: Any, tmp_path_factory: pytest.TempPathFactory) -> App:
    if project.host.debian != "13":
        pytest.skip("the release before has no newer server to be upgraded to")
    project.host.run(OLD)
    return App(tmp_path_factory.mktemp("app") / "harbour", project)


def test_a_server_that_is_older_than_its_packages_is_named_and_a_look_changes_nothing(site: App) -> None:
    site.arrive("probe 1")
    assert "is older than the server that is installed" not in site.status()
    nothing = site.project.good(PLAYBOOK)
    assert "there is nothing to upgrade" in nothing.output
    site.host.run("apt-get install -qq --no-install-recommends --yes postgresql-17 >/dev/null 2>&1")
    assert "PostgreSQL 15/main is older than the server that is installed (17)" in site.status()
    for arguments in ((), ("--check", *YES)):
        look = site.project.good(PLAYBOOK, *arguments)
        assert look.count("changed") == 0
        for text in ("PostgreSQL 15/main would become 17/main", "Databases  harbour ", "Closed     harbour, for about ",
                     "-e yes=true"):  # fmt: skip
            assert text in look.output, look.output
    assert site.clusters() == ["15 main 5432 online"]
    site.serves("15")


def test_what_the_new_server_would_refuse_is_said_before_the_site_is_closed(site: App) -> None:
    folder = "/etc/postgresql/15/main/conf.d"
    site.host.run(f"echo 'old_snapshot_threshold = 1h' >{folder}/own.conf")
    site.host.run("mv /usr/share/postgresql/17/extension/pg_trgm.control /root")
    try:
        refused = site.project.play(PLAYBOOK, *YES)
    finally:
        site.host.run(f"rm {folder}/own.conf; mv /root/pg_trgm.control /usr/share/postgresql/17/extension/")
    assert refused.code != 0
    for text in (
        "PostgreSQL 17 rejects a setting",
        "old_snapshot_threshold",
        "extension pg_trgm of harbour is not installed",
    ):
        assert text in refused.output, refused.output
    site.serves("15")


def test_an_upgrade_that_fails_with_the_site_closed_is_undone(site: App) -> None:
    """The type aclitem can't be upgraded past 16: pg_upgrade finds it after both servers have been stopped."""
    site.sql("create table odd (what aclitem)")
    failed = site.project.play(PLAYBOOK, *YES)
    site.sql("drop table odd")
    assert failed.code != 0
    for text in (
        "step 'convert': pg_upgradecluster failed",
        "PostgreSQL 15/main serves as before; the sites were closed for",
    ):
        assert text in failed.output, failed.output
    assert site.clusters() == ["15 main 5432 online"]
    site.serves("15")
    assert site.ships() == ["probe 1"]


def test_a_run_that_was_killed_behind_the_copy_leaves_the_site_closed_and_the_next_one_ends_it(site: App) -> None:
    kill_at(site.project, PLAYBOOK, "settle", more=YES)
    assert site.visitor().get("/").status == 503
    broken = site.project.play("playbooks/status.yml").output
    assert "stopped at the step 'settle'" in broken and "upgrade_database.yml -e yes=true continues" in broken
    assert "stopped at the step 'settle'" in site.project.good(PLAYBOOK).output
    done = site.project.good(PLAYBOOK, *YES)
    assert "PostgreSQL 17/main serves" in done.output and "Closed  harbour for " in done.output
    assert site.clusters() == ["15 main 5433 down", "17 main 5432 online"]
    site.serves("17")
    assert site.ships() == ["probe 1"]
    assert site.sql("select similarity('harbour', 'harbor') > 0.3") == "t"
    assert site.sql("select count(*) from pg_stats where tablename = 'ships'") != "0", "no statistics were collected"
    assert site.host.run("stat -c '%a %U' /var/lib/slipway/upgrade/15-main.sql.gz") == "600 root"
    again = site.project.good(PLAYBOOK, *YES)
    assert again.count("changed") == 0 and "17/main serves since" in again.output


def test_the_way_back_says_what_stays_behind_and_another_upgrade_begins_anew(site: App) -> None:
    site.arrive("probe 2")
    asked = site.project.good(PLAYBOOK, "-e", "back=true")
    assert "what was written since" in asked.output and asked.count("changed") == 0
    done = site.project.good(PLAYBOOK, "-e", "back=true", *YES)
    assert "PostgreSQL 15/main serves again" in done.output
    site.serves("15")
    assert site.ships() == ["probe 1"]
    site.arrive("probe 3")
    kill_at(site.project, PLAYBOOK, "reopen", more=YES)
    assert site.visitor().get("/").status == 503
    site.project.good(PLAYBOOK, *YES)
    site.serves("17")
    assert site.ships() == ["probe 1", "probe 3"]


def test_the_old_cluster_is_gone_when_it_is_forgotten_and_provisioning_takes_the_new_one_as_it_is(site: App) -> None:
    gone = site.project.good(PLAYBOOK, "-e", "forget=true")
    assert "the cluster 15/main is removed, and 17/main serves" in gone.output
    assert site.clusters() == ["17 main 5432 online"]
    assert site.host.ok("! test -e /var/lib/postgresql/15/main && ! test -e /var/lib/slipway/upgrade")
    assert site.project.good("playbooks/provision.yml", "--tags", "postgresql").count("changed") == 0
    site.serves("17")
    assert "there is nothing to upgrade" in site.project.good(PLAYBOOK).output
