# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a module is asked reaches the engine whole: each parameter has its field, with the same default."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.slipway.flask.plugins.module_utils._release.deploy import Deploy
from ansible_collections.slipway.flask.plugins.module_utils._release.request import Request, description_spec
from ansible_collections.slipway.flask.plugins.plugin_utils._app import description
from ansible_collections.slipway.flask.plugins.plugin_utils._app.keys import KEYS
from ansible_collections.slipway.flask.plugins.plugin_utils._target import release as described
from app_descriptions import shop
from fake_host import FakeHost, parameters

ROLE = Path(__file__).resolve().parents[5] / "roles/app_release/meta/argument_specs.yml"


# ---- the role's argument specs say the same ---------------------------------------------------------------------------


@functools.cache
def options() -> dict[str, Any]:
    """Return the keys of an app's description, as the role's users read of them."""
    spec = yaml.safe_load(ROLE.read_text())["argument_specs"]["main"]
    found: dict[str, Any] = spec["options"]["app_release_releases"]["options"]
    return found


def facts(option: dict[str, Any]) -> dict[str, Any]:
    """Return what an option takes; a path is a text to who writes it."""
    found = {key: option.get(key) for key in ("type", "elements", "choices", "no_log", "required")}
    found |= {key: "str" for key in ("type", "elements") if found[key] == "path"}
    if inner := option.get("options"):
        return found | {"options": {name: facts(one) for name, one in inner.items()}}
    return found | {"default": option.get("default")}


OTHERWISE = {"user", "root", "settings_folder", "release_commands", "packages"}
"""Keys whose defaults the controller finds (plugin_utils/_target/release.py)."""
OF_THE_CONTROLLER = {"build_commands", "setup_commands", "expected_environment"}
"""What the controller makes of these is more than is told: a command with all that can be said of it, sealed settings."""


def test_the_role_takes_what_the_request_holds() -> None:
    assert set(options()) == set(description_spec()) - {"app"} | {"name", *described.HERE}


@pytest.mark.parametrize("name", sorted(set(description_spec()) - OTHERWISE - OF_THE_CONTROLLER - {"app"}))
def test_the_role_says_of_each_key_what_the_request_does(name: str) -> None:
    told, held = facts(options()[name]), facts(description_spec()[name])
    assert told == held


def test_keys_of_an_app_have_the_defaults_that_the_request_has() -> None:
    """`slipway_apps` and the role alone: nobody should have to know which of the two somebody uses."""
    ours = {name: option["default"] for name, option in description_spec().items() if "default" in option}
    for group in ("health", "migrations"):
        ours |= {
            f"{group}_{name}": option.get("default") for name, option in description_spec()[group]["options"].items()
        }
    same = [name for name in ours if name in KEYS and name != "release_commands"]
    assert len(same) > 15
    for name in same:
        default = KEYS[name].default
        assert ours[name] == (
            [default] if isinstance(ours[name], list) and not isinstance(default, list) else default
        ), name


def test_an_app_of_slipway_apps_is_described_whole() -> None:
    app = description.normalise(shop(health_path=["/a", "/b"], watch_seconds=9, migrations_dump=False))
    told = described.release(app, {"python": "3.12", "uv": "/uv"}, "0005,0006", "no")
    assert described.problems(told) == []
    assert not set(told) - set(options())
    asked = Request.of(parameters(**{name: v for name, v in described.complete(told).items() if name not in NOT_SENT}))
    assert (asked.app, asked.root, asked.watch_seconds) == ("shop", "/srv/shop", 9)
    assert (asked.health.path, asked.health.host) == (("/a", "/b"), app["domains"][0])
    assert (asked.migrations.dump, asked.migrations.allowed) == (False, {"0005", "0006"})
    assert (asked.python, asked.tools.uv, asked.web.user) == ("3.12", "/uv", "www-data")


NOT_SENT = (*described.HERE, "build_commands", "setup_commands", "release_commands", "expected_environment")


def test_a_rollback_is_told_nothing_that_only_a_deploy_needs() -> None:
    told = described.complete(described.release(description.normalise(shop(files={"a": "secret"}))), "rollback")
    assert not {"files", "git_key", "expected_environment", "packages", "path"} & set(told)
    assert {"app", "health", "migrations", "hooks", "notifications", "uv"} - {"uv"} <= set(told)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("shop", "must be a mapping such as"),
        ({"name": "shop"}, "'wsgi' is missing in 'description'"),
        ({"name": "shop", "wsgi": "a:b", "watch_second": 1}, "'watch_second' in 'description' (did you mean 'watch_seconds'?)"),
    ],
)  # fmt: skip
def test_a_wrong_description_is_told(wrong: Any, said: str) -> None:
    assert said in "\n".join(described.problems(wrong))


KNOWN = {
    "9cc63006daaaddc1116888a25a2988a8a86b16de405dfed52a296dc0ece02c04": {},
    "3a695836e7aa8596651d3219e2b0c56663edbd10165806207f36df5006771a04": {
        "build_commands": [{"command": "make", "once": False, "name": "known by this"}]
    },
}


@pytest.mark.parametrize(("known", "given"), KNOWN.items())
def test_what_a_release_is_known_by_stays_the_same(host: FakeHost, known: str, given: dict[str, Any]) -> None:
    """By another name for the same, every app would be deployed again after an update of Slipway."""
    assert Deploy(host.request(**given))._fingerprint("key") == known
