# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""PRIVATE to the collection. Which driver of its database an app brings, which one it lacks, and which scheme that means.

This is PostgreSQL's; MySQL's and MariaDB's, which are asked here as well, are in mysql_driver.py.

A scheme of SQLAlchemy names its driver (https://docs.sqlalchemy.org/en/20/dialects/postgresql.html); one without a
driver means psycopg2 up to SQLAlchemy 2.0 and psycopg from 2.1 on. `postgresql+psycopg` is known from 2.0 on.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from ansible_collections.slipway.flask.plugins.module_utils._host import environment_file
from ansible_collections.slipway.flask.plugins.module_utils._python import mysql_driver

AUTO = "auto"
"""The scheme is not given: it follows the driver that is there."""
AUTOMATIC = (AUTO, mysql_driver.AUTO)
DEFAULT = "postgresql+psycopg"
PSYCOPG, PSYCOPG2 = "psycopg[binary]>=3.1", "psycopg2-binary>=2.9"
# What `import psycopg2` finds: two packages with the same files, of which one is enough.
OF_PSYCOPG2 = {"psycopg2", "psycopg2-binary"}
OTHERS = {"psycopg2cffi", "pg8000", "asyncpg", "pygresql", "aiopg"}
ON_PSYCOPG2 = {"peewee", "pony", "records"}
"""Packages that want psycopg2 and don't require it."""


def version_of(packages: Mapping[str, str], name: str) -> tuple[int, ...]:
    """Return the first two numbers of a package's version, () when it is not there."""
    return tuple(int(number) for number in re.findall(r"\d+", packages.get(name, ""))[:2])


def scheme(packages: Mapping[str, str], wanted: str) -> str:
    """Return the scheme of an app's database URL: the WANTED one, or the one that fits its PACKAGES (name -> version)."""
    if mysql_driver.is_mysql(wanted):
        return mysql_driver.scheme(packages, wanted)
    if wanted != AUTO:
        return wanted
    sqlalchemy = version_of(packages, "sqlalchemy")
    if not sqlalchemy:
        return "postgresql"  # whoever reads it without SQLAlchemy reads it as libpq does
    if sqlalchemy < (2,) or ("psycopg" not in packages and not OF_PSYCOPG2.isdisjoint(packages)):
        return "postgresql+psycopg2"
    return DEFAULT


def lacking(packages: Mapping[str, str], wanted: str) -> list[str]:
    """Return the requirement line of the driver that an app with these PACKAGES lacks for its database, [] for none.

    wanted: the scheme that its URL has, one of AUTOMATIC for whatever fits, "" for an app without a database.
    """
    if mysql_driver.is_mysql(wanted):
        return mysql_driver.lacking(packages, wanted)
    driver = scheme(packages, wanted).partition("+")[2]
    if driver == "psycopg":
        return [] if "psycopg" in packages else [PSYCOPG]
    if driver == "psycopg2":
        return [PSYCOPG2] if OF_PSYCOPG2.isdisjoint(packages) else []
    if driver or not wanted or {"psycopg", *OF_PSYCOPG2, *OTHERS} & packages.keys():
        return []
    sqlalchemy = version_of(packages, "sqlalchemy")
    old = () < sqlalchemy < (2, 1) or (not sqlalchemy and not ON_PSYCOPG2.isdisjoint(packages))
    return [PSYCOPG2 if old else PSYCOPG]


def fitted(environment: str, variable: str, to: str) -> str:
    """Return the text of an environment file in which VARIABLE's URL has the scheme TO, if it is of that kind of database."""
    if mysql_driver.is_mysql(to):
        before = environment_file.environment_of(environment).get(variable, "")
        if not mysql_driver.is_mysql(before):
            return environment
        line = environment_file.text_of({}, {variable: mysql_driver.fitted(before, to)}).rstrip("\n")
        there = re.compile(rf'^{re.escape(variable)}=("(?:\\.|[^"\\])*"|[^\n]*)$', re.DOTALL | re.MULTILINE)
        return there.sub(lambda _: line, environment, count=1)
    url = rf"""^({re.escape(variable)}=["']?)postgres(?:ql)?(?:\+\w+)?(?=://)"""
    return re.sub(url, rf"\g<1>{to}", environment, flags=re.MULTILINE)


def advice(error: str) -> str:
    """Return what to do when an import failed for lack of a driver that the database's URL names, "" otherwise."""
    found = re.search(r"No module named '(psycopg2?|MySQLdb|pymysql|mysql)'", error)
    if not found:
        return ""
    others = {"psycopg": "postgresql+psycopg2", "psycopg2": "postgresql+psycopg"}
    other = others.get(found.group(1), mysql_driver.DEFAULT)
    return (
        f"\nThe scheme of the database's URL decides which driver SQLAlchemy imports. Leave `database_scheme` out, set it to "
        f"{other}, or put {found.group(1)} into `extra_packages`; then run site.yml."
    )
