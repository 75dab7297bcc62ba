# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The apps' Redis as its owner sees it, and since when jobs have been waiting, whichever library has queued them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._metrics.config import App, Config
from ansible_collections.slipway.flask.plugins.module_utils._metrics.queues import Queues
from ansible_collections.slipway.flask.plugins.module_utils._metrics.redis import Redis
from fake_redis import serving

NOW = 1_800_000_000.0
MINUTE_AGO = "2027-01-15T07:59:00.000000Z"
BINDING = "\x06\x16"


@pytest.fixture(name="socket")
def _socket() -> Iterator[Path]:
    """A path that is short enough for a socket."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        yield Path(folder) / "s"


def config(socket: Path, purpose: str = "queue") -> Config:
    return Config(apps=[App("shop", "/srv/shop", "/etc/shop", redis={purpose: str(socket)})])


def queues(part: Queues, now: float = NOW) -> dict[str, tuple[float, float]]:
    """Return jobs and seconds of each queue."""
    found: dict[str, dict[str, float]] = {}
    for sample in part.samples(now):
        assert sample.labels["app"] == "shop"
        found.setdefault(sample.labels["queue"], {})[sample.name] = sample.value
    return {name: (one["slipway_queue_jobs"], one["slipway_queue_oldest_seconds"]) for name, one in found.items()}


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        ({"rq:queues": {"rq:queue:mail"}, "rq:queue:mail": ["a", "b"], "rq:job:a": {"enqueued_at": MINUTE_AGO}}, {"mail": (2, 60)}),
        ({"rq:queues": {"rq:queue:mail"}, "rq:queue:mail": ["a"]}, {"mail": (1, 0)}),
        ({"rq:queues": {"rq:queue:mail"}}, {"mail": (0, 0)}),
        ({"_kombu.binding.celery": {f"celery{BINDING}{BINDING}celery"}, "celery": ["new", "old"],
          "_kombu.binding.celery.pidbox": {f"{BINDING}{BINDING}celery@host.celery.pidbox"}}, {"celery": (2, 0)}),
        ({"dramatiq:default.msgs": {"a": '{"message_timestamp": 1799999970000}'}, "dramatiq:default": ["a"],
          "dramatiq:default.DQ.msgs": {"b": "{}"}}, {"default": (1, 30)}),
        ({"dramatiq:default.msgs": {"a": "no JSON"}, "dramatiq:default": ["a"]}, {"default": (1, 0)}),
        ({"arq:queue": [("b", 1_799_999_999_000), ("a", 1_799_999_990_000)]}, {"queue": (2, 10)}),
        ({"arq:queue": {"of": "another"}, "shop:cart": ["1"]}, {}),
        ({}, {}),
    ],
    ids=["rq", "a job that has gone", "rq at rest", "celery", "dramatiq", "what is no JSON", "arq", "an app's own keys", "nothing"],
)  # fmt: skip
def test_a_queue_tells_how_many_jobs_wait_and_since_when(
    socket: Path, data: dict[str, Any], wanted: dict[str, tuple[float, float]]
) -> None:
    with serving(socket, data):
        assert queues(Queues(config(socket))) == wanted


def test_a_job_of_celery_at_the_head_waits_since_it_was_seen_there(socket: Path) -> None:
    data: dict[str, Any] = {"_kombu.binding.celery": {f"{BINDING}{BINDING}celery"}, "celery": ["second", "first"]}
    part = Queues(config(socket))
    with serving(socket, data):
        assert [queues(part, NOW + later)["celery"][1] for later in (0, 15, 300)] == [0, 15, 300]
        data["celery"].pop()
        assert [queues(part, NOW + later)["celery"][1] for later in (315, 330)] == [0, 15]


def test_an_app_has_a_bounded_number_of_queues(socket: Path) -> None:
    with serving(socket, {"rq:queues": {f"rq:queue:{n}" for n in range(500)}}):
        assert len(queues(Queues(config(socket)))) == 32


@pytest.mark.parametrize(
    "data",
    [
        {"rq:queues": {f"rq:queue:{number}{'x' * (1 << 20)}" for number in range(20)}},
        {f"dramatiq:{number}{'x' * (1 << 20)}.msgs": {"a": "{}"} for number in range(20)},
        {"dramatiq:default.msgs": {"a": "[" * 100_000}, "dramatiq:default": ["a"]},
        {"dramatiq:default.msgs": {"a": f'{{"message_timestamp": 1{"0" * 400}}}'}, "dramatiq:default": ["a"]},
        {"arq:queue": [("a", "nonsense")]},
        {"rq:queues": {"rq:queue:a"}, "rq:queue:a": ["x" * (1 << 20) + "*1\r\n" * 5000]},
        {"_kombu.binding.celery": {f"{BINDING}{BINDING}celery"}, "celery": ["x" * (24 << 20)]},
    ],
    ids=["members", "keys", "nested", "a number beyond all", "no number", "an answer in an answer", "a job of 24 MB"],
)
def test_nothing_that_an_app_keeps_in_its_redis_takes_the_queues_of_another(socket: Path, data: dict[str, Any]) -> None:
    good = {"rq:queues": {"rq:queue:mail"}, "rq:queue:mail": ["a"]}
    with serving(socket, data), serving(socket.with_name("good"), good):
        apps = [*config(socket).apps, App("good", "/srv/g", "/etc/g", redis={"queue": str(socket.with_name("good"))})]
        found = list(Queues(Config(apps=apps)).samples(NOW))
    assert [one.value for one in found if one.labels["app"] == "good"] == [1, 0]
    assert all(len(one.labels["queue"]) <= 200 for one in found)


def test_new_names_of_queues_at_each_look_do_not_fill_the_store(socket: Path) -> None:
    data: dict[str, Any] = {}
    part, found = Queues(config(socket)), set[str]()
    with serving(socket, data):
        for number in range(10):
            data["rq:queues"] = {f"rq:queue:{number}-{n}" for n in range(20)}
            found |= set(queues(part, NOW + number))
    assert len(found) == 64


def test_queues_that_come_and_go_are_not_remembered(socket: Path) -> None:
    data: dict[str, Any] = {}
    part = Queues(config(socket))
    with serving(socket, data):
        for number in range(20):
            data.clear()
            data |= {"_kombu.binding.celery": {f"{BINDING}{BINDING}q{number}"}, f"q{number}": ["job"]}
            assert list(queues(part)) == [f"q{number}"]
    assert len(part.heads) == 1


@pytest.mark.parametrize("purpose", ["queue", "cache"])
def test_redis_tells_its_memory_under_the_names_that_dashboards_know(socket: Path, purpose: str) -> None:
    rows = (
        "# Memory",
        "used_memory:1500",
        "maxmemory:3000",
        "connected_clients:4",
        "total_commands_processed:9",
        "evicted_keys:1",
    )
    info = "\r\n".join(rows)
    with serving(socket, {"INFO": info}):
        found = list(Redis(config(socket, purpose)).samples(NOW))
    assert {one.name: one.value for one in found} == {
        "redis_up": 1, "redis_memory_used_bytes": 1500, "redis_memory_max_bytes": 3000, "redis_connected_clients": 4,
        "redis_commands_processed_total": 9, "redis_evicted_keys_total": 1,
    }  # fmt: skip
    assert {tuple(one.labels.items()) for one in found} == {(("app", "shop"), ("purpose", purpose))}


def test_a_redis_that_is_down_is_told_and_has_no_queues(socket: Path) -> None:
    assert [(one.name, one.value) for one in Redis(config(socket)).samples(NOW)] == [("redis_up", 0)]
    assert queues(Queues(config(socket))) == {}
