# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The command line of site.yml, and settings of a host, before anything is changed."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.plugin_utils._preflight import line

BACKUPS = {"targets": [{"name": "a"}]}
WITH = "With site.yml it must be latest, on a bare host with slipway_backups; to bring one app back to a moment: playbooks/"


def said(words: Any = None, restore: Any = None, backups: Any = None, logs: Any = None) -> list[str]:
    return line.problems(words or {}, restore, backups, logs, {"web": ["web1"]}, {"web1": {}})


@pytest.mark.parametrize("logs", [None, {}, {"mask": []}, {"mask": ["default"], "shorten_addresses": True, "ship": {}}])
def test_what_means_something_is_taken(logs: Any) -> None:
    assert said({"standby": "anew"}, "latest", BACKUPS, logs) == []
    assert said() == []


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"words": {"standby": "new"}}, "standby is 'new'; it must be anew"),
        ({"restore": "yesterday", "backups": BACKUPS}, f"restore is 'yesterday'. {WITH}"),
        ({"restore": "latest"}, f"restore is 'latest' and slipway_backups is not set. {WITH}"),
        ({"restore": ""}, f"restore is '' and slipway_backups is not set. {WITH}"),
        ({"logs": {"masks": []}}, "slipway_logs has 'masks'; its keys are mask, shorten_addresses, ship"),
        ({"logs": {"mask": "iban"}}, "slipway_logs.mask is 'iban'; it must be a list of parameters' names"),
        (
            {"logs": ["mask"]},
            "slipway_logs is '['mask']'; it must be a mapping with some of mask, shorten_addresses, ship",
        ),
    ],
)
def test_what_is_wrong_is_said_with_what_it_must_be(given: dict[str, Any], text: str) -> None:
    [found] = said(**given)
    assert found.startswith(text)
