# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A status tells how an app's pool is, from what PgBouncer shows of itself; tables as 1.18 and 1.24 print them."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._host import systemd
from ansible_collections.slipway.flask.plugins.module_utils._pgbouncer import look, names
from ansible_collections.slipway.flask.plugins.module_utils._process import services

OLD = """\
database|user|cl_active|cl_waiting|cl_active_cancel_req|cl_waiting_cancel_req|sv_active|sv_active_cancel|sv_being_canceled\
|sv_idle|sv_used|sv_tested|sv_login|maxwait|maxwait_us|pool_mode
pgbouncer|pgbouncer|1|0|0|0|0|0|0|0|0|0|0|0|0|statement
shop|shop|40|{waiting}|0|0|3|0|0|1|0|0|0|{seconds}|5|transaction
key|value|default|changeable
default_pool_size|4|20|yes
max_client_conn|500|100|yes
log_prefix|a\tb|x|yes
"""
NEW = OLD.replace("|pool_mode", "|pool_mode|load_balance_hosts").replace("|transaction\n", "|transaction|\n")


@pytest.mark.parametrize("text", [OLD, NEW])
@pytest.mark.parametrize(
    ("waiting", "seconds", "said", "problem"),
    [
        (0, 0, "3 of 4 connections in use, for 40 of at most 500 clients; none waits", ""),
        (2, 1, "for 42 of at most 500 clients; 2 wait, the longest for 1 s", ""),
        (9, 7, "9 wait, the longest for 7 s", "raise `database_pool_size`"),
    ],
)
def test_what_a_pool_has_in_use_and_who_waits_is_told(
    text: str, waiting: int, seconds: int, said: str, problem: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shows(monkeypatch, tmp_path, text.format(waiting=waiting, seconds=seconds))
    (found,) = services.services_of("shop")
    assert said in found.said
    assert bool(found.problem) is bool(problem)
    assert problem in found.problem


def shows(monkeypatch: pytest.MonkeyPatch, wants: Path, text: str, status: int = 0) -> None:
    """Have a host with a pool for `shop`, whose psql answers so."""
    (wants / names.unit("shop")).touch()
    monkeypatch.setattr(systemd, "WANTS", wants)
    answer: Any = lambda *_, **more: subprocess.CompletedProcess([], status, text, text)  # noqa: E731
    monkeypatch.setattr(subprocess, "run", answer)


def test_a_pool_that_does_not_answer_is_a_problem(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    shows(monkeypatch, tmp_path, "psql: error: No such file", 2)
    (found,) = services.services_of("shop")
    assert "PgBouncer does not answer: psql: error: No such file" in found.problem
    assert "journalctl -u slipway-pgbouncer-shop.service" in found.problem


def test_an_app_without_a_pool_has_nothing_to_tell(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(systemd, "WANTS", tmp_path)
    assert services.services_of("shop") == []


def test_a_pool_that_nobody_has_used_yet_is_empty() -> None:
    assert look.read("key|value|default|changeable\ndefault_pool_size|4|20|yes\n").used == 0
