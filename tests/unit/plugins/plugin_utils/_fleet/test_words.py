# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A word of the command line that is misspelt is refused, with those that there are."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.plugin_utils._fleet import words

GROUPS = {"web": ["web1"], "db": ["db1", "db2"]}
HOSTS: dict[str, Any] = {
    "web1": {"slipway_apps": [{"name": "shop"}, {"name": "blog"}, "broken"]},
    "db1": {"slipway_apps": "broken"},
    "db2": {"slipway_database": {"standby_of": "db1"}},
}


@pytest.mark.parametrize(
    "given",
    [
        {"standby": "", "discard": "", "backups": "", "moved": "", "anew": ""},
        {"standby": "anew", "backups": "anew"},
        {"discard": "db2", "moved": "shop", "anew": "blog"},
        {"moved": None},
    ],
)
def test_a_word_that_means_something_is_taken(given: dict[str, Any]) -> None:
    assert words.unknown(given, GROUPS, HOSTS) == ""


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"standby": "new"}, "standby is 'new'; it must be anew"),
        ({"standby": True}, "standby is 'True'; it must be anew"),
        ({"backups": "forget"}, "backups is 'forget'; it must be anew"),
        ({"discard": "db1"}, "discard is 'db1'; it must be a standby of the group 'db' (there is: db2)"),
        ({"moved": "shpo"}, "moved is 'shpo'; it must be an app (there is: blog, shop)"),
        ({"anew": "wiki"}, "anew is 'wiki'; it must be an app (there is: blog, shop)"),
    ],
)
def test_any_other_one_is_refused(given: dict[str, Any], said: str) -> None:
    assert words.unknown(given, GROUPS, HOSTS) == said
