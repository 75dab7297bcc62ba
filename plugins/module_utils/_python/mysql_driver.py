# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""PRIVATE to the collection. Which driver of MySQL and MariaDB an app brings, which one it lacks, and what its URL has to say.

Sources: SQLAlchemy 2.0, `sqlalchemy.dialects.mysql.mysqldb`, `pymysql` and `mysqlconnector`; PyMySQL, `Connection.__init__`;
mysqlclient, `_mysql.c` (ssl_mode); MySQL Connector/Python, "Connection Arguments".
"""

from __future__ import annotations

from collections.abc import Mapping

AUTO = "auto-mysql"
"""The scheme is not given: it follows the driver that is there."""
DIALECTS = ("mysql", "mariadb")
DEFAULT = "mysql+pymysql"
DRIVERS = {"pymysql": "pymysql", "mysqlclient": "mysqldb", "mysql-connector-python": "mysqlconnector"}
"""Package -> what SQLAlchemy calls the driver."""
LINES = {"pymysql": "PyMySQL>=1.1", "mysqlconnector": "mysql-connector-python>=8.2"}
"""Driver -> its requirement line. mysqlclient is not among them: it must be compiled, against headers that a host lacks."""
OTHERS = {"mariadb", "asyncmy", "aiomysql", "flask-mysqldb", "flask-mysql"}
COLLATION = "utf8mb4_unicode_ci"
"""Named to MySQL Connector/Python, whose own default is one of MySQL 8, which MariaDB 10 does not have."""
VERIFYING = {
    "mysqldb": ("ssl_mode=VERIFY_IDENTITY",),
    "mysqlconnector": ("ssl_verify_cert=true", "ssl_verify_identity=true"),
}
"""Driver -> parameters with which it checks the server's certificate and name. PyMySQL does as soon as there is an `ssl_ca`."""
OURS = {pair for pairs in VERIFYING.values() for pair in pairs} | {f"collation={COLLATION}"}
"""Parameters that only one driver knows."""
SAID = ("ssl_mode", "ssl_verify_cert", "ssl_verify_identity", "ssl_check_hostname")
"""Parameters by which a URL itself says what is checked."""


def is_mysql(scheme: str) -> bool:
    """Tell whether a SCHEME, or a URL, is MySQL's or MariaDB's."""
    return scheme == AUTO or scheme.partition("://")[0].partition("+")[0].lower() in DIALECTS


def scheme(packages: Mapping[str, str], wanted: str) -> str:
    """Return the scheme of an app's database URL: the WANTED one, or the one that fits its PACKAGES (name -> version)."""
    if wanted != AUTO:
        return wanted
    if "sqlalchemy" not in packages:
        return "mysql"
    return next((f"mysql+{driver}" for package, driver in DRIVERS.items() if package in packages), DEFAULT)


def lacking(packages: Mapping[str, str], wanted: str) -> list[str]:
    """Return the requirement line of the driver that an app with these PACKAGES lacks for its database, [] for none."""
    driver = scheme(packages, wanted).partition("+")[2]
    if driver:
        there = any(named == driver for package, named in DRIVERS.items() if package in packages)
        return [LINES[driver]] if driver in LINES and not there else []
    return [] if {*DRIVERS, *OTHERS} & packages.keys() else [LINES["pymysql"]]


def fitted(url: str, to: str) -> str:
    """Return a URL of MySQL with the scheme TO, and with the parameters that have its driver do what PyMySQL does."""
    rest, question, query = url.partition("://")[2].partition("?")
    pairs = [pair for pair in query.split("&") if pair and pair not in OURS]
    driver, names = to.partition("+")[2], {pair.partition("=")[0] for pair in pairs}
    if "ssl_ca" in names and not names.intersection(SAID):
        pairs += VERIFYING.get(driver, ())
    if driver == "mysqlconnector" and "charset=utf8mb4" in pairs and "collation" not in names:
        pairs.append(f"collation={COLLATION}")
    return f"{to}://{rest}{question if pairs else ''}{'&'.join(pairs)}"
