# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a file is shows in how it begins."""

from __future__ import annotations

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._transfer import kinds


def number(value: int) -> bytes:
    return b"\0" + value.to_bytes(4, "little")


def text(value: str) -> bytes:
    return number(len(value)) + value.encode()


def head(minor: int, format: int, server: str, pg_dump: str) -> bytes:
    """Return the head of an archive as pg_dump 12 (format 1.14) to 17 (1.16) writes it."""
    how = b"\1" if minor > 14 else number(0)
    return (
        b"PGDMP"
        + bytes([1, minor, 0, 4, 8, format])
        + how
        + number(0) * 7
        + text("shop")
        + text(server)
        + text(pg_dump)
    )


ARCHIVES = {
    "pg_dump 15, custom": (head(14, 1, "15.8", "15.8"), kinds.Archive("custom", (1, 14), "15.8", "15.8")),
    "pg_dump 17 of a server 16": (head(16, 1, "16.4", "17.2"), kinds.Archive("custom", (1, 16), "16.4", "17.2")),
    "a folder's toc.dat": (head(16, 3, "17.2", "17.2"), kinds.Archive("tar", (1, 16), "17.2", "17.2")),
    "a head that is cut off": (head(16, 1, "17.2", "17.2")[:30], kinds.Archive("custom", (1, 16))),
    "no archive": (b"SELECT 1;", None),
}


@pytest.mark.parametrize("name", ARCHIVES)
def test_the_head_of_an_archive_says_who_made_it(name: str) -> None:
    begin, wanted = ARCHIVES[name]
    assert kinds.archive(begin) == wanted


STRANGE = {
    "an SQLite database": (b"SQLite format 3\0 and more", "SQLite"),
    "MySQL": (b"-- MySQL dump 10.13\n", "MySQL"),
    "MariaDB": (b"/*M!999999\\- enable the sandbox mode */\n-- MariaDB dump", "MariaDB"),
    "a whole server": (b"--\n-- PostgreSQL database cluster dump\n--\n", "pg_dumpall"),
    "a zip": (b"PK\x03\x04", "unpack it"),
    "nothing": (b"", "empty"),
    "a dump": (b"--\n-- PostgreSQL database dump\n--\n", ""),
}


@pytest.mark.parametrize("name", STRANGE)
def test_what_is_no_dump_of_one_database_is_named(name: str) -> None:
    begin, said = STRANGE[name]
    assert said in kinds.strange(begin) and bool(said) == bool(kinds.strange(begin))


TO_MYSQL = {
    "MySQL": (b"-- MySQL dump 10.13\n", ""),
    "MariaDB": (b"/*M!999999\\- enable the sandbox mode */\n-- MariaDB dump", ""),
    "somebody's own": (b"CREATE TABLE t (a INT);", ""),
    "PostgreSQL": (b"--\n-- PostgreSQL database dump\n--\n", "PostgreSQL"),
    "PostgreSQL's own format": (head(16, 1, "17.2", "17.2"), "PostgreSQL"),
    "an SQLite database": (b"SQLite format 3\0 and more", "SQLite"),
    "nothing": (b"", "empty"),
}


@pytest.mark.parametrize("name", TO_MYSQL)
def test_what_is_no_dump_of_mysql_or_mariadb_is_named(name: str) -> None:
    begin, said = TO_MYSQL[name]
    assert said in kinds.strange_to_mysql(begin) and bool(said) == bool(kinds.strange_to_mysql(begin))


@pytest.mark.parametrize(("version", "wanted"), [("17.2 (Debian 17.2-1)", 17), ("9.6", 9), ("18beta1", 18), ("", 0)])
def test_a_version_begins_with_its_major_number(version: str, wanted: int) -> None:
    assert kinds.major(version) == wanted
