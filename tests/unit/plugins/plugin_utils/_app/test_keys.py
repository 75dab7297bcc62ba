# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The table of an app's keys tells the truth: what it says of types, ranges and keys inside a key is what is checked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.slipway.flask.plugins.module_utils._host import sandbox_needs
from ansible_collections.slipway.flask.plugins.plugin_utils._app import commands, description, keys, static
from ansible_collections.slipway.flask.plugins.plugin_utils._gunicorn import process
from ansible_collections.slipway.flask.plugins.plugin_utils._nginx import access, site
from ansible_collections.slipway.flask.plugins.plugin_utils._schema.key import REQUIRED, Key, kinds
from ansible_collections.slipway.flask.plugins.plugin_utils._source import description as source
from ansible_collections.slipway.flask.plugins.plugin_utils._target import refusals
from app_descriptions import shop

ROOT = Path(__file__).resolve().parents[5]
PLACES = {
    "environment": "COLOUR", "secrets": "API_TOKEN", "files": "a.txt", "static": "/static/", "rate_limits": "/login",
    "protected_downloads": "/files/", "headers": "X-Frame-Options", "hooks": "after_switch",
    "processes": "worker", "redis_variables": "CACHE_URL",
}  # fmt: skip
ENTRIES: dict[str, dict[str, Any]] = {
    "audit": {"mode": "report"},
    "source": {"path": "../shop"},
    "static": {"folder": "app/static"},
    "access": {"path": "/admin/", "allow": ["192.0.2.1"]},
    "notifications": {"url": "https://example.com/hook"},
    "sandbox": {},
    "processes": {"command": "celery -A shop.tasks worker"},
    "redis_variables": {"purpose": "cache"},
    "build_commands": {"command": "npm run build"},
    "setup_commands": {"command": "git init data"},
    "object_storage": {"bucket": "shop-uploads", "access_key": "AKIA", "secret_key": "s3cr3t"},
    "otel": {"endpoint": "http://127.0.0.1:4318"},
    "preview": {"domain": "*.preview.example.org", "access": []},
    "release_commands": {"command": "flask db upgrade"},
}
"""An entry that is fine, for each key with keys inside."""
BESIDE = {("processes", inner): {"schedule": "daily"} for inner in process.ONLY_SCHEDULED}
"""What an entry has to have for a key that means nothing without."""
WITH = {name: {"database_pool": "pgbouncer"} for name in ("database_pool_size", "database_pool_clients")}
"""What an app has to have for a key that means nothing without."""
WRONG: dict[type, Any] = {str: ["x"], int: "many", bool: "perhaps", list: "x", dict: "x"}
"""A value that is none of that type, nor text for a number of it."""
COLLECTIONS = {name: key for name, key in keys.KEYS.items() if key.of}
NESTED = [(name, inner) for name, key in keys.KEYS.items() for inner in key.keys]


def told(**changes: Any) -> str:
    """Return what is said of an app with CHANGES."""
    apps = [shop(**{"redis": "local", **changes})]
    return "\n".join(description.problems(apps) or refusals.problems(apps))


def holding(name: str, entry: Any) -> Any:
    """Return a value of the key NAME with that ENTRY in it."""
    key = keys.KEYS[name]
    if not key.of:
        return entry
    return [entry] if list in kinds(key.kind) else {PLACES[name]: entry}


def test_every_key_with_keys_inside_has_an_example_that_is_fine() -> None:
    assert set(ENTRIES) == {name for name, key in keys.KEYS.items() if key.keys}
    assert {name: told(**{name: holding(name, entry)}) for name, entry in ENTRIES.items()} == dict.fromkeys(ENTRIES, "")


def wrong_for(key: Key) -> Iterator[Any]:
    """Yield values that are none of the types that KEY allows its entries."""
    allowed = kinds(key.of)
    yield from (bad for bad in (None, [], 1.5, {}, 7) if not isinstance(bad, allowed))


@pytest.mark.parametrize("name", COLLECTIONS)
def test_an_entry_of_another_type_is_refused(name: str) -> None:
    accepted = [bad for bad in wrong_for(COLLECTIONS[name]) if not told(**{name: holding(name, bad)})]
    assert accepted == []


@pytest.mark.parametrize(("name", "inner"), NESTED)
def test_a_key_inside_a_key_is_checked_as_the_table_says(name: str, inner: str) -> None:
    key = keys.KEYS[name].keys[inner]

    def accepted(value: Any) -> bool:
        return not told(**{name: holding(name, {**ENTRIES[name], **BESIDE.get((name, inner), {}), inner: value})})

    assert not accepted(WRONG[kinds(key.kind)[0]]), "another type"
    if key.choices:
        assert not accepted("another"), "a choice that there is not"
    if key.range:
        assert accepted(key.range[0]) and accepted(key.range[1])
        assert not accepted(key.range[0] - 1) and not accepted(key.range[1] + 1)
    if key.default is not REQUIRED and (name, inner) != ("source", "path"):
        assert accepted(key.default), "its default"


@pytest.mark.parametrize("name", ENTRIES)
def test_an_unknown_key_inside_a_key_is_refused(name: str) -> None:
    assert told(**{name: holding(name, {**ENTRIES[name], "colour": "blue"})})


def test_each_value_outside_of_a_range_is_refused() -> None:
    for name, (least, most) in keys.RANGES.items():
        more = WITH.get(name, {})
        assert not told(**{name: most, **more}) and (not told(**{name: least, **more}) or name == "memory_max_mb")
        assert told(**{name: least - 1, **more}) and told(**{name: most + 1, **more})


def inside(name: str) -> dict[str, Any]:
    """Return the defaults of the keys inside the key NAME."""
    return {inner: key.default for inner, key in keys.KEYS[name].keys.items() if key.default is not REQUIRED}


def test_defaults_inside_a_key_are_those_that_are_used() -> None:
    assert inside("source") == source.KEYS
    assert inside("access") == access.RULE
    assert inside("static") == {name: site.STATIC_DEFAULTS[name] for name in static.KEYS if name != "folder"}
    assert process.complete({"command": "x"}) == {
        "command": "x",
        **inside("processes"),
        "ready_seconds": 5,
        "on": "every",
    }
    assert process.complete({"command": "x", "schedule": "daily"})["on"] == "first"
    assert set(keys.KEYS["sandbox"].keys) == set(sandbox_needs.NEEDS)
    assert set(keys.KEYS["release_commands"].keys) == set(commands.KEYS)
    assert description.normalise(shop(release_commands=["x"]))["release_commands"] == [{"command": "x", "once": False}]


def test_the_type_of_a_key_is_told_with_that_of_its_entries() -> None:
    names = {name: key.type_name for name, key in keys.KEYS.items()}
    assert names["access"] == names["notifications"] == "list of dict"
    assert names["release_commands"] == names["build_commands"] == names["setup_commands"] == "list of str or dict"
    assert names["health_path"] == "str or list of str"
    assert not [
        name for name, key in keys.KEYS.items() if kinds(key.kind)[0] in (list, dict) and not (key.of or key.keys)
    ]
    rows = [whole for name, key in keys.KEYS.items() for whole, _ in key.rows(name)]
    assert {"access[].path", "source.git", "static.<url>.folder", "sandbox.browser"} <= set(rows)


def repeated() -> Iterator[tuple[str, Key, dict[str, Any]]]:
    """Yield each key of an app that an entry of a role's variable has by the same name, with what the role says of it."""
    for path in sorted(ROOT.glob("roles/*/meta/argument_specs.yml")):
        options = yaml.safe_load(path.read_text())["argument_specs"]["main"]["options"]
        for variable, option in options.items():
            for name in keys.KEYS.keys() & option.get("options", {}).keys():
                yield f"{variable}[].{name}", keys.KEYS[name], option["options"][name]


OTHERWISE = {
    "edge_backends[].streaming": "whether there is any: the site has the paths",
    "edge_backends[].timeout_seconds": "of an answer: what the site waits for, which is a longer time than the app's",
    "nginx_tls_identity[].certificate": "a path: that of the host among the others, which is no app's",
    "app_release_releases[].audit": "a mapping by then",
    "app_release_releases[].migrations": "a group, in which the key is `mode`",
    "gunicorn_systemd_services[].processes": "an argument spec has no keys below names that are free",
    "app_release_releases[].database": "what is known of it, and how its server is reached",
    "backups_apps[].database": "what it is called in the local cluster",
    "host_metrics_apps[].database": "what it is called in the local cluster",
    "host_metrics_apps[].redis": "the sockets, by purpose",
    "host_metrics_scrape[].certificate": "that of the address at which the metrics are shown, which is no app's",
    "host_metrics_scrape[].certificate_file": "the same",
    "pgbouncer_pools[].database": "what it is called on the server",
    "app_release_releases[].build_commands": "each is a mapping by then",
    "app_release_releases[].setup_commands": "each is a mapping by then",
    "postgres_server_clients[].database": "the name of one",
    "app_release_releases[].release_commands": "each is a mapping by then",
}
"""What a role's entry has by the name of a key, and why in another shape; test_request.py compares it with what is read."""
REPEATED = {place: (key, option) for place, key, option in repeated() if place not in OTHERWISE}


def differences(key: Key, option: dict[str, Any]) -> Iterator[str]:
    """Yield what a role's OPTION says otherwise than the table says of KEY; what it leaves out is no difference."""
    kind = key.type_name.split(" ")[0]
    if (kind, option["type"]) == ("dict", "list"):  # a mapping that a role takes as a list has its own shape
        return
    if kind != option["type"]:
        yield f"type: {kind}, {option['type']}"
    if key.choices and tuple(option.get("choices", ())) != key.choices:
        yield f"choices: {key.choices}, {option.get('choices')}"
    if "default" in option and key.default is not REQUIRED and option["default"] != key.default:
        yield f"default: {key.default}, {option['default']}"
    for inner in key.keys.keys() | option.get("options", {}).keys():
        if inner not in key.keys or inner not in option.get("options", {}):
            yield f"only one of the two has {inner}"
        else:
            yield from (f"{inner}: {text}" for text in differences(key.keys[inner], option["options"][inner]))


@pytest.mark.parametrize("place", sorted(REPEATED))
def test_a_role_that_repeats_a_key_says_the_same_of_it(place: str) -> None:
    assert list(differences(*REPEATED[place])) == []


def test_what_a_role_has_in_another_shape_says_the_same() -> None:
    options = {place: option for place, _, option in repeated()}
    assert set(OTHERWISE) <= set(options)
    migrations, commands = (options[f"app_release_releases[].{name}"] for name in ("migrations", "release_commands"))
    audit = options["app_release_releases[].audit"]["options"]
    for name, key in keys.KEYS["audit"].keys.items():
        assert [
            text for text in differences(key, audit[name]) if not (name == "mode" and text.startswith("default"))
        ] == []
    assert audit["mode"]["default"] == keys.KEYS["audit"].default
    mode = migrations["options"]["mode"]
    assert (mode["default"], tuple(mode["choices"])) == (
        keys.KEYS["migrations"].default,
        keys.KEYS["migrations"].choices,
    )
    assert [one["command"] for one in commands["default"]] == keys.KEYS["release_commands"].default
    assert set(commands["options"]) == set(keys.KEYS["release_commands"].keys)


def test_roles_repeat_keys() -> None:
    assert {"gunicorn_systemd_services[].sandbox", "nginx_tls_sites[].access"} <= REPEATED.keys()
