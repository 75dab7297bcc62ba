# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a module is asked reaches the engine whole: each parameter has its field, with the same default."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any, get_type_hints

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._host.parameters import parameter_of
from ansible_collections.slipway.flask.plugins.module_utils._release.deploy import Deploy
from ansible_collections.slipway.flask.plugins.module_utils._release.request import Request
from ansible_collections.slipway.flask.plugins.modules import release_on_host, rollback_on_host
from fake_host import FakeHost, request_with

PACKED = {"commands": ["build_commands", "release_commands"], "expected": ["expected_environment"]}
"""Parameters that are one text each -> what is in it."""


def parameters(kind: Any) -> set[str]:
    """Return the parameters that have a field in the dataclass KIND; nested ones as `health.path`."""
    hints, found = get_type_hints(kind), set()
    for field in fields(kind):
        name, hint = parameter_of(field), hints[field.name]
        if not is_dataclass(hint):
            found.add(name)
        elif field.metadata.get("flat"):
            found |= parameters(hint)
        else:
            found |= {f"{name}.{inner}" for inner in parameters(hint)}
    return found


def specified(spec: dict[str, Any]) -> set[str]:
    """Return the parameters in an argument spec, named as above."""
    found = set()
    for name, option in spec.items():
        found |= {f"{name}.{inner}" for inner in specified(option["options"])} if option.get("options") else {name}
    return {one for name in found for one in PACKED.get(name, [name])}


def test_each_parameter_has_its_field_and_each_field_its_parameter() -> None:
    spec = {**release_on_host.argument_spec(), **rollback_on_host.argument_spec()}
    assert specified(spec) == parameters(Request)


def test_defaults_of_the_specs_are_those_of_the_request() -> None:
    shop = {"app": "shop", "wsgi": "app:app", "user": "shop", "root": "/srv/shop", "settings_folder": "/etc/shop"}
    assert request_with() == Request(**shop)


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
