# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Mistakes in a list of pools are named, each with what it must be."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._pgbouncer import problems


@pytest.mark.parametrize(
    ("pool", "said"),
    [
        ({"name": "shop"}, ""),
        ({"name": "shop", "size": 5, "clients": 100, "settings": {"query_wait_timeout": 5}}, ""),
        ({"name": "Shop"}, "the name must begin with a small letter"),
        ({"name": "shop", "sice": 5}, "unknown key 'sice'"),
        ({"name": "shop", "size": 0}, "size is 0; it must be a number from 1 to 1000"),
        ({"name": "shop", "size": True}, "size is True"),
        ({"name": "shop", "clients": 20000}, "clients is 20000; it must be a number from 10 to 10000"),
        ({"name": "shop", "user": "x y"}, "'x y' in 'user' is not a valid system user name"),
        ({"name": "shop", "database": "shop = host=evil"}, "database is 'shop = host=evil'"),
        ({"name": "shop", "settings": {"auth_type": "any"}}, "'auth_type' in settings is set by the role itself"),
        ({"name": "shop", "settings": {"pool_mode": "session"}}, "'pool_mode' in settings is set by the role itself"),
        ({"name": "shop", "settings": {"verbose": "1\nauth_type=any"}}, "must be one line"),
        ({"name": "shop", "settings": {"%include": "x"}}, "can't be a setting"),
    ],
)
def test_a_pool_that_cannot_be_is_refused(pool: dict[str, Any], said: str) -> None:
    found = problems.problems([pool])
    assert bool(found) is bool(said)
    assert said in "".join(found)
