# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The thin parts of the modules for Redis: documentation, check mode, what is missing on a fresh host."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._host.attempt import Attempt
from ansible_collections.slipway.flask.plugins.module_utils._host.connection_checks import Refusal
from ansible_collections.slipway.flask.plugins.module_utils._redis import instances, names
from ansible_collections.slipway.flask.plugins.modules import redis_check, redis_instances
from as_ansible import Call, check_documentation

ENTRY = {"name": "a", "user": "", "ca": "", "purpose": "queue"}


@pytest.mark.parametrize("module", [redis_check, redis_instances])
def test_documented_options_are_the_real_ones(module: ModuleType) -> None:
    check_documentation(module)


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({**ENTRY, "user": "nobody-has-this"}, "system user 'nobody-has-this' doesn't exist"),
        ({**ENTRY, "ca": "/nonexistent/ca.crt"}, "CA file /nonexistent/ca.crt"),
    ],
)
def test_what_is_missing_is_skipped_in_check_mode_only(entry: dict[str, str], words: str) -> None:
    found = redis_check.try_one(entry, "rediss://:s3cret@h", 1, True)
    assert not found["checked"]
    assert words in found["notes"][0]
    with pytest.raises(Refusal, match=words):
        redis_check.try_one(entry, "rediss://:s3cret@h", 1, False)


@pytest.mark.parametrize(
    ("url", "check", "refused"), [("unix:///s", True, False), ("unix:///s", False, True), ("redis://h", True, True)]
)
def test_failure_on_this_host_is_no_fault_in_check_mode(
    url: str, check: bool, refused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_check, "attempt", lambda *_: Attempt({}, "socket_missing", "no socket"))
    if not refused:
        assert redis_check.try_one(ENTRY, url, 1, check)["notes"] == ["no socket"]
        return
    with pytest.raises(Refusal, match="no socket"):
        redis_check.try_one(ENTRY, url, 1, check)


def test_all_failures_are_told_at_once_and_no_password_is(call: Call) -> None:
    told = call(
        redis_check.main,
        connections=[{"name": "a"}, {"name": "b"}, {"name": "c"}],
        urls={"a": "unix:///nonexistent/a.sock", "b": "redis://:s3cret@h:x"},
    )
    assert told["failures"] == {"a": "socket_missing", "b": "url", "c": "url"}
    assert (
        "Connection a to Redis failed: there is no such socket (socket /nonexistent/a.sock, database 0)" in told["msg"]
    )
    assert "s3cret" not in str(told)


def test_check_mode_says_what_a_fresh_host_would_get(
    monkeypatch: pytest.MonkeyPatch, call: Call, tmp_path: Any
) -> None:
    monkeypatch.setattr(instances, "version", lambda: ())
    monkeypatch.setattr(instances, "UNITS", tmp_path)
    monkeypatch.setattr(instances, "OVERCOMMIT", tmp_path / "overcommit")
    (tmp_path / "overcommit").write_text("0\n")
    wanted = [{"name": "a-queue", "users": ["a"]}]
    told = call(redis_instances.main, instances=wanted, memory_mb=1024, _ansible_check_mode=True)
    assert told["changed"] is True
    assert {"user redis-a-queue made", "/etc/slipway-redis/a-queue.conf written", "vm.overcommit_memory set to 1",
            "slipway-redis-a-queue.service started"} <= set(told["actions"])  # fmt: skip
    assert told["instances"] == [
        {"name": "a-queue", "unit": "slipway-redis-a-queue.service", "memory_mb": 128,
         "socket": names.socket("a-queue"), "url": "unix:///run/slipway-redis/a-queue/redis.sock"}
    ]  # fmt: skip
    assert (tmp_path / "overcommit").read_text() == "0\n"


def test_a_host_without_redis_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch, call: Call) -> None:
    monkeypatch.setattr(instances, "version", lambda: ())
    told = call(redis_instances.main, instances=[{"name": "a"}])
    assert "install the package redis-server" in told["msg"]
