# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Data in the host's MariaDB is lost and brought back, comes from elsewhere and goes there; another app's is left alone.

The tests run in the file's order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from helpers import Host, Project, Visitor, wait_for
from posting import SHOP, Poster, Site, domain
from stops import kill_at

pytestmark = pytest.mark.once("13")

MARIADB = {"database": "mariadb"}
APPS: dict[str, dict[str, Any]] = {"shop": {**SHOP, **MARIADB}, "other": MARIADB}
"""Nobody touches the database of the second one."""
SOON = 60
FILES = ("app.py", "tick.py", "migrations/versions/0001_rows.py")
KILLED = {"exchange": "undone", "_folder_forward": "undone", "gate": "undone", "reopen": "finished"}
"""Where a restore is killed, by the function that is about to begin, and what the next run does about it: before tables change
places, between database and folders, while the app starts, and when it has."""
OBJECTS = """
CREATE TABLE IF NOT EXISTS parents (id INT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS children (id INT PRIMARY KEY, parent INT, FOREIGN KEY (parent) REFERENCES parents (id));
INSERT IGNORE INTO parents VALUES (1);
INSERT IGNORE INTO children VALUES (1, 1);
CREATE OR REPLACE VIEW names AS SELECT name FROM ledger;
CREATE OR REPLACE TRIGGER doubled BEFORE INSERT ON parents FOR EACH ROW SET NEW.id = 2 * NEW.id;
DELIMITER //
CREATE OR REPLACE FUNCTION many() RETURNS INT READS SQL DATA BEGIN RETURN (SELECT COUNT(*) FROM ledger); END//
"""


class Ledger(Site):
    """The apps, whose table has a name that MariaDB keeps for nothing."""

    def __init__(self, folder: Path, project: Project, apps: Mapping[str, Mapping[str, Any]]) -> None:
        super().__init__(folder, project, apps, [{"path": "/mnt/backup"}])
        for name in FILES:
            path = folder / name
            text = path.read_text().replace("FROM rows", "FROM ledger").replace("INTO rows", "INTO ledger")
            path.write_text(text.replace('"rows"', '"ledger"'))

    def sql(self, statement: str, database: str = "shop") -> str:
        """Return what MariaDB answers root."""
        return self.host.run(f"mariadb {database} -NB <<'END'\n{statement}\nEND")

    def databases(self) -> set[str]:
        return set(self.sql("SHOW DATABASES", "mysql").splitlines())

    def as_app(self, statements: str) -> None:
        self.host.run(f"runuser -u shop -- mariadb shop <<'END'\n{statements}\nEND")


@pytest.fixture(scope="module")
def site(host: Host, project: Project, tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    """The apps, with a restore point of each."""
    made = Ledger(tmp_path_factory.mktemp("code") / "code", project, APPS)
    host.run("mkdir -p /mnt/backup")
    project.good("site.yml")
    made.as_app(OBJECTS)
    made.back_up()
    return made


@pytest.fixture(autouse=True)
def nothing_left(site: Ledger) -> Iterator[None]:
    """After each test all apps serve, and nothing is left of what was made meanwhile but what is kept."""
    yield
    for app in APPS:
        assert site.shown(app)
    assert [name for name in site.databases() if "_restored_" in name] == []
    assert site.sql("SELECT User FROM mysql.user WHERE User LIKE 'slipway%'", "mysql") == ""
    assert site.host.run("ls /var/lib/slipway/scratch /var/lib/slipway/transfer 2>/dev/null | grep -v : || true") == ""


def test_a_table_that_was_dropped_comes_back_as_of_a_restore_point_and_the_other_app_loses_nothing(
    site: Ledger,
) -> None:
    there = site.databases()
    with Poster(site, "other") as other, Poster(site, "shop") as shop:
        wait_for(lambda: len(shop.confirmed) > 5, SOON)
        before = {one.row for one in shop.confirmed}
        name = site.back_up()
        site.as_app("DROP TABLE ledger; DROP TRIGGER doubled; CREATE VIEW late AS SELECT 1 AS a")
        wait_for(lambda: shop.failures, SOON)
        refused = site.restore("shop", "-e", "to=latest")
        told = " ".join(refused.output.split())
        assert refused.code and f"as of the restore point {name}, MariaDB has no moments between two" in told, told
        done = site.restored("shop", "-e", "to=latest")
        count = len(shop.confirmed)
        wait_for(lambda: len(shop.confirmed) > count, SOON)
    shown = site.shown("shop")
    assert before <= shown["rows"] <= shown["papers"]
    assert other.failures == [] and {one.row for one in other.confirmed} <= site.shown("other")["rows"]
    (kept,) = site.databases() - there
    assert kept.startswith("shop_before_") and f"database {kept}" in done.output
    assert not site.host.ok(f"runuser -u shop -- mariadb {kept} -e 'SHOW TABLES'")
    own = "SELECT DEFINER FROM information_schema.{} WHERE {}_SCHEMA = 'shop'"
    for kind, column in (("VIEWS", "TABLE"), ("TRIGGERS", "TRIGGER"), ("ROUTINES", "ROUTINE")):
        assert site.sql(own.format(kind, column)) == "shop@localhost"
    assert (
        site.sql("INSERT INTO parents VALUES (5); SELECT MAX(id), (SELECT COUNT(*) FROM names) = many() FROM parents")
        == "10\t1"
    )
    broken = site.host.ask("mariadb shop -e 'INSERT INTO children VALUES (2, 77)' 2>&1")
    assert "foreign key constraint fails" in broken.stdout
    assert kept in site.project.play("playbooks/status.yml").output
    site.project.good("playbooks/restore.yml", "-e", "app=shop", "-e", "forget=all")
    assert site.databases() == there
    assert site.host.run("ls /var/lib/slipway/restores/shop") == ""


@pytest.mark.parametrize("point", KILLED)
def test_a_restore_that_was_killed_leaves_one_whole_state_to_the_next_run(site: Ledger, point: str) -> None:
    old, new = f"old-{point.strip('_')}", f"new-{point.strip('_')}"
    assert site.post("shop", old) == 201
    name = site.back_up()
    assert site.post("shop", new) == 201
    site.as_app("CREATE OR REPLACE VIEW late AS SELECT 1 AS a")
    kill_at(site.project, "playbooks/restore.yml", point, more=["-e", "app=shop", "-e", f"to={name}", "-e", "yes=true"])
    assert Visitor(site.host, domain("shop")).get("/").status == 503
    told = site.project.good("playbooks/deploy.yml", "-e", "app=shop")
    assert f"it was {KILLED[point]}" in told.output
    undone = KILLED[point] == "undone"
    for data in site.shown("shop").values():
        assert old in data and (new in data) == undone
    views = site.sql("SELECT TABLE_NAME FROM information_schema.VIEWS WHERE TABLE_SCHEMA = 'shop' ORDER BY 1").split()
    assert views == (["late", "names"] if undone else ["names"])
    site.sql("DROP VIEW IF EXISTS late")
    assert site.post("shop", f"again-{point.strip('_')}") == 201
