# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Which roles have work to do for an app, and what they are told."""

from __future__ import annotations

from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._app import description, hosts
from ansible_collections.slipway.flask.plugins.plugin_utils._service import postgres
from ansible_collections.slipway.flask.plugins.plugin_utils._target import documents, release
from app_descriptions import shop as described


def shop(**changes: Any) -> dict[str, Any]:
    return description.normalise(described(**changes))


def variables_of(**changes: Any) -> set[str]:
    return set(documents.compile(shop(**changes)))


def test_each_role_has_a_document_named_after_its_variable_and_none_when_it_has_no_work() -> None:
    always = {
        "app_release_releases",
        "backups_apps",
        "gunicorn_systemd_services",
        "host_metrics_apps",
        "host_dashboard_apps",
        "host_upkeep_sites",
        "nginx_tls_sites",
    }
    assert variables_of() == always | {"postgres_server_databases", "postgres_client_connections"}
    assert variables_of(database="url", database_url="postgres://u@db/x") == always | {"postgres_client_connections"}
    assert variables_of(database="none") == always
    here, there = {"mariadb_server_connections", "mariadb_server_databases"}, {"mariadb_server_connections"}
    assert variables_of(database="mariadb") == always | here
    assert variables_of(database="url", database_url="mysql://u@db/x") == always | there


def test_the_variable_of_a_role_has_the_documents_of_the_apps_that_need_it() -> None:
    apps = [shop(), shop(name="blog", database="none")]
    assert documents.documents(apps, "postgres_server_databases") == [postgres.database(apps[0])]
    assert [site.get("waiting", False) for site in documents.documents(apps, "nginx_tls_sites", ["blog"])] == [
        False,
        True,
    ]


def test_the_releases_of_a_run_have_its_installer_and_what_its_command_line_says() -> None:
    app = shop(hooks={"before_migrate": "hooks/tell.yml"})
    run = {"installer": {"uv": "/opt/uv"}, "allow_migrations": "0004", "skip_hooks": "true"}
    (found,) = documents.documents([app], "app_release_releases", **run)
    assert found == release.release(app, **run)
    assert (found["uv"], found["migrations"]["allow"], found["hooks"]) == ("/opt/uv", ["0004"], {})


def test_what_an_app_can_lose_is_its_database_and_the_folders_that_outlive_a_release() -> None:
    apps = [shop(shared_folders=["uploads"], writable_paths=["/var/lib/shop"]), shop(name="blog", database="none")]
    apps.append(shop(name="far", database="url", database_url="postgres://u@db/x", database_variable="DB"))
    apps.append(shop(name="notes", database="mariadb"))
    found = documents.documents(apps, "backups_apps")
    assert [one["mariadb"] for one in found] == ["", "", "", "notes"]
    assert [(one["name"], one["database"], one["elsewhere"], one["folders"], one["variable"]) for one in found] == [
        ("shop", "shop", False, ["/srv/shop/shared", "/var/lib/shop"], "DATABASE_URL"),
        ("blog", "", False, [], "DATABASE_URL"),
        ("far", "", True, [], "DB"),
        ("notes", "", False, [], "DATABASE_URL"),
    ]


def test_a_database_is_saved_where_it_is_and_the_rest_where_the_app_runs() -> None:
    groups = {"web": ["web1"], "db": ["db1"]}
    app = described(shared_folders=["uploads"])
    variables = {
        name: {"ansible_host": f"10.0.0.{number}", "slipway_apps": [app]} for number, name in ((1, "web1"), (2, "db1"))
    }
    whole = [description.normalise(app)]
    (web,) = documents.documents(hosts.on_host(whole, "web1", groups, variables), "backups_apps")
    (database,) = documents.documents(hosts.on_host(whole, "db1", groups, variables), "backups_apps")
    assert (web["database"], web["elsewhere"], web["folders"]) == ("", False, ["/srv/shop/shared"])
    assert (database["database"], database["folders"], database["root"], database["settings"]) == ("shop", [], "", "")
