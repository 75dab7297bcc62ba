# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Data in the host's MariaDB is lost and brought back, comes from elsewhere and goes there; another app's is left alone.

The tests run in the file's order.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from backup_site import last
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

    def describe(self) -> None:
        super().describe()
        path = self.project.folder / "group_vars/all.yml"
        path.write_text(
            path.read_text().replace("drill: ''", "drill: 2035-01-07 04:00")
        )  # there is one, which is started by hand

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


def test_a_drill_loads_the_newest_dump_into_a_server_of_its_own_and_finds_what_is_lost(site: Ledger) -> None:
    # Rows of a table are known when nobody has written to it for two seconds.
    quiet = "SELECT SUM(UPDATE_TIME >= NOW() - INTERVAL 3 SECOND) FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'shop'"
    wait_for(lambda: site.sql(quiet) in ("0", "NULL"), SOON)
    site.back_up()
    site.host.ask("systemctl start slipway-backup-drill.service")
    outcome = last(site.host, "drill")
    assert outcome["problems"] == []
    (facts,) = outcome["facts"]["targets"].values()
    held, tables = facts["mariadb"]["shop"], ("ledger", "alembic_version", "parents", "children")
    rows = site.sql(f"SELECT {' + '.join(f'(SELECT COUNT(*) FROM {table})' for table in tables)}")
    assert (held["rows"], held["tables"], held["compared"]) == (int(rows), 4, 4)
    assert held["head"] == "0001" and facts["mariadb"]["other"]["head"] == "0001"
    # A table that the dump lacks, though it was there long before: mariadb-dump that skips one.
    site.host.run(
        "printf '#!/bin/sh\\nexec /usr/bin/mariadb-dump \"$@\" --ignore-table=shop.parents\\n' >/usr/local/bin/mariadb-dump;"
        "chmod 755 /usr/local/bin/mariadb-dump"
    )
    try:
        site.back_up()
    finally:
        site.host.run("rm /usr/local/bin/mariadb-dump")
    site.host.ask("systemctl start slipway-backup-drill.service")
    told = last(site.host, "drill")["problems"]
    assert any("shop: the restored database is missing 1 of" in one and "parents" in one for one in told), told
    site.back_up()


MYSQL_8 = """-- MySQL dump 10.13  Distrib 8.4.3, for Linux (x86_64)
/*!40101 SET NAMES utf8mb4 */;
/*!40103 SET TIME_ZONE='+00:00' */;
SET @MYSQLDUMP_TEMP_LOG_BIN = @@SESSION.SQL_LOG_BIN;
SET @@SESSION.SQL_LOG_BIN= 0;
SET @@GLOBAL.GTID_PURGED=/*!80000 '+'*/ '3e11fa47-71ca-11e1-9e33-c80aa9429562:1-77';
CREATE DATABASE /*!32312 IF NOT EXISTS*/ `other` /*!40100 DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_ai_ci */
/*!80016 DEFAULT ENCRYPTION='N' */;
USE `other`;
DROP TABLE IF EXISTS `ledger`;
/*!50503 SET character_set_client = utf8mb4 */;
CREATE TABLE `ledger` (
  `name` varchar(80) COLLATE utf8mb4_0900_ai_ci NOT NULL,
  PRIMARY KEY (`name`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_ai_ci;
LOCK TABLES `ledger` WRITE;
INSERT INTO `ledger` VALUES ('Grüße; ✓ 🚢'),('it''s; USE `mysql`;'),('a\\';\\nDROP TABLE ledger;');
UNLOCK TABLES;
CREATE TABLE `alembic_version` (`version_num` varchar(32) NOT NULL, PRIMARY KEY (`version_num`)) ENGINE=InnoDB;
INSERT INTO `alembic_version` VALUES ('0001');
/*!50001 CREATE VIEW `shown` AS SELECT 1 AS `name`*/;
DELIMITER ;;
/*!50003 CREATE*/ /*!50017 DEFINER=`admin`@`%`*/ /*!50003 TRIGGER `stamped` BEFORE INSERT ON `ledger` FOR EACH ROW BEGIN
  SET NEW.name = CONCAT(NEW.name, ''); END */;;
CREATE DEFINER=`root`@`localhost` PROCEDURE `twice`() BEGIN SELECT 1; SELECT 2; END ;;
DELIMITER ;
/*!50001 DROP VIEW IF EXISTS `shown`*/;
/*!50001 CREATE ALGORITHM=UNDEFINED */
/*!50013 DEFINER=`root`@`localhost` SQL SECURITY DEFINER */
/*!50001 VIEW `shown` AS select `ledger`.`name` AS `name` from `ledger` */;
GRANT ALL PRIVILEGES ON *.* TO `admin`@`%`;
SET @@SESSION.SQL_LOG_BIN = @MYSQLDUMP_TEMP_LOG_BIN;
-- Dump completed on 2026-11-26 14:05:00
"""


def test_a_dump_of_mysql_8_comes_without_its_definers_accounts_and_database(site: Ledger, tmp_path: Path) -> None:
    (tmp_path / "old.sql.gz").write_bytes(gzip.compress(MYSQL_8.encode()))
    arguments = ["playbooks/import.yml", "-e", "app=shop", "-e", f"dump={tmp_path / 'old.sql.gz'}"]
    there, others = site.databases(), site.shown("other")
    refused = site.project.play(*arguments)
    assert refused.code and "the database shop has rows. With -e replace=true" in " ".join(refused.output.split())
    done = site.project.good(*arguments, "-e", "replace=true")
    assert "its migration head is the release's (0001)" in " ".join(done.output.split())
    assert site.shown("shop")["rows"] == {"Grüße; ✓ 🚢", "it's; USE `mysql`;", "a';\nDROP TABLE ledger;"}
    assert site.shown("other") == others
    definers = "SELECT DEFINER FROM information_schema.{} WHERE {}_SCHEMA = 'shop'"
    for kind, column in (("VIEWS", "TABLE"), ("TRIGGERS", "TRIGGER"), ("ROUTINES", "ROUTINE")):
        assert site.sql(definers.format(kind, column)) == "shop@localhost"
    assert site.sql("SELECT COUNT(*) FROM shown") == "3"
    assert site.post("shop", "goes on") == 201
    (kept,) = site.databases() - there
    assert site.sql("SELECT COUNT(*) FROM ledger", kept) != "3"
    site.project.good("playbooks/restore.yml", "-e", "app=shop", "-e", "forget=all")


TABLE = "CREATE TABLE t (id INT);\n"
TRAP = "/tmp/slipway-trap"
"""What each hostile dump would make if any of its code ran on the host."""
HOSTILE = {
    "a command of the client's": (TABLE + f"\\! touch {TRAP}\n;", "Unknown command"),
    "another app's database": (TABLE + "INSERT INTO `other`.`ledger` VALUES ('x');\n", "denied"),
    "the live database": (TABLE + "DROP TABLE `shop`.`ledger`;\n", "denied"),
    "a file of the host's": (TABLE + "LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE t;\n", "ERROR"),
    "an account": (TABLE + "/*!50000 SET @a = 1 */; EXECUTE IMMEDIATE 'CREATE USER evil@localhost';\n", "denied"),
    "a statement that fails half-way": (TABLE + "INSERT INTO nowhere VALUES (1);\n", "doesn't exist"),
    "a newer release's data": (
        "CREATE TABLE alembic_version (version_num VARCHAR(32));\nINSERT INTO alembic_version VALUES ('9999');\n",
        "is ahead of the release",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_dump_that_can_not_be_imported_changes_nothing_and_says_why(site: Ledger, tmp_path: Path, name: str) -> None:
    text, said = HOSTILE[name]
    (tmp_path / "old.sql").write_text(text)
    before = site.databases(), site.shown("shop"), site.shown("other")
    done = site.project.play(
        "playbooks/import.yml", "-e", "app=shop", "-e", "replace=true", "-e", f"dump={tmp_path / 'old.sql'}"
    )
    assert done.code and said in " ".join(done.output.split()), done.output
    assert (site.databases(), site.shown("shop"), site.shown("other")) == before
    assert not site.host.ok(f"test -e {TRAP}")
    assert site.sql("SELECT COUNT(*) FROM mysql.user WHERE User = 'evil'") == "0"


def test_an_export_goes_into_another_app_row_by_row(site: Ledger, tmp_path: Path) -> None:
    site.project.good("playbooks/export.yml", "-e", "app=shop", "-e", f"to={tmp_path}")
    (dump,) = tmp_path.glob("*.sql")
    site.project.good("playbooks/import.yml", "-e", "app=other", "-e", "replace=true", "-e", f"dump={dump}")
    assert site.shown("other")["rows"] == site.shown("shop")["rows"]
    assert site.sql("SELECT DEFINER FROM information_schema.VIEWS WHERE TABLE_SCHEMA = 'other'") == "other@localhost"
    site.project.good("playbooks/restore.yml", "-e", "app=other", "-e", "forget=all")


def test_the_whole_host_comes_back_with_its_databases_in_mariadb(site: Ledger) -> None:
    """The last test: the host is a bare one afterwards, with the backups of the one before."""
    site.back_up()
    rows = {app: site.shown(app) for app in APPS}
    host, saved = site.host, "/var/lib/slipway-test-backups.tar"
    archive = Path(f"/proc/{host.facts['pid']}/root{saved}")
    host.run(f"tar -C /mnt -cf {saved} backup")
    content = archive.read_bytes()
    host.up(new=True)
    archive = Path(f"/proc/{host.facts['pid']}/root{saved}")
    archive.write_bytes(content)
    host.run(f"tar -C /mnt -xf {saved} && rm {saved}")
    site.describe()
    done = site.project.good("site.yml", "-e", "restore=latest")
    assert "is live again, from the backups" in " ".join(done.output.split()), done.output
    assert {app: site.shown(app) for app in APPS} == rows
    owners = "SELECT DISTINCT DEFINER FROM information_schema.VIEWS WHERE TABLE_SCHEMA = 'shop'"
    assert site.sql(owners) == "shop@localhost"
    assert site.post("shop", "after") == 201


def test_what_mariadb_does_is_measured_and_so_is_that_it_does_not_answer(site: Ledger) -> None:
    host, project = site.host, site.project
    site.describe()
    file = project.folder / "group_vars/all.yml"
    project.write({**yaml.safe_load(file.read_text()), "slipway_metrics": "local"})
    project.good("playbooks/provision.yml", "--tags", "metrics")

    def told() -> dict[str, float]:
        rows = host.ask("grep -v '^#' /run/slipway-metrics/mysql.prom").stdout.splitlines()
        return {name: float(value) for name, value in (row.rsplit(" ", 1) for row in rows)}

    wait_for(lambda: told().get("mysql_up") == 1, SOON, every=1)
    found, most = told(), float(site.sql("SELECT @@GLOBAL.max_connections", "mysql"))
    assert (found["mysql_global_variables_max_connections"], found["mysql_global_status_threads_connected"] >= 1) == (
        most,
        True,
    )
    assert found['slipway_mysql_database_size_bytes{schema="shop"}'] > 0
    host.run("systemctl stop mariadb")
    try:
        wait_for(lambda: told() == {"mysql_up": 0}, SOON, every=1)
    finally:
        host.run("systemctl start mariadb")
    wait_for(lambda: told().get("mysql_up") == 1, SOON, every=1)
    said = host.run("journalctl --no-pager --quiet --output cat --unit slipway-metrics")
    assert "mysql:" not in said, said
