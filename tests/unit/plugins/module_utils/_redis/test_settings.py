# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Instances of Redis: what is refused, and what their configuration and unit say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._redis import instances, names, settings
from ansible_collections.slipway.flask.plugins.module_utils._redis.settings import Instance


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("shop", "must be a list of mappings"),
        ([{"purpose": "queue"}], "entry 1 must be a mapping with 'name'"),
        ([{"name": "Shop"}], "the name must begin with a small letter"),
        ([{"name": "a" * 49}], "48 characters at most"),
        ([{"name": "../x"}], "the name must begin with a small letter"),
        ([{"name": "a"}, {"name": "a"}], "instance 'a' is listed twice"),
        ([{"name": "a", "purpos": "x"}], "unknown key 'purpos'"),
        ([{"name": "a", "purpose": "both"}], "purpose is 'both'; it must be one of queue, cache"),
        ([{"name": "a", "memory_mb": 8}], "memory_mb is 8; it must be 16 or more"),
        ([{"name": "a", "users": ["a b"]}], "'a b' in 'users' is not a valid system user name"),
        ([{"name": "a", "users": ["a,u:root:rwx"]}], "is not a valid system user name"),
        ([{"name": "a", "settings": {"port": 6379}}], "'port' in settings is set by the role itself"),
        ([{"name": "a", "settings": {"maxclients\nport": 1}}], "can't be a setting of redis.conf"),
        ([{"name": "a", "settings": {"maxclients": "9\nport 6379"}}], "must be one line of text"),
    ],
)
def test_what_can_not_be_an_instance_is_refused(given: Any, words: str) -> None:
    (said,) = names.problems(given)
    assert words in said


def test_what_can_be_is_not() -> None:
    whole = {"name": "shop-queue", "purpose": "queue", "users": ["shop"], "memory_mb": 64, "settings": {"hz": 20}}
    assert names.problems([whole, {"name": "blog", "memory_mb": 0}]) == []


@pytest.mark.parametrize(
    ("host_mb", "queue", "cache"),
    [(128, 32, 32), (1024, 128, 64), (2048, 256, 128), (4096, 512, 256), (262144, 4096, 4096)],
)
def test_memory_is_a_part_of_the_hosts(host_mb: int, queue: int, cache: int) -> None:
    assert Instance("a").maxmemory_mb(host_mb) == queue
    assert Instance("a", "cache").maxmemory_mb(host_mb) == cache
    assert Instance("a", "cache", memory_mb=99).maxmemory_mb(host_mb) == 99


def conf(instance: Instance, version: tuple[int, ...] = (7, 0)) -> dict[str, str]:
    lines = settings.conf_text(instance, 1024, version).splitlines()
    return dict(line.split(" ", 1) for line in lines if not line.startswith("#"))


def test_a_queue_keeps_everything_and_a_cache_nothing() -> None:
    queue, cache = conf(Instance("a")), conf(Instance("a", "cache"))
    assert (queue["maxmemory-policy"], queue["appendonly"], queue["appendfsync"]) == ("noeviction", "yes", "always")
    assert (cache["maxmemory-policy"], cache["appendonly"], cache["save"]) == ("allkeys-lru", "no", '""')
    assert queue["port"] == cache["port"] == "0"
    assert conf(Instance("a", settings={"appendfsync": "everysec", "hz": 20}))["appendfsync"] == "everysec"


def test_rights_of_channels_are_left_out_for_a_redis_that_does_not_know_them() -> None:
    assert " ~* &* +@all -@admin " in conf(Instance("a"), (6, 2))["user"]
    assert " ~* +@all -@admin " in conf(Instance("a"), (6, 0))["user"]


@pytest.mark.parametrize("command", ["restore", "restore-asking", "migrate"])
def test_a_forged_dump_is_not_read_by_whichever_command(command: str) -> None:
    assert f" -{command} " in conf(Instance("shop-queue"))["user"]


def test_a_unit_lets_in_its_users_and_nobody_who_was_let_in_before() -> None:
    text = settings.unit_text(Instance("shop-queue", users=("shop", "worker")), 1024, 257)
    wanted = "--remove-all --modify u:shop:x,d:u:shop:rw,u:worker:x,d:u:worker:rw /run/slipway-redis/shop-queue\n"
    assert wanted in text
    assert "MemoryMax=320M\n" in text
    assert text.startswith(settings.HEADER)


@pytest.mark.parametrize(("systemd", "longer"), [(252, False), (254, True)])
def test_one_that_can_not_start_tries_again_less_and_less_often(systemd: int, longer: bool) -> None:
    text = settings.unit_text(Instance("shop-queue"), 1024, systemd)
    assert "RestartSec=100ms\n" in text
    assert ("RestartMaxDelaySec=30\n" in text) is longer


def test_accounts_fit_and_stay_apart() -> None:
    assert names.account("shop-queue") == "redis-shop-queue"
    long = [names.account("a" * 40 + end) for end in ("-queue", "-cache")]
    assert len(set(long)) == 2
    assert all(names.ACCOUNT.fullmatch(name) for name in long)
    assert len(names.socket("a" * 48)) < 107


def test_instances_that_may_take_half_of_the_memory_are_told_of() -> None:
    assert instances.crowded([Instance("a"), Instance("b", "cache")], 1024) == []
    (said,) = instances.crowded([Instance("a", memory_mb=500), Instance("b", "cache")], 1024)
    assert "564 of the host's 1024 MB (a 500, b 64)" in said


@pytest.mark.parametrize("place", ["unit", "config"])
def test_a_unit_or_configuration_of_somebody_else_is_left(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(instances, "UNITS", tmp_path)
    monkeypatch.setattr(names, "config", lambda name: str(tmp_path / f"{name}.conf"))
    file = tmp_path / (names.unit("a") if place == "unit" else "a.conf")
    file.write_text(settings.HEADER)
    instances.refuse([Instance("a", users=("root",))], check=False)
    file.write_text("[Unit]\n")
    with pytest.raises(names.RedisError, match="was not written by this role"):
        instances.refuse([Instance("a", users=("root",))], check=False)


def test_a_user_who_is_not_there_is_refused_but_in_check_mode() -> None:
    nobody = [Instance("a", users=("nobody-has-this",))]
    instances.refuse(nobody, check=True)
    with pytest.raises(names.RedisError, match="there is no system user 'nobody-has-this' to connect to instance 'a'"):
        instances.refuse(nobody, check=False)


@pytest.mark.parametrize(
    ("said", "found"),
    [("Redis server v=7.0.15 sha=00000000:0", (7, 0)), ("Redis server v=8.0.2 sha=0", (8, 0)), (None, ())],
)
def test_version_of_the_program(
    said: str | None, found: tuple[int, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "redis-server"
    if said:
        program.write_text(f"#!/bin/sh\necho '{said}'\n")
        program.chmod(0o755)
    monkeypatch.setattr(instances, "PROGRAM", str(program))
    assert instances.version() == found


def test_a_redis_without_acls_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "redis-server"
    program.write_text("#!/bin/sh\necho 'Redis server v=5.0.3 sha=0'\n")
    program.chmod(0o755)
    monkeypatch.setattr(instances, "PROGRAM", str(program))
    with pytest.raises(names.RedisError, match="must be Redis 6.0 or newer, but says: Redis server v=5"):
        instances.version()
