# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What passes preflight passes the roles: every key of an app, with values at and beyond every edge.

The app's variables reach the roles as the playbooks say, so a role's own check is asked about exactly what it would get.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.slipway.flask.plugins.module_utils._mysql import names as mysql_names
from ansible_collections.slipway.flask.plugins.module_utils._postgres import names
from ansible_collections.slipway.flask.plugins.plugin_utils._app import description
from ansible_collections.slipway.flask.plugins.plugin_utils._app import keys as app_keys
from ansible_collections.slipway.flask.plugins.plugin_utils._connection import mysql as mysql_connections
from ansible_collections.slipway.flask.plugins.plugin_utils._connection import postgres as postgres_connections
from ansible_collections.slipway.flask.plugins.plugin_utils._nginx import site_problems
from ansible_collections.slipway.flask.plugins.plugin_utils._target import documents, refusals, release, systemd
from app_descriptions import KEY, shop
from gunicorn_services import planned

ROOT = Path(__file__).resolve().parents[5]
NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)


# ---- what the roles are told ---------------------------------------------------------------------------


@cache
def read(path: str) -> Any:
    """Return what a YAML file of the checkout says."""
    return yaml.safe_load((ROOT / path).read_text())


def spec_problems(role: str, variables: Mapping[str, Any]) -> list[str]:
    """Return what Ansible says of VARIABLES by the role's argument specs."""
    options = read(f"roles/{role}/meta/argument_specs.yml")["argument_specs"]["main"]
    return list(ArgumentSpecValidator(options["options"]).validate(dict(variables)).error_messages)


def role_problems(apps: list[dict[str, Any]]) -> list[str]:
    """Return what the roles have against APPS, each role's own check and its argument specs."""
    whole = [description.normalise(app) for app in apps]
    found = []
    releases = [release.release(app) for app in whole]
    found += spec_problems("app_release", {"app_release_releases": releases, "app_release_plan": False})
    defaults = read("roles/nginx_tls/defaults/main.yml")
    keys = (
        "body_size_mb", "header_kb", "timeout_seconds", "headers", "hsts_seconds", "connections_per_address", "rate_limits",
        "hsts_preload", "http3",
    )  # fmt: skip
    common = {key: defaults[f"nginx_tls_{key}"] for key in keys}
    sites = documents.documents(whole, "nginx_tls_sites")
    found += spec_problems("nginx_tls", {"nginx_tls_sites": sites})
    pem = {"/ca.pem": "-----BEGIN CERTIFICATE-----"}
    found += [text for text in site_problems.problems(sites, common, pem, NOW) if "on the controller" not in text]
    services = documents.documents(whole, "gunicorn_systemd_services")
    found += spec_problems("gunicorn_systemd", {"gunicorn_systemd_services": services})
    found += planned(*services)["problems"]
    databases = documents.documents(whole, "postgres_server_databases")
    found += spec_problems("postgres_server", {"postgres_server_databases": databases})
    found += names.database_problems(databases)
    connections = documents.documents(whole, "postgres_client_connections")
    found += spec_problems("postgres_client", {"postgres_client_connections": connections})
    found += postgres_connections.problems(connections)
    for variable, problems in (
        ("databases", mysql_names.database_problems),
        ("connections", mysql_connections.problems),
    ):
        entries = documents.documents(whole, f"mariadb_server_{variable}")
        found += [*spec_problems("mariadb_server", {f"mariadb_server_{variable}": entries}), *problems(entries)]
    return found


def test_the_check_itself_sees_what_a_role_refuses() -> None:
    app = shop(wsgi="shop:app", static={"/s p/": "x"})
    assert any("static url" in text for text in role_problems([app]))


# ---- values ---------------------------------------------------------------------------------------------------------

TEXTS = [
    "", " ", "x", "X", "x y", "x\ny", "/", "/x", "x/", "..", "a/../b", "ü", "%i", "$x", "{{ x }}", "a'b", 'a"b', "a;b", "-",
    "3", "x" * 40, "x" * 300, "x.y:z", "x:y()", "x:y(z)", "class:app", "x:y.z", "http://x", "postgresql://x/y",
    "postgresql://u:p@h/d?sslmode=disable", "sqlite:///x", "python3.12", "/health?deep=1", "/héalth", "/a b",
    "-----BEGIN CERTIFICATE-----", "/ca.pem", "1.2.3.4", "*.example.com", "example.com", "a.example.com:80",
]  # fmt: skip
NUMBERS = [
    -1,
    0,
    1,
    2,
    5,
    29,
    30,
    31,
    59,
    60,
    61,
    99,
    100,
    149,
    150,
    151,
    200,
    301,
    599,
    600,
    601,
    3600,
    3601,
    10**6,
    10**9,
]
WORDS = {
    "secret_key_variable": ["SIGNING", "1X", "RELEASE_ID"],
    "database_variable": ["DB", "1X", "A B", "GUNICORN_CMD_ARGS"],
    "database_scheme": ["postgresql", "postgres", "mysql", "postgresql+asyncpg"],
}
MAPPINGS = {
    "environment": [{"A": text} for text in ["", 1, 1.5, True, "x\0y", "x\x1by", "\ud800", "x" * 200_000, "ü", "a\nb"]]
    + [{name: "x"} for name in ["", "1X", "a b", "RELEASE_ID", "LISTEN_FDS", "PATH", "GUNICORN_CMD_ARGS", "ok"]],
    "files": [{"a": "x"}, {"a b": "x"}, {"ü": "x"}, {"a": 1}, {"a": None}, {"a": {"b": 1}}, {1: "x"}],
    "static": [
        {url: folder}
        for url in ["/static/", "/s/t/", "/a b/", "/.x/", "/ü/", "/~x/", "/x", "/a.b/", "/-/", "/s//", "/s/../t/", 5]
        for folder in ["static", "a b", "./x", "x/./y", "a/.", "ü", "a%b", "x/", "a@b"]
    ],
    "rate_limits": [{where: rate} for where in ["/", "/a", "POST /a", "a"] for rate in ["1/minute", "0/minute", 5]],
    "protected_downloads": [
        {url: folder} for url in ["/p/", "/a b/", "/p", "/"] for folder in ["up", "/srv/x", "/a b", "a b"]
    ],
    "headers": [{"X-A": "b"}, {"X A": "b"}, {"X-A": "a\nb"}, {"X-A": 1}, {"X-A": None}, {"X-A": "$x"}],
    "hooks": [{"after_switch": "x.yml"}, {"x": "y"}, {"after_switch": 1}],
    "source": [{"path": "x"}, {"path": 1}, {"git": "https://example.com/x.git", "version": 3}, {"package": "x==1"}, {}],
}
SECRETS = [{"SECRET_KEY": KEY, **value} for value in MAPPINGS["environment"]] + [
    {"SECRET_KEY": 5},
    {"SECRET_KEY": None},
]
ENTRIES = ["", "x", "x y", "x\ny", "/", "/x", "..", "ü", 5, None, {}, [], True, "%i", "*.example.com", "1.2.3.4", "X.example.com",
           "/var/lib/shop", "/var/lib/a b", "/var/lib/%i", "/home/x", "/var/lib/x/./y", "x.service", "flask x", {"command": "x"},
           {"command": 5}, {"command": "x", "once": "yes"}, "bücher.example", "xn--bcher-kva.example",
           "a" * 64 + ".example.com", "example", "192.0.2.1", "example.123"]  # fmt: skip
ODD: list[Any] = [None, True, 1.5, [], {}, "", 0, [[]], {"a": {}}, b"x"]


def values_of(name: str) -> list[Any]:
    """Return values to try for the key NAME: of its type at and beyond its edges, and of every other type."""
    key = app_keys.KEYS[name]
    kind = key.kind if isinstance(key.kind, tuple) else (key.kind,)
    found: list[Any] = list(ODD)
    if str in kind:
        found += [*TEXTS, *WORDS.get(name, []), *key.choices]
    if int in kind:
        low, high = app_keys.RANGES.get(name, (0, 10**6))
        found += [*NUMBERS, low - 1, low, high, high + 1]
    if bool in kind:
        found += [True, False, "yes"]
    if list in kind:
        found += [[entry] for entry in ENTRIES] + [["x", "x"]]
    if dict in kind:
        found += SECRETS if name == "secrets" else MAPPINGS.get(name, [])
    return found


PAIRS: list[dict[str, Any]] = [
    *({"timeout_seconds": seconds} for seconds in (1, 30, 31, 60, 3600)),
    *({"memory_max_mb": size} for size in (0, 1, 15, 16, 149, 150)),
    *({"memory_max_mb": size, "workers": workers} for size in (0, 150, 512) for workers in (0, 1, 256)),
    *({"certificate": kind, "hsts_preload": True} for kind in ("self_signed", "provided", "acme")),
    {"certificate_file": "/c.pem"},
    {"certificate": "acme", "certificate_file": "/c.pem", "certificate_key_file": "/k.pem"},
    {"database": "url", "database_url": "postgresql://u:p@h/d", "database_ca": "x"},
    {
        "database": "url",
        "database_url": "postgresql://u:p@h/d?sslmode=disable",
        "database_ca": "-----BEGIN CERTIFICATE-----",
    },
    {
        "database": "url",
        "database_url": "postgresql://u:p@h/d?sslrootcert=/x",
        "database_ca": "-----BEGIN CERTIFICATE-----",
    },
    {"database": "url", "database_url": "mysql://u:p@h/d", "database_scheme": "mysql+pymysql"},
    {"database": "url", "database_url": "mysql://u:p@h", "database_ca": "-----BEGIN CERTIFICATE-----"},
    {"database": "url", "database_url": "mysql://u:p@h/d?ssl_ca=/x", "database_ca": "-----BEGIN CERTIFICATE-----"},
    {"database": "url", "database_url": "mysql://u:p@h/d", "database_scheme": "postgresql"},
    {"database": "mariadb", "database_ca": "-----BEGIN CERTIFICATE-----"},
    {"database": "mariadb", "database_scheme": "postgresql"},
    {"database": "mariadb", "name": "sys"},
    {"database": "url", "database_url": "sqlite:///x.db", "database_scheme": "sqlite"},
    {"database": "url", "database_url": "u:p@h/d"},
    {"database": "none", "database_ca": "x"},
    {"database": "local", "database_ca": "-----BEGIN CERTIFICATE-----"},
    {"database": "local", "database_scheme": "mysql"},
    {"database": "local", "database_owner_url": "nonsense"},
    {"client_ca_file": "/ca.pem"},
    {"access": [{"path": "/", "client_certificate": True}]},
    {"static": {"/a/": "x"}, "shared_folders": ["up"], "protected_downloads": {"/a/": "up"}},
    {"streaming": ["/a"], "static": {"/a/": "x"}},
    {"shared_folders": ["a", "a"]},
    {"shared_folders": ["a", "a/b"]},
    {"domains": ["a.example.com", "A.example.com"]},
    {"domains": ["a.example.com"], "redirect_domains": ["a.example.com"]},
    {"domains": ["192.0.2.1"]},
    {"domains": ["shop.example.123"]},
    {"name": "postgres"},
    {"name": "template1"},
    {"name": "a"},
    {"name": "a" * 31},
    {"name": "pg-shop"},
    {"environment": {"A": "x"}, "secrets": {"SECRET_KEY": KEY, "A": "y"}},
]


def tried(name: str) -> Iterator[dict[str, Any]]:
    """Yield what is changed in a valid app: one key's values, or the pairs."""
    yield from ({name: value} for value in values_of(name)) if name in app_keys.KEYS else PAIRS


@pytest.mark.parametrize("name", [*app_keys.KEYS, "pairs"])
def test_what_passes_preflight_passes_the_roles(name: str) -> None:
    surprises = []
    for changes in tried(name):
        app = shop(**changes)
        if not (description.problems([app]) or refusals.problems([app])) and (found := role_problems([app])):
            surprises.append((changes, found))
    assert surprises == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"wsgi": "shop:make(x)"}, "'wsgi' is 'shop:make(x)': it must be 'module:app' or 'package:create_app()'"),
        ({"domains": ["192.0.2.1"]}, "'domains' has '192.0.2.1', which is an address"),
        ({"environment": {"RATE": 1.5}}, "'RATE' in 'environment': write the number in quotes"),
        (
            {"environment": {"RELEASE_ID": "x"}},
            "'RELEASE_ID' in 'environment': this variable is set by the unit itself",
        ),
        ({"secrets": {"SECRET_KEY": KEY, "A": "hunter\0two"}}, "'A' in 'secrets': its value has the character U+0000"),
        ({"database_variable": "MY URL"}, "'database_variable' is 'MY URL'"),
        ({"database_scheme": "postgres ql"}, "'database_scheme' is 'postgres ql'; it must be like postgresql"),
        (
            {"database": "url", "database_url": "postgresql://db/x?sslmode=yes"},
            "the database's url has sslmode=yes, which",
        ),
        ({"static": {"/.well-known/": "x"}}, "'/.well-known/' in 'static' must look like /static/"),
        ({"static": {"/static/": "./x"}}, "'./x', the folder of '/static/' in 'static', must have no spaces"),
        ({"writable_paths": ["/var/lib/a b"]}, "'/var/lib/a b' in 'writable_paths' must have letters, digits"),
        ({"memory_max_mb": 15}, "'memory_max_mb' is 15; it must be 16 or more, or 0 for no limit"),
        ({"database_ca": "-----BEGIN CERTIFICATE-----"}, "'database_ca' is given but 'database' is 'local'"),
    ],
)
def test_what_a_role_would_refuse_is_told_by_the_apps_own_key(changes: dict[str, Any], said: str) -> None:
    app = shop(**changes)
    (told,) = description.problems([app]) or refusals.problems([app])
    assert told.startswith(f"slipway_apps, app 'shop': {said}")
    assert "hunter" not in told


@pytest.mark.parametrize("seconds", [1, 30, 60, 3600])
def test_a_timeout_alone_is_enough(seconds: int) -> None:
    app = shop(timeout_seconds=seconds)
    assert role_problems([app]) == []
    service = systemd.service(description.normalise(app))
    conf = planned(service)["files"][1]["vars"]["service"]
    assert conf["graceful_timeout_seconds"] == max(30, seconds)


@pytest.mark.parametrize(
    ("path", "other"),
    [
        ("/var/lib/shop", {"writable_paths": ["/var/lib/shop"]}),
        ("/var/lib/shop/data", {"writable_paths": ["/var/lib/shop"]}),
        ("/var/lib/shop", {"writable_paths": ["/var/lib/shop/data"]}),
        ("/srv/blog/shared", {}),
        ("/etc/blog", {}),
    ],
)
def test_a_folder_belongs_to_one_app_only(path: str, other: dict[str, Any]) -> None:
    apps = [shop(writable_paths=[path]), shop(name="blog", domains=["blog.example.com"], **other)]
    told = [text for text in refusals.problems(apps) if text.startswith("slipway_apps, app 'shop'")]
    assert len(told) == 1
    assert f"'{path}' in 'writable_paths' is also a folder of the app 'blog'" in told[0]


def test_folders_beside_each_other_are_each_an_apps_own() -> None:
    apps = [shop(writable_paths=["/var/lib/shop"]), shop(name="blog", writable_paths=["/var/lib/shop2"])]
    assert refusals.problems(apps) == []
