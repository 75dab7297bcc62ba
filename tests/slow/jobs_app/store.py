"""What jobs and ticks leave behind, so that a lost one, one that ran twice and one that took effect twice can be told apart."""

from __future__ import annotations

import os
import time

import psycopg

TABLES = """
create table if not exists runs (job text, release text, ended double precision);
create table if not exists effects (job text primary key);
create table if not exists ticks (source text, slot bigint, sent double precision, release text);
"""
URL = os.environ.get("DATABASE_URL", "").replace("+psycopg", "", 1)
TICK_SECONDS = 10
RELEASE = os.environ.get("RELEASE_ID", "")


def tables() -> None:
    with psycopg.connect(URL) as connection:
        connection.execute(TABLES)


def work(job: str, seconds: float) -> None:
    """Take that long, then have an effect; the row of `runs` counts how often, that of `effects` is there once."""
    time.sleep(seconds)
    with psycopg.connect(URL) as connection:
        connection.execute("insert into runs values (%s, %s, %s)", (job, RELEASE, time.time()))
        connection.execute("insert into effects values (%s) on conflict do nothing", (job,))


def tick(source: str, seconds: int, sent: float, release: str) -> None:
    """Write down a tick that was SENT, in a schedule of so many SECONDS, by the scheduler of a RELEASE."""
    with psycopg.connect(URL) as connection:
        connection.execute("insert into ticks values (%s, %s, %s, %s)", (source, sent // seconds, sent, release))
