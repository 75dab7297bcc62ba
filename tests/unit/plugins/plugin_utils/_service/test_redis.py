# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""An app's Redis: what its keys mean for the variables, the instances and the order of units."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.plugin_utils._app import description
from ansible_collections.slipway.flask.plugins.plugin_utils._service import known
from ansible_collections.slipway.flask.plugins.plugin_utils._target import documents, refusals, systemd
from app_descriptions import shop

SOCKETS = "/run/slipway-redis/shop-"
PEM = "-----BEGIN CERTIFICATE-----"


def whole(**changes: Any) -> dict[str, Any]:
    assert description.problems([shop(**changes)]) == []
    assert refusals.problems([shop(**changes)]) == []
    return description.normalise(shop(database="none", **changes))


def local(**changes: Any) -> dict[str, Any]:
    return whole(redis="local", **changes)


def test_an_app_has_none_by_default() -> None:
    app = whole()
    assert known.environment(app) == {}
    assert not [variable for variable in documents.compile(app) if variable.startswith("redis")]


@pytest.mark.parametrize(
    ("changes", "environment"),
    [
        ({}, {"REDIS_URL": f"unix://{SOCKETS}queue/redis.sock"}),
        ({"redis_purpose": "cache"}, {"REDIS_URL": f"unix://{SOCKETS}cache/redis.sock"}),
        ({"redis_variable": "CELERY_BROKER_URL"}, {"CELERY_BROKER_URL": f"redis+socket://{SOCKETS}queue/redis.sock"}),
        ({"redis_scheme": "redis+socket"}, {"REDIS_URL": f"redis+socket://{SOCKETS}queue/redis.sock"}),
        (
            {"redis_variables": {"CELERY_RESULT_BACKEND": "queue", "CACHE_REDIS_URL": "cache",
                                 "RATELIMIT_STORAGE_URI": "cache", "JOBS": {"scheme": "redis+socket"}}},
            {"REDIS_URL": f"unix://{SOCKETS}queue/redis.sock",
             "CELERY_RESULT_BACKEND": f"redis+socket://{SOCKETS}queue/redis.sock",
             "CACHE_REDIS_URL": f"unix://{SOCKETS}cache/redis.sock",
             "RATELIMIT_STORAGE_URI": f"redis+unix://{SOCKETS}cache/redis.sock",
             "JOBS": f"redis+socket://{SOCKETS}queue/redis.sock"},
        ),
    ],
)  # fmt: skip
def test_each_variable_has_the_url_that_its_library_understands(
    changes: dict[str, Any], environment: dict[str, str]
) -> None:
    assert known.environment(local(**changes)) == environment


@pytest.mark.parametrize(
    ("changes", "url"),
    [
        ({"redis_url": "redis://:p@h/1"}, "redis://:p@h/1"),
        ({"redis_url": "rediss://:p@h/1"}, "rediss://:p@h/1?ssl_cert_reqs=required"),
        (
            {"redis_url": "rediss://:p@h/1", "redis_ca": PEM},
            "rediss://:p@h/1?ssl_cert_reqs=required&ssl_ca_certs=/etc/ssl/slipway/shop-redis-ca.crt",
        ),
        ({"redis_url": "unix:///run/redis/redis.sock?db=1"}, "redis+socket:///run/redis/redis.sock?db=1"),
    ],
)
def test_redis_elsewhere(changes: dict[str, Any], url: str) -> None:
    app = whole(redis="url", redis_variable="CELERY_BROKER_URL", **changes)
    assert known.environment(app) == {"CELERY_BROKER_URL": url}
    compiled = documents.compile(app)
    assert "redis_server_instances" not in compiled
    connection = compiled["redis_server_connections"]()
    assert connection[0]["url"] == changes["redis_url"]
    assert connection[0]["user"] == "shop"


def test_both_purposes_are_two_instances_of_the_apps_user() -> None:
    app = local(redis_variables={"CACHE_REDIS_URL": "cache"}, redis_cache_mb=48)
    apps = [app, {**local(redis_queue_fsync="everysec"), "name": "blog"}]
    assert documents.documents(apps, "redis_server_instances") == [
        {"name": "shop-queue", "purpose": "queue", "users": ["shop"], "memory_mb": 0},
        {"name": "shop-cache", "purpose": "cache", "users": ["shop"], "memory_mb": 48},
        {
            "name": "blog-queue",
            "purpose": "queue",
            "users": ["blog"],
            "memory_mb": 0,
            "settings": {"appendfsync": "everysec"},
        },
    ]
    tried = documents.documents(apps, "redis_server_connections")
    assert [(one["name"], one["user"]) for one in tried] == [
        ("shop-queue", "shop"), ("shop-cache", "shop"), ("blog-queue", "blog"),
    ]  # fmt: skip


def test_an_app_starts_after_its_own_redis_and_stops_before_it() -> None:
    app = local(redis_variables={"CACHE_REDIS_URL": "cache"})
    after = systemd.service(app)["after"]
    assert after[-2:] == ["slipway-redis-shop-queue.service", "slipway-redis-shop-cache.service"]
    assert known.after_units(whole()) == ["postgresql.service"]
    other = whole(redis="url", redis_url="redis://localhost/0")
    assert known.after_units(other)[-1] == "redis-server.service"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"redis": "url"}, "'redis' is 'url' but 'redis_url' is empty"),
        ({"redis_url": "redis://:s3cret@h"}, "'redis_url' is given but 'redis' is 'none'; set `redis: url`"),
        ({"redis": "local", "redis_ca": PEM}, "'redis_ca' is given but 'redis' is 'local'; set `redis: url`"),
        ({"redis_variables": {"A": "cache"}}, "'redis_variables' is given but 'redis' is 'none'; set `redis: local`"),
        ({"redis": "local", "environment": {"REDIS_URL": "x"}}, "REDIS_URL is set by 'redis'"),
        ({"redis": "local", "redis_variables": {"B": "both"}}, "'B' in 'redis_variables' is 'both'; it must be one of"),
        ({"redis": "local", "redis_variables": {"REDIS_URL": "cache"}}, "REDIS_URL is in 'redis_variables' and is"),
        ({"redis": "local", "redis_variable": "A B"}, "the variable 'A B' of 'redis'"),
        ({"redis": "local", "redis_scheme": "redis"}, "the scheme 'redis' of REDIS_URL must be one of unix,"),
        ({"redis": "local", "redis_queue_mb": 4}, "'redis_queue_mb' is 4; it must be 16 or more"),
        ({"redis": "url", "redis_url": "redis://:s3cret@h:x"}, "'redis_url': has a host that can't be read"),
        ({"redis": "url", "redis_url": "amqp://:s3cret@h"}, "'redis_url': begins with amqp://"),
        (
            {"redis": "url", "redis_url": "redis://:s3cret@h", "redis_ca": PEM},
            "nothing would check it: write rediss://",
        ),
    ],
)
def test_what_can_not_work_is_refused(changes: dict[str, Any], words: str) -> None:
    apps = [shop(**changes)]
    (said,) = description.problems(apps) or refusals.problems(apps)
    assert words in said
    assert "s3cret" not in said
