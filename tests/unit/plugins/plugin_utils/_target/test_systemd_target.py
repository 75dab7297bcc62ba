# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What an app's description means for each role."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.plugin_utils._app import description
from ansible_collections.slipway.flask.plugins.plugin_utils._service import postgres
from ansible_collections.slipway.flask.plugins.plugin_utils._target import systemd as target

CA = "-----BEGIN CERTIFICATE-----"


def shop(**changes: Any) -> dict[str, Any]:
    app = {
        "name": "shop",
        "domains": ["shop.example.com", "www.shop.example.com"],
        "source": {"path": "../shop"},
        "wsgi": "shop:app",
        "secrets": {"SECRET_KEY": "7c1d6f0be2a94385b1e9c07f5ad2386e"},
    }
    return description.normalise({**app, **changes})


@pytest.mark.parametrize(
    ("changes", "url"),
    [
        ({"database": "none"}, ""),
        ({}, "postgresql+psycopg:///shop?host=/var/run/postgresql"),
        ({"database_scheme": "postgresql"}, "postgresql:///shop?host=/var/run/postgresql"),
        (
            {"database": "url", "database_url": "postgres://u:p%40ss@db.example.com:25060/x"},
            "postgresql+psycopg://u:p%40ss@db.example.com:25060/x",
        ),
        (
            {"database": "url", "database_url": "postgres://u@db/x", "database_ca": CA},
            "postgresql+psycopg://u@db/x?sslmode=verify-full&sslrootcert=/etc/ssl/slipway/shop-ca.crt",
        ),
        (
            {"database": "url", "database_url": "postgres://u@db/x?sslmode=require", "database_ca": CA},
            "postgresql+psycopg://u@db/x?sslmode=require&sslrootcert=/etc/ssl/slipway/shop-ca.crt",
        ),
        (
            {"database": "url", "database_url": "postgres://u@db/x?sslrootcert=/etc/own.crt", "database_ca": CA},
            "postgresql+psycopg://u@db/x?sslrootcert=/etc/own.crt",
        ),
    ],
)
def test_the_database_has_a_url_in_the_form_that_the_app_wants(changes: dict[str, Any], url: str) -> None:
    assert postgres.url(shop(**changes)) == url


def test_the_databases_url_is_one_of_the_apps_secrets() -> None:
    found = target.secrets(shop(database_variable="DB", secrets={"SECRET_KEY": "k" * 32}))
    assert found == {"SECRET_KEY": "k" * 32, "DB": "postgresql+psycopg:///shop?host=/var/run/postgresql"}
    assert target.secrets(shop(database="none", secrets={})) == {}


@pytest.mark.parametrize(
    ("changes", "names"), [({}, ["gunicorn"]), ({"worker_class": "gevent"}, ["gunicorn", "gevent"])]
)
def test_what_serving_an_app_needs_is_bounded_and_never_pinned(changes: dict[str, Any], names: list[str]) -> None:
    lines = target.needed_packages(shop(**changes))
    assert [line.split(">=")[0] for line in lines] == names
    assert not [line for line in lines if "==" in line]


def test_asgi_workers_are_of_a_gunicorn_that_stops_them_without_losing_requests() -> None:
    assert target.needed_packages(shop(worker_class="asgi")) == ["gunicorn>=27,<28"]


@pytest.mark.parametrize(
    ("changes", "scheme"),
    [
        ({}, "auto"),
        ({"database": "none"}, ""),
        ({"database_scheme": "postgresql"}, "postgresql"),
        ({"database_scheme": "postgresql+psycopg"}, "postgresql+psycopg"),
    ],
)
def test_a_scheme_that_is_given_is_kept_and_none_follows_the_driver(changes: dict[str, Any], scheme: str) -> None:
    assert postgres.wanted_scheme(shop(**changes)) == scheme


def test_protected_downloads_are_shared_folders_or_absolute_paths() -> None:
    app = shop(shared_folders=["uploads"], protected_downloads={"/files/": "uploads", "/lib/": "/var/lib/shop"})
    found = target.site(app)["protected_downloads"]
    assert found == {"/files/": "/srv/shop/shared/uploads", "/lib/": "/var/lib/shop"}


def test_nginx_serves_what_static_and_protected_downloads_name_and_nothing_else() -> None:
    app = shop(
        static={"/s/": "shop/static/"}, shared_folders=["u"], protected_downloads={"/f/": "u", "/l/": "/var/lib/shop"}
    )
    assert target.web_folders(app) == ["/var/lib/shop", "shop/static", "u"]


def test_an_app_may_write_its_shared_folder_and_what_is_named() -> None:
    assert target.writable_paths(shop(writable_paths=["/var/lib/shop"])) == ["/srv/shop/shared", "/var/lib/shop"]


def test_a_site_serves_whatever_release_is_current() -> None:
    site = target.site(
        shop(
            redirect_domains=["shop.example.org"],
            static={"/static/": "shop/static", "/media/": {"folder": "media/", "expires_seconds": 60}},
            shared_folders=["media"],
            body_size_mb=50,
            timeout_seconds=90,
            headers={"X-Frame-Options": "DENY"},
        )
    )
    assert site == {
        "name": "shop",
        "domains": ["shop.example.com", "www.shop.example.com"],
        "redirect_domains": ["shop.example.org"],
        "upstream": "unix:/srv/shop/current/run/gunicorn.sock",
        "static": [
            {
                "url": "/static/",
                "folder": "/srv/shop/current/src/shop/static/",
                "previous_folder": "/srv/shop/previous/src/shop/static/",
                "within": "/srv/shop/current/src",
                "vetted_folder": "/srv/shop/current/vetted/shop/static/",
            },
            {
                "url": "/media/",
                "folder": "/srv/shop/current/src/media/",
                "previous_folder": "/srv/shop/previous/src/media/",
                "expires_seconds": 60,
                "within": "/srv/shop/current/src",
                "vetted_folder": "",  # it is a shared one
            },
        ],
        "rate_limits": {},
        "streaming": [],
        "protected_downloads": {},
        "body_size_mb": 50,
        "header_kb": 8,
        "timeout_seconds": 90,
        "headers": {"X-Frame-Options": "DENY"},
        "access": [],
        "client_ca_file": "",
        "probe_path": "/",
        "hidden_paths": [],
        "certificate": "self_signed",
        "upstream_keepalive": 16,
    }
    assert "upstream_keepalive" not in target.site(shop(worker_class="sync"))
    assert target.site(shop(hsts_preload=True, certificate="provided"))["hsts_preload"] is True


def test_a_site_with_its_own_certificate_names_both_files() -> None:
    site = target.site(shop(certificate="provided", certificate_file="a.pem", certificate_key_file="a.key"))
    assert (site["certificate"], site["certificate_file"], site["key_file"]) == ("provided", "a.pem", "a.key")


def test_the_database_role_is_told_one_owner_a_database() -> None:
    assert postgres.database(shop()) == {"name": "shop", "owner": "shop", "extensions": []}
    assert postgres.database(shop(database_extensions=["pg_trgm"]))["extensions"] == ["pg_trgm"]


def test_the_connection_is_checked_as_the_apps_own_user() -> None:
    app = shop(database="url", database_url="postgres://u:p@db/x", database_ca=CA)
    found = postgres.connection(app)
    assert (found["name"], found["user"], found["ca"]) == ("shop", "shop", CA)
    assert found["url"] == target.secrets(app)["DATABASE_URL"]


def test_system_packages_of_all_apps_are_installed_once_and_git_only_where_it_is_needed() -> None:
    folder = shop(system_packages=["libpq-dev", "nodejs"])
    repository = shop(source={"git": "https://example.com/a.git"}, system_packages=["libpq-dev"])
    assert target.packages([folder, folder]) == ["acl", "libpq-dev", "nodejs"]
    assert target.packages([folder, repository]) == ["acl", "git", "libpq-dev", "nodejs"]


def test_a_service_has_the_apps_settings_in_files_of_each_release() -> None:
    found = target.service(shop(workers=3, environment={"A": "b"}, writable_paths=["/var/lib/shop"]))
    assert (found["name"], found["wsgi"], found["workers"], found["environment"]) == ("shop", "shop:app", 3, {"A": "b"})
    assert set(found["secrets"]) == {"SECRET_KEY", "DATABASE_URL"}
    assert found["environment_file"] == "/etc/shop/releases/%i/environment"
    assert found["after"] == ["postgresql.service"]
    assert target.places(shop()) == {"app": "shop", "root": "/srv/shop", "settings": "/etc/shop"}
