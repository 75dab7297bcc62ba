# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What is wrong with the description of an app: one clear message each, and never a secret in it."""

from __future__ import annotations

import secrets
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.plugin_utils._app import description as app_description
from ansible_collections.slipway.flask.plugins.plugin_utils._app import keys
from ansible_collections.slipway.flask.plugins.plugin_utils._source import description as source_description
from app_descriptions import APP, KEY, shop, shop_environment, shop_secrets

BARE_LIST = ["slipway_apps must be a list with at least one app: see group_vars/all/main.yml"]


def test_a_minimal_app_has_no_problems() -> None:
    assert app_description.problems([APP]) == []


def test_an_app_that_uses_every_key_has_no_problems() -> None:
    whole = {
        "name": "shop-2",
        "domains": ["Shop.example.com", "www.shop.example.com", "xn--bcher-kva.example"],
        "redirect_domains": ["shop.example.org"],
        "adopt": True,
        "stage": "staging",
        "preview": {"domain": "*.preview.example.org", "days": 3},
        "source": {"git": "https://example.com/shop.git", "version": "v1.2", "key": "-----BEGIN …"},
        "wsgi": "shop.wsgi:application",
        "subfolder": "src/shop",
        "python": "python3.12",
        "requirements": ["requirements/prod.txt"],
        "extra_packages": ["psycopg[binary]==3.2"],
        "constraints": ["urllib3<3"],
        "overrides": ["werkzeug<3"],
        "system_packages": ["libpq-dev"],
        "environment": {"PORT": 8000, "FEATURE": True, "RATE": "0.5", "FLASK_DEBUG": 0, "DEBUG": "false"},
        "secrets": {"SIGNING_KEY": KEY},
        "files": {"instance/config.py": "A = 1"},
        "secret_key_variable": "SIGNING_KEY",
        "database": "url",
        "database_url": "postgresql://shop:pw@db.example.com/shop",
        "database_ca": "-----BEGIN CERTIFICATE-----",
        "database_extensions": [],
        "database_variable": "DB",
        "database_scheme": "postgresql",
        "database_connections": 40,
        "database_pool": "none",
        "database_pool_size": 20,
        "database_pool_clients": 500,
        "database_owner_url": "postgresql://landlord:pw@db.example.com/shop",
        "redis": "url",
        "redis_url": "rediss://:pw@redis.example.com/0",
        "redis_ca": "-----BEGIN CERTIFICATE-----",
        "redis_purpose": "cache",
        "redis_variable": "RATELIMIT_STORAGE_URI",
        "redis_scheme": "redis+unix",
        "redis_variables": {"CELERY_BROKER_URL": "queue", "JOBS": {"purpose": "queue", "scheme": "redis+socket"}},
        "redis_queue_mb": 0,
        "redis_queue_fsync": "always",
        "redis_cache_mb": 0,
        "migrations": "report",
        "migrations_allow": ["0005", "0006:ban-drop-column"],
        "migrations_lock_timeout_seconds": 10,
        "migrations_statement_timeout_seconds": 600,
        "migrations_dump": False,
        "build_commands": ["npm run build"],
        "setup_commands": ["git init data"],
        "otel": {"endpoint": "https://otel.example.com:4318", "headers": {"Authorization": "Bearer x"}},
        "release_commands": ["flask db upgrade", {"command": "flask seed 'a b'", "once": True}],
        "static": {"/static/": "shop/static", "/media/img/": "shop/img"},
        "shared_folders": ["instance"],
        "writable_paths": ["/var/lib/shop"],
        "health_path": ["/healthz", "/login?next=/"],
        "health_status": [200, 204],
        "health_host": "internal",
        "health_timeout_seconds": 5,
        "check_seconds": 60,
        "writes_at_import": True,
        "watch_seconds": 0,
        "body_size_mb": 50,
        "header_kb": 16,
        "rate_limits": {"POST /login": "10/minute"},
        "streaming": ["/events"],
        "metrics_path": "/metrics",
        "protected_downloads": {"/protected/": "/var/lib/shop"},
        "sandbox": {"host_metrics": True, "browser": False},
        "handover": "stop_first",
        "processes": {
            "worker": {
                "command": "celery -A shop.tasks worker -n $PROCESS_NAME@$RELEASE_ID",
                "instances": 2,
                "stop_seconds": 300,
                "ready": {"command": "celery -A shop.tasks inspect ping -d $PROCESS_NAME@$RELEASE_ID"},
                "nice": 5,
                "environment": {"QUEUE": "mail"},
                "memory_max_mb": 400,
                "stop_signal": "SIGINT",
                "ready_seconds": 20,
            },
            "beat": {"command": "celery -A shop.tasks beat", "handover": "stop_first", "on": "first"},
        },
        "worker_class": "gevent",
        "workers": 3,
        "threads": 2,
        "timeout_seconds": 90,
        "memory_max_mb": 512,
        "headers": {"X-Frame-Options": "DENY", "Referrer-Policy": ""},
        "hsts_preload": True,
        "access": [{"path": "/admin/", "allow": ["192.0.2.0/24"], "client_certificate": True}],
        "client_ca_file": "visitors.pem",
        "certificate": "provided",
        "certificate_file": "shop.pem",
        "certificate_key_file": "shop.key",
        "hooks": {"after_switch": "hooks/purge.yml"},
        "object_storage": {"bucket": "shop-uploads", "access_key": "AKIA", "secret_key": "s3cr3t"},
        "state_per_host": True,
        "deployers": [],  # with hooks there can be none
        "notifications": [{"url": "https://hooks.example.com/x", "format": "slack"}],
        "keep_releases": 3,
        "audit": {
            "mode": "refuse",
            "severity": "high",
            "allow": [{"id": "CVE-2024-22195", "reason": "no xmlattr", "until": "2027-01-31"}],
            "private": ["acme-*"],
        },
    }
    assert set(whole) == set(keys.KEYS)
    assert app_description.problems([whole]) == []


# Each row: the app, and what its one message must say (all of it).
TYPOS_AND_TYPES = {
    "unknown key": (shop(workes=3), ["unknown key 'workes'", "did you mean 'workers'?"]),
    "unknown key like none": (shop(zzzzzz=3), ["unknown key 'zzzzzz'"]),
    "text for a list": (shop(domains="shop.example.com"), ["'domains' must be a list, not text"]),
    "number for a list": (shop(domains=5), ["'domains' must be a list, not a whole number"]),
    "nothing for a list": (shop(static=None), ["'static' must be a mapping, not nothing"]),
    "list for a mapping": (shop(secrets=["x"], secret_key_variable=""), ["'secrets' must be a mapping, not a list"]),
    "text for a number": (shop(workers="four"), ["'workers' must be a whole number, not text"]),
    "boolean for a number": (shop(workers=True), ["'workers' must be a whole number, not true or false"]),
    "number for text": (shop(wsgi=8), ["'wsgi' must be text, not a whole number"]),
    "number for the name": (shop(name=7), ["app '7'", "'name' must be text, not a whole number"]),
    "worker class": (
        shop(worker_class="gevents"),
        ["'worker_class' is 'gevents'", "sync, gthread, gevent, asgi", "'gevent'?"],
    ),
    "database": (shop(database="remote"), ["'database' is 'remote'", "local, mariadb, url, none"]),
    "certificate": (shop(certificate="bought"), ["'certificate' is 'bought'", "self_signed, provided, acme"]),
    "too many workers": (shop(workers=1000), ["'workers' is 1000", "from 0 to 256"]),
    "no thread": (shop(threads=0), ["'threads' is 0", "from 1 to 256"]),
    "status": (shop(health_status=99), ["'health_status' is 99", "from 100 to 599"]),
    "migrations": (shop(migrations="guard"), ["'migrations' is 'guard'", "guarded, report, off", "'guarded'?"]),
    "revision read as a number": (shop(migrations_allow=[5]), ["'migrations_allow' holds 5", 'quote it, as in "0005"']),
    "owner without a database": (
        shop(database="none", release_commands=[], database_owner_url="postgresql://o@h/d"),
        ["'database_owner_url' is given but 'database' is 'none'"],
    ),
    "one release": (shop(keep_releases=1), ["'keep_releases' is 1", "from 2 to 100"]),
    "body of nothing": (shop(body_size_mb=0), ["'body_size_mb' is 0", "from 1 to 10240"]),
    "package that is a number": (shop(system_packages=[5]), ["'5' in 'system_packages' must be text"]),
    "requirement that is a mapping": (shop(extra_packages=[{"a": "b"}]), ["in 'extra_packages' must be text"]),
}
NAMES = {
    "no name": (shop(name=...), ["app 'number 1'", "'name' is missing"]),
    "no domains": (shop(domains=...), ["'domains' is missing"]),
    "no source": (shop(source=...), ["'source' is missing"]),
    "no entry": (shop(wsgi=...), ["'wsgi' is missing", "module:app"]),
    "capital in the name": (shop(name="Shop"), ["'name' is 'Shop'", "lower-case letters, digits and hyphens"]),
    "underscore in the name": (shop(name="my_shop"), ["'name' is 'my_shop'", "lower-case"]),
    "digit first": (shop(name="9shop"), ["'name' is '9shop'", "start with a letter"]),
    "long name": (shop(name="a" * 32), ["1 to 31"]),
    "name of the system": (shop(name="www-data"), ["'name' is 'www-data'", "taken by the system"]),
    "empty domains": (shop(domains=[]), ["'domains' is empty", "at least one"]),
    "URL as domain": (
        shop(domains=["https://a.example.com"]),
        ["'https://a.example.com' in 'domains' is not a valid domain"],
    ),
    "path of a domain": (
        shop(domains=["a.example.com/blog"]),
        ["nothing can be served below a path", "blog.example.com"],
    ),
    "wildcard as the main domain": (shop(domains=["*.example.com"]), ["start with the main domain"]),
    "wildcard in the middle": (shop(domains=["a.*.example.com"]), ["is not a valid domain"]),
    "international domain that two rules spell differently": (
        shop(domains=["stra\u00dfe.example"]),
        ["write it as xn--"],
    ),
    "static without a folder": (shop(static={"/s/": {"immutable": "always"}}), ["must be a path inside the app"]),
    "static with an unknown key": (
        shop(static={"/s/": {"folder": "s", "expires": 5}}),
        ["'expires' in 'static' of '/s/' is unknown"],
    ),
    "static kept for ever": (
        shop(static={"/s/": {"folder": "s", "expires_seconds": -1}}),
        ["'expires_seconds' in 'static' of '/s/' is -1"],
    ),
    "static with a wrong choice": (shop(static={"/s/": {"folder": "s", "immutable": "yes"}}), ["auto, always, never"]),
    "domain with a port": (
        shop(domains=["a.example.com:80"]),
        ["'a.example.com:80' in 'domains' is not a valid domain"],
    ),
    "underscore in a domain": (
        shop(domains=["my_shop.example.com"]),
        ["'my_shop.example.com'", "is not a valid domain"],
    ),
    "hyphen first": (shop(domains=["-a.example.com"]), ["'-a.example.com' in 'domains' is not a valid domain"]),
    "long label": (shop(domains=[f"{'a' * 64}.com"]), ["is not a valid domain"]),
    "long domain": (shop(domains=[".".join(["a" * 60] * 5)]), ["is not a valid domain"]),
    "domain that is a number": (shop(domains=[5]), ["'5' in 'domains' is not a valid domain"]),
    "alias with a scheme": (shop(redirect_domains=["https://a.org"]), ["'https://a.org' in 'redirect_domains' is no"]),
    "header with a space": (shop(headers={"X Y": "a"}), ["'headers': header 'X Y' must be a header's name"]),
    "header with a variable": (
        shop(headers={"X-Y": "$host"}),
        ["'headers': the value of header 'X-Y' must be one line"],
    ),
    "header without a value": (shop(headers={"X-Y": None}), ["'headers': the value of header 'X-Y' must be one line"]),
    "preload that nobody trusts": (shop(hsts_preload=True), ["'hsts_preload' is on with a self-signed certificate"]),
    "access for a password": (
        shop(access=[{"basic_auth": {"team": "hunter2"}}]),
        ["access to '/': basic_auth of 'team' must be the hash of a password", "openssl passwd -6"],
    ),
    "Python that nobody has": (shop(python="python3.99"), ["'python' is 'python3.99'; there is no such Python"]),
    "Python that is too old": (shop(python="3.6"), ["'python' is '3.6'; Slipway needs 3.9 or later"]),
    "Python by another name": (shop(python="latest"), ["'python' is 'latest'; it must be a version such as"]),
    "Python that YAML reads as a number": (shop(python=3.12), ["'python' must be text, not a number with a point"]),
    "wsgi without colon": (shop(wsgi="shop"), ["'wsgi' is 'shop', which has no colon", "`module:app`"]),
    "wsgi that is a path": (shop(wsgi="src/shop:app"), ["'wsgi' is 'src/shop:app'", "it must be `module:app`"]),
    "wsgi without app": (shop(wsgi="shop:"), ["'wsgi' is 'shop:'", "it must be `module:app`"]),
}
SOURCES = {
    "neither": (shop(source={}), ["'source' needs one of 'path'", "'package' (name==version)"]),
    "both": (shop(source={"path": "a", "git": "b"}), ["'source' needs one of", "it has path and git"]),
    "typo": (shop(source={"path": "a", "verison": "x"}), ["unknown key 'verison' in 'source'", "'version'?"]),
    "path with version": (
        shop(source={"path": "a", "version": "v1"}),
        ["belongs to 'git'; 'path' takes none"],
    ),
    "number as version": (
        shop(source={"git": "https://example.com/a.git", "version": 1.2}),
        ["'version' in 'source' is 1.2;", "must be text: quote it"],
    ),
    "number as path": (shop(source={"path": 5}), ["'path' in 'source' is 5;", "must be text"]),
    "list as URL": (
        shop(source={"git": ["https://u:p@example.com/a"]}),
        ["'git' in 'source' is a list; it must be text"],
    ),
    "text as switch": (
        shop(source={"path": "a", "everything": "yes"}),
        ["'everything' in 'source' is text; it must be true or false"],
    ),
    "everything of a repository": (
        shop(source={"git": "https://example.com/a.git", "everything": True}),
        ["'everything' in 'source' belongs to 'path'; 'git' takes none"],
    ),
    "older than": (
        shop(source={"git": "https://example.com/a.git", "version": "main~1"}),
        ["'version' in 'source' is 'main~1'; it must be the name of a branch or tag, or a commit"],
    ),
    "option as version": (shop(source={"git": "a", "version": "--help"}), ["'version' in 'source' is '--help'"]),
    "archive without checksum": (
        shop(source={"archive": "https://u:p@example.com/a.tar.gz?token=t"}),
        ["'sha256' must say what it holds: `curl -L https://example.com/a.tar.gz | sha256sum`"],
    ),
    "checksum that is none": (
        shop(source={"archive": "a.zip", "sha256": "abc"}),
        ["'sha256' in 'source' is 'abc'; it must be 64 hexadecimal digits"],
    ),
    "package of any version": (
        shop(source={"package": "wiki"}),
        ["'package' in 'source' is 'wiki'", "wiki", "as in shop==1.2"],
    ),
    "package of some version": (shop(source={"package": "wiki>=1"}), ["it must name one version"]),
    "package by pattern": (shop(source={"package": "wiki==1.*"}), ["it must name one version"]),
    "package with a list": (
        shop(source={"package": "wiki==1.0"}, requirements=["a"]),
        ["'requirements' is given, but a package"],
    ),
    "package in a folder": (
        shop(source={"package": "wiki==1.0"}, subfolder="b"),
        ["'subfolder' is given, but a package"],
    ),
}
PATHS = {
    "absolute subfolder": (shop(subfolder="/srv"), ["'/srv' in 'subfolder'", "inside the app"]),
    "subfolder above": (shop(subfolder="a/../../b"), ["'a/../../b' in 'subfolder'", "without '..'"]),
    "static folder above": (shop(static={"/s/": "../s"}), ["'../s' in 'static'", "inside the app"]),
    "static folder that is all": (shop(static={"/s/": "."}), ["'.' in 'static'", "inside the app"]),
    "static URL without slash": (shop(static={"/static": "s"}), ["'/static' in 'static'", "begin and end with '/'"]),
    "rate limit without a unit": (shop(rate_limits={"/login": 10}), ["rate_limits of '/login' is '10'", "10/minute"]),
    "metrics everywhere": (shop(metrics_path="/"), ["'metrics_path' is '/'; it must look like /metrics"]),
    "metrics at no path": (shop(metrics_path="/a/../b"), ["'metrics_path' is '/a/../b'; it must look like /metrics"]),
    "metrics where the health is": (
        shop(metrics_path="/internal/", health_path=["/", "/internal/health"]),
        ["'health_path' is '/internal/health', which visitors get 404 for as 'metrics_path' is '/internal/'"],
    ),
    "streaming without a path": (shop(streaming=["events"]), ["'events' in streaming must be a path"]),
    "downloads from a folder that is not shared": (
        shop(protected_downloads={"/files/": "uploads"}),
        ["'uploads' of '/files/'", "must be one of 'shared_folders'"],
    ),
    "downloads from the system": (
        shop(protected_downloads={"/files/": "/srv/../etc"}),
        ["'/srv/../etc' of '/files/'", "absolute path"],
    ),
    "one URL twice": (
        shop(static={"/f/": "f"}, protected_downloads={"/f/": "/var/lib/f"}),
        ["both 'static' and 'protected_downloads'"],
    ),
    "static URL of everything": (shop(static={"/": "s"}), ["'/' in 'static'", "begin and end with '/'"]),
    "static URL with a space": (shop(static={"/a b/": "s"}), ["'/a b/' in 'static'"]),
    "static URL that ends a directive": (shop(static={"/a;{}/": "s"}), ["'/a;{}/' in 'static'"]),
    "shared folder above": (shop(shared_folders=["../../etc"]), ["'../../etc' in 'shared_folders'"]),
    "shared folder without a name": (shop(shared_folders=[""]), ["'' in 'shared_folders'", "inside the app"]),
    "shared folder that is all": (shop(shared_folders=["./"]), ["'./' in 'shared_folders'", "inside the app"]),
    "file above": (shop(files={"/etc/passwd": "x"}), ["'/etc/passwd' in 'files'", "inside the app"]),
    "requirements above": (shop(requirements=["../r.txt"]), ["'../r.txt' in 'requirements'"]),
    "writable path inside": (shop(writable_paths=["data"]), ["'data' in 'writable_paths' must be an absolute path"]),
    "writable root": (shop(writable_paths=["/"]), ["'/' in 'writable_paths'"]),
    "writable system folder": (shop(writable_paths=["/etc/"]), ["'/etc/' in 'writable_paths'"]),
    "writable path above": (
        shop(writable_paths=["/srv/shop/../../etc"]),
        ["'/srv/shop/../../etc' in 'writable_paths'"],
    ),
    "health paths": (shop(health_path=["/healthz", "login"]), ["'health_path' is 'login'", "begin with '/'"]),
    "no health path": (shop(health_path=[]), ["'health_path' is empty"]),
    "health statuses": (shop(health_status=[200, 99]), ["'health_status' is 99", "from 100 to 599"]),
    "health status text": (shop(health_status="200"), ["'health_status' must be a whole number or a list"]),
    "health status true": (shop(health_status=True), ["'health_status' must be a whole number or a list"]),
    "extensions elsewhere": (
        shop(database="none", database_extensions=["pg_trgm"]),
        ["'database_extensions' is given but 'database' is not 'local'"],
    ),
    "health path": (shop(health_path="healthz"), ["'health_path' is 'healthz'", "begin with '/'"]),
    "certificate file": (
        shop(certificate="provided", certificate_key_file="k"),
        ["'certificate' is 'provided' but 'certificate_file' is empty"],
    ),
    "certificate key": (
        shop(certificate="provided", certificate_file="c"),
        ["'certificate' is 'provided' but 'certificate_key_file' is empty"],
    ),
}
COMMANDS = {
    "empty command": (shop(release_commands=[" "]), ["'release_commands'", "neither a command nor"]),
    "number": (shop(build_commands=[5]), ["'build_commands'", "neither a command nor"]),
    "mapping without command": (shop(release_commands=[{"once": True}]), ["neither a command nor"]),
    "typo": (
        shop(release_commands=[{"command": "x", "onec": True}]),
        ["unknown key 'onec' in 'release_commands'", "'once'?"],
    ),
    "open quote": (shop(release_commands=["flask say 'hi"]), ["'release_commands' can't be split", "quot"]),
    "open quote in a build": (
        shop(build_commands=[{"command": 'sh -c "x'}]),
        ["'build_commands' can't be split", "quot"],
    ),
}
SETTINGS = {
    "no key": (shop(secrets={}), ["SECRET_KEY is missing from 'secrets'", "token_hex", "Vault"]),
    "no key of another name": (shop(secret_key_variable="SIGN"), ["SIGN is missing from 'secrets'"]),
    "placeholder": (shop_secrets(SECRET_KEY="change-me"), ["SECRET_KEY in 'secrets' is a placeholder"]),
    "placeholder dev": (shop_secrets(SECRET_KEY="dev"), ["is a placeholder"]),
    "placeholder in words": (shop_secrets(SECRET_KEY="your-very-own-secret"), ["is a placeholder"]),
    "placeholder in brackets": (shop_secrets(SECRET_KEY="<put a long key here>"), ["is a placeholder"]),
    "one letter": (shop_secrets(SECRET_KEY="a" * 64), ["is a placeholder"]),
    "empty key": (shop_secrets(SECRET_KEY=""), ["SECRET_KEY in 'secrets' is a placeholder"]),
    "key of nothing": (shop_secrets(SECRET_KEY=None), ["'SECRET_KEY' in 'secrets' must be text"]),
    "short key": (shop_secrets(SECRET_KEY="x9#Kq2!mZ"), ["SECRET_KEY in 'secrets' has 9 characters", "at least 16"]),
    "key in sight": (
        shop(environment={"SECRET_KEY": KEY}, secrets={}),
        ["SECRET_KEY is in 'environment'", "move it"],
    ),
    "development": (shop_environment(FLASK_ENV="development"), ["FLASK_ENV is 'development'", "remove it"]),
    "in both": (shop(environment={"MAIL": "a"}, secrets={"SECRET_KEY": KEY, "MAIL": "b"}), ["'MAIL' is in both"]),
    "name with a hyphen": (
        shop(environment={"MY-VAR": "a"}),
        ["'MY-VAR' in 'environment' is not a valid variable name"],
    ),
    "name of a secret": (
        shop(secrets={"SECRET_KEY": KEY, "1x": "a"}),
        ["'1x' in 'secrets' is not a valid variable name"],
    ),
    "list as value": (shop_environment(HOSTS=["a"]), ["'HOSTS' in 'environment' must be text, a number or true/false"]),
    "nothing as value": (shop_environment(MAIL=None), ["'MAIL' in 'environment' must be text"]),
    "url without URL": (shop(database="url"), ["'database' is 'url' but 'database_url' is empty"]),
    "URL without url": (shop(database_url="postgresql://a/b"), ["'database_url' is given but 'database' is not 'url'"]),
    "URL set twice": (shop_environment(DATABASE_URL="sqlite://"), ["DATABASE_URL is set by 'database'", "remove it"]),
    "secret URL set twice": (shop_secrets(DATABASE_URL="sqlite://"), ["DATABASE_URL is set by 'database'"]),
    "URL of another name": (
        shop(database_variable="DB", environment={"DB": "sqlite://"}),
        ["DB is set by 'database'"],
    ),
}
TABLE = {
    f"{group}: {name}": row
    for group, rows in {
        "types": TYPOS_AND_TYPES, "names": NAMES, "source": SOURCES, "paths": PATHS, "commands": COMMANDS,
        "settings": SETTINGS,
    }.items()
    for name, row in rows.items()
}  # fmt: skip


@pytest.mark.parametrize(("app", "parts"), TABLE.values(), ids=TABLE)
def test_one_mistake_gives_one_message_that_names_it(app: dict[str, Any], parts: list[str]) -> None:
    found = app_description.problems([app])
    assert len(found) == 1, found
    assert [part for part in ["slipway_apps, app '", *parts] if part not in found[0]] == [], found[0]


@pytest.mark.parametrize("name", ["FLASK_DEBUG", "DEBUG"])
@pytest.mark.parametrize("value", [1, True, "1", "true", "True", "TRUE", "yes", "on", "t", "y", 2, "enabled"])
def test_debugging_may_not_be_on_however_it_is_spelled(name: str, value: Any) -> None:
    found = app_description.problems([shop_environment(**{name: value})])
    assert len(found) == 1, found
    assert f"{name} is '{value}'" in found[0]
    assert "Remove it" in found[0]


@pytest.mark.parametrize("name", ["FLASK_DEBUG", "DEBUG"])
@pytest.mark.parametrize("value", [0, False, "0", "false", "False", "no", ""])
def test_debugging_may_be_said_to_be_off(name: str, value: Any) -> None:
    assert app_description.problems([shop_environment(**{name: value})]) == []


def test_flask_takes_the_word_off_for_on_and_so_do_we() -> None:
    """flask.helpers.get_debug_flag knows only 0, false and no."""
    assert "FLASK_DEBUG is 'off'" in app_description.problems([shop_environment(FLASK_DEBUG="off")])[0]
    assert app_description.problems([shop_environment(DEBUG="off")]) == []


@pytest.mark.parametrize("apps", [None, [], {}, "shop", 5])
def test_apps_that_are_no_list_are_refused(apps: Any) -> None:
    assert app_description.problems(apps) == BARE_LIST


def test_an_app_that_is_no_mapping_is_named_by_its_place() -> None:
    (found,) = app_description.problems([APP, "blog"])
    assert found.startswith("slipway_apps, entry 2: must be a mapping")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (["a.example.com"], ["a.example.com"]),
        (["a.example.com"], ["b.example.com", "A.Example.COM"]),
        (["a.example.com", "a.example.com"], ["b.example.com"]),
    ],
)
def test_a_domain_may_stand_once_whatever_its_case(first: list[str], second: list[str]) -> None:
    found = app_description.problems([shop(domains=first), shop(name="blog", domains=second)])
    assert found == ["slipway_apps: the domain 'a.example.com' is listed 2 times; list it once"]


def test_two_apps_may_not_have_one_name() -> None:
    found = app_description.problems([APP, shop(domains=["b.example.com"])])
    assert found == ["slipway_apps: the name 'shop' is listed 2 times; list it once"]


def test_an_app_may_not_run_as_the_user_of_another_ones_redis() -> None:
    mean = shop(name="redis-shop-queue", domains=["b.example.com"])
    assert app_description.problems([APP, mean]) == []
    assert app_description.problems([{**APP, "redis": "local"}, mean]) == [
        "slipway_apps, app 'redis-shop-queue': the Redis of 'shop' runs as a user of that name, and each could read "
        "the other's data; choose another name"
    ]


def test_two_apps_without_a_name_are_told_that_and_no_more() -> None:
    found = app_description.problems([shop(name=...), shop(name=..., domains=["b.example.com"])])
    assert [text.split(": ", 1)[1].split(".")[0] for text in found] == ["'name' is missing"] * 2


def test_every_mistake_is_told_at_once() -> None:
    found = app_description.problems(
        [shop(workes=3, wsgi="shop", domains=["x"]), shop(name="blog", threads=0, domains=["b.org"])]
    )
    assert len(found) == 4
    assert [text.split(":")[0] for text in found] == ["slipway_apps, app 'shop'"] * 3 + ["slipway_apps, app 'blog'"]


def test_an_app_without_a_database_may_set_the_variable_itself() -> None:
    assert app_description.problems([shop(database="none", environment={"DATABASE_URL": "sqlite:///x.db"})]) == []


def test_an_app_with_a_settings_file_needs_no_secret_key() -> None:
    assert app_description.problems([shop(secrets={}, secret_key_variable="")]) == []


SECRET = f"s3cr3t{secrets.token_hex(8)}"
HOLDERS: dict[str, Any] = {
    "secrets": {"SECRET_KEY": KEY, "API_TOKEN": SECRET},
    "secret key": {"SECRET_KEY": SECRET},
    "short secret key": {"SECRET_KEY": SECRET[:9]},
    "list": {"SECRET_KEY": KEY, "API_TOKEN": [SECRET]},
    "debug": {"SECRET_KEY": KEY, "FLASK_DEBUG": SECRET, "DEBUG": SECRET},
    "url": {"SECRET_KEY": KEY, "DATABASE_URL": SECRET},
    "text": SECRET,
    "number": [SECRET],
}


@pytest.mark.parametrize("held", HOLDERS.values(), ids=HOLDERS)
def test_no_message_holds_a_secret_whatever_else_is_wrong(held: Any) -> None:
    database = {"database_url": f"postgresql://u:{SECRET}@db/x", "files": {"../x": SECRET}, "database_ca": SECRET}
    for app, _ in TABLE.values():
        found = app_description.problems([{**app, "secrets": held, **database}, {**app, "database_url": [SECRET]}])
        assert found
        assert [text for text in found if SECRET[:9] in text] == []


def test_a_deploy_key_and_a_token_in_a_url_stay_out_of_messages() -> None:
    source = {"path": "a", "git": f"https://{SECRET}@example.com/a.git", "key": SECRET, "version": 5, "keys": SECRET}
    found = app_description.problems([shop(source=source)])
    assert len(found) > 1
    assert SECRET not in str(found)


def test_defaults_are_filled_in_and_shortcuts_spelled_out() -> None:
    whole = app_description.normalise(
        shop(
            domains=["Shop.Example.com"], release_commands=["flask db upgrade", {"command": "flask seed", "once": True}]
        )
    )
    assert set(whole) == set(keys.KEYS)
    assert whole["domains"] == ["shop.example.com"]
    assert whole["health_host"] == "shop.example.com"
    assert whole["source"] == source_description.KEYS | {"path": "../shop"}
    assert whole["release_commands"] == [
        {"command": "flask db upgrade", "once": False},
        {"command": "flask seed", "once": True},
    ]
    assert (whole["workers"], whole["threads"], whole["database"]) == (0, 4, "local")


@pytest.mark.parametrize(
    ("changes", "commands"),
    [
        ({}, ["flask db upgrade"]),
        ({"database": "none"}, []),
        ({"release_commands": []}, []),
        ({"database": "none", "release_commands": ["flask init"]}, ["flask init"]),
    ],
)
def test_migrations_run_by_default_where_there_is_a_database(changes: dict[str, Any], commands: list[str]) -> None:
    assert [entry["command"] for entry in app_description.normalise(shop(**changes))["release_commands"]] == commands


@pytest.mark.parametrize("key", [name for name, key in keys.KEYS.items() if key.default is not keys.REQUIRED])
def test_every_default_is_itself_a_right_value(key: str) -> None:
    default = keys.KEYS[key].default
    if key == "secrets":
        return
    assert app_description.problems([shop(**{key: default})]) == []


@pytest.mark.parametrize(
    ("given", "mode"), [({}, "guarded"), ({"migrations": False}, "off"), ({"migrations": "off"}, "off")]
)
def test_a_bare_off_of_yaml_is_taken_for_the_word(given: dict[str, Any], mode: str) -> None:
    assert app_description.problems([shop(**given)]) == []
    assert app_description.normalise(shop(**given))["migrations"] == mode


def test_international_domains_and_wildcards_are_as_nginx_and_certificates_name_them() -> None:
    app = app_description.normalise(
        shop(domains=["B\u00fccher.example", "*.b\u00fccher.example"], redirect_domains=["www.example.com"])
    )
    assert app["domains"] == ["xn--bcher-kva.example", "*.xn--bcher-kva.example"]
    assert app["health_host"] == "xn--bcher-kva.example"


def test_a_domain_in_two_spellings_is_one_domain() -> None:
    found = app_description.problems([shop(domains=["b\u00fccher.example", "xn--bcher-kva.example"])])
    assert found == ["slipway_apps: the domain 'xn--bcher-kva.example' is listed 2 times; list it once"]


def test_static_files_may_say_how_long_they_are_kept() -> None:
    said = {"/a/": "a", "/b/": {"folder": "b", "expires_seconds": 60, "immutable": "never", "fallback": 404}}
    assert app_description.problems([shop(static=said)]) == []
    assert app_description.normalise(shop(static=said))["static"] == {
        "/a/": {"folder": "a"},
        "/b/": {"folder": "b", "expires_seconds": 60, "immutable": "never", "fallback": "404"},
    }


@pytest.mark.parametrize(
    "name",
    [
        "cron", "ssl", "mysql", "user", "video", "postgres", "getty", "log", "slipway", "slipway-backup", "slipway-metrics",
        "prometheus", "prometheus-node-exporter",
    ],
)  # fmt: skip
def test_a_name_that_the_system_has_or_may_get_is_refused(name: str) -> None:
    (told,) = app_description.problems([shop(name=name)])
    assert told.endswith(f"'name' is '{name}', which is taken by the system; choose another")


@pytest.mark.parametrize(
    "path",
    [
        "/", "/var/lib", "/var/lib/postgresql", "/var/lib/postgresql/17", "/var/log/nginx", "/etc/nginx", "/etc/cron.d",
        "/opt/slipway", "/opt/slipway/bin", "/usr/bin", "/usr/lib/x", "/home/x", "/root", "/var/spool/cron/crontabs", "/boot/x",
        "/var/lib/../../etc",
    ],
)  # fmt: skip
def test_a_folder_of_the_system_is_never_the_apps(path: str) -> None:
    (told,) = app_description.problems([shop(writable_paths=[path])])
    assert f"'{path}' in 'writable_paths' belongs to the system" in told


@pytest.mark.parametrize(
    "path", ["/var/lib/shop", "/opt/shop", "/usr/local/share/shop", "/mnt/data/shop", "/data", "/var/log/shop"]
)
def test_a_folder_of_its_own_is_the_apps(path: str) -> None:
    assert app_description.problems([shop(writable_paths=[path])]) == []
