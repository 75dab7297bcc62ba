# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What backing services add to an app."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.plugin_utils._app.description import normalise
from ansible_collections.slipway.flask.plugins.plugin_utils._app.keys import KEYS
from app_descriptions import shop

MIGRATES = ["flask db upgrade"]


@pytest.mark.parametrize(
    ("given", "commands"),
    [
        ({}, MIGRATES),
        ({"database": "local"}, MIGRATES),
        ({"database": "url", "database_url": "postgresql://db/shop"}, MIGRATES),
        ({"database": "none"}, []),
        ({"database": "none", "release_commands": ["flask seed"]}, ["flask seed"]),
        ({"release_commands": []}, []),
    ],
)
def test_an_app_without_release_commands_runs_those_of_its_services(given: dict[str, Any], commands: list[str]) -> None:
    found = normalise(shop(**given))["release_commands"]
    assert [entry["command"] for entry in found] == commands


def test_the_documented_default_is_what_an_app_gets_that_says_nothing_of_its_services() -> None:
    assert KEYS["release_commands"].default == MIGRATES
