# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""MariaDB's settings: what a small host gets, and what can't be written."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._mysql import settings


@pytest.mark.parametrize(
    ("memory", "percent", "pool", "pages"), [(1024, 20, "204M", "10M"), (2048, 20, "409M", "20M"), (128, 20, "64M", "8M"),
                                             (65536, 50, "32768M", "128M")]
)  # fmt: skip
def test_memory_follows_the_host_s(memory: int, percent: int, pool: str, pages: str) -> None:
    found = settings.memory_settings(memory, percent)
    assert (found["innodb_buffer_pool_size"], found["aria_pagecache_buffer_size"]) == (pool, pages)


def test_the_file_has_no_listener_and_further_settings_win_however_they_are_written() -> None:
    found = settings.server_settings(
        1024, 20, 40, "utf8mb4_unicode_ci", {"wait-timeout": 60, "sql_mode": "ANSI,TRADITIONAL"}
    )
    lines = settings.conf_text(found).splitlines()
    assert lines[1] == "[mariadbd]"
    assert {"skip_networking = ON", "max_connections = 40", "wait_timeout = 60", "local_infile = OFF"} <= set(lines)
    assert 'sql_mode = "ANSI,TRADITIONAL"' in lines


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"buffer_pool_percent": 90}, "mariadb_server_buffer_pool_percent is 90; it must be from 1 to 80"),
        ({"max_connections": 5}, "from 10 to 10000, or 0"),
        ({"memory_mb": 64}, "at least 128"),
        ({"collation": "latin1_swedish_ci"}, "must be one of utf8mb4"),
        ({"settings": {"a b": 1}}, "the name must have small letters"),
        ({"settings": {"a": "x\ny"}}, "one line"),
        ({"settings": {"a": [1]}}, "must be text, a number or true/false, not list"),
        ({"timeout_seconds": 0}, "from 1 to 60"),
    ],
)
def test_what_can_not_work_is_refused(variables: dict[str, Any], said: str) -> None:
    (problem,) = settings.server_problems(variables)
    assert said in problem


def test_the_defaults_are_right() -> None:
    assert settings.server_problems({"settings": {"innodb-io-capacity": 300}}) == []
