# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What an engine of containers is told of an app, whichever engine it is."""

from __future__ import annotations

from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._app import description as app_description
from ansible_collections.slipway.flask.plugins.plugin_utils._render import description, servers
from ansible_collections.slipway.flask.plugins.plugin_utils._render.model import Deployment
from app_descriptions import shop as described

PASSWORDS = {"postgres": "p/w", "redis-queue": "q", "redis-cache": "c"}


def shop(**changes: Any) -> dict[str, Any]:
    return app_description.normalise(described(**changes))


def made(**changes: Any) -> Deployment:
    return description.deployment(shop(**changes), "registry.example.com/shop:7", release="7", passwords=PASSWORDS)


def test_migrations_come_first_and_each_process_runs_the_same_image() -> None:
    found = made(
        processes={
            "worker": {"command": "flask worker", "instances": 2, "environment": {"QUEUE": "mail"}},
            "summary": {"command": "flask summary", "schedule": "daily"},
        }
    )
    assert [one.kind for one in found.processes] == ["migrate", "web", "worker", "schedule"]
    assert [one.command for one in found.processes] == [
        ("slipway-migrate",),
        (),
        ("slipway-run", "worker"),
        ("slipway-run", "summary"),
    ]
    worker, summary = found.workers[0], found.schedules[0]
    assert (worker.instances, worker.environment["QUEUE"], worker.overlap) == (2, "mail", True)
    assert summary.times and summary.times.cron() == "0 0 * * *" and not summary.overlap


def test_an_app_with_neither_database_nor_release_commands_has_no_migrations() -> None:
    assert made(database="none").migrate is None


def test_an_app_that_may_write_when_it_is_imported_is_imported_once_before_the_others() -> None:
    assert made(release_commands=[]).migrate  # it may make its tables so
    assert made(database="none", writes_at_import=True).migrate


def test_a_local_database_is_a_server_beside_the_app_with_its_password_in_the_url() -> None:
    found = made()
    assert [one.name for one in found.servers] == ["postgres"]
    assert found.secrets["DATABASE_URL"] == "postgresql+psycopg://shop:p%2Fw@postgres:5432/shop"


def test_a_local_redis_is_a_server_for_each_purpose_whatever_scheme_a_socket_would_have() -> None:
    found = made(redis="local", redis_variables={"CACHE_URL": "cache", "CELERY_BROKER_URL": "queue"})
    assert servers.names(shop(redis="local")) == ["postgres", "redis-queue"]
    assert found.secrets["REDIS_URL"] == found.secrets["CELERY_BROKER_URL"] == "redis://:q@redis-queue:6379/0"
    assert found.secrets["CACHE_URL"] == "redis://:c@redis-cache:6379/0"
    queue, cache = (one for one in found.servers if one.kind == "redis")
    assert queue.volume and not cache.volume


def test_servers_that_a_url_leads_to_are_left_where_they_are() -> None:
    found = made(
        database="url", database_url="postgresql://u:x@db.example.com/shop", redis="url", redis_url="rediss://r:6379/0"
    )
    assert found.servers == ()
    assert found.secrets["DATABASE_URL"] == "postgresql+psycopg://u:x@db.example.com/shop"
    assert found.secrets["REDIS_URL"].startswith("rediss://r:6379/0")


def test_only_the_migrations_get_the_url_of_the_databases_owner() -> None:
    found = made(database="url", database_url="postgresql://u:x@db/shop", database_owner_url="postgresql://o:y@db/shop")
    assert found.migrate and list(found.migrate.secrets) == [description.OWNER_VARIABLE]
    assert not any("o:y" in value for value in found.secrets.values())


def test_the_authority_of_a_servers_certificate_is_a_file_of_the_container() -> None:
    found = made(
        database="url", database_url="postgresql://u:x@db/shop", database_ca="PEM 1",
        redis="url", redis_url="rediss://r:6379/0", redis_ca="PEM 2", database_owner_url="postgresql://o:y@db/shop",
    )  # fmt: skip
    assert found.files == {"/app/files/.shop-ca.crt": "PEM 1", "/app/files/.shop-redis-ca.crt": "PEM 2"}
    assert found.secrets["DATABASE_URL"].endswith("?sslmode=verify-full&sslrootcert=/app/files/.shop-ca.crt")
    assert "/app/files/.shop-redis-ca.crt" in found.secrets["REDIS_URL"].replace("%2F", "/")
    assert found.migrate and "/app/files/.shop-ca.crt" in found.migrate.secrets[description.OWNER_VARIABLE]


def test_the_folder_of_the_release_is_that_of_the_image() -> None:
    found = made(environment={"SETTINGS": "{release_folder}/src/settings.py"}, files={"settings.py": "A = 1\n"})
    assert found.environment["SETTINGS"] == "/app/src/settings.py"
    assert found.files == {"/app/files/settings.py": "A = 1\n"}


def test_folders_are_volumes_of_every_process_and_each_process_has_one_of_its_own() -> None:
    found = made(shared_folders=["instance/uploads"], processes={"worker": {"command": "flask worker"}})
    assert [(one.name, one.path) for one in found.web.volumes] == [("instance-uploads", "/app/shared/instance/uploads")]
    assert [one.name for one in found.workers[0].volumes] == ["instance-uploads", "state-worker"]
    assert [one.name for one in found.volumes] == ["instance-uploads", "state-worker", "postgres"]


def test_an_app_that_stops_first_has_one_web_process() -> None:
    app = shop(handover="stop_first")
    web = description.deployment(app, "shop:1", replicas=3).web
    assert (web.instances, web.overlap) == (1, False)
    assert description.deployment(shop(), "shop:1", replicas=3).web.instances == 3


def test_the_web_process_gets_as_long_to_stop_as_a_request_may_take() -> None:
    assert made(timeout_seconds=120).web.stop_seconds == 130
    assert made(timeout_seconds=5).web.stop_seconds == 40
