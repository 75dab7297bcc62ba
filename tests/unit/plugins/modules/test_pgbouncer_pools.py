# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The thin module around the pools of PgBouncer."""

from __future__ import annotations

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._pgbouncer import pools
from ansible_collections.slipway.flask.plugins.modules import pgbouncer_pools
from as_ansible import Call, check_documentation


def test_documented_options_are_the_real_ones() -> None:
    check_documentation(pgbouncer_pools)


def test_a_pool_that_cannot_be_is_refused(call: Call) -> None:
    assert "size is 5000" in call(pgbouncer_pools.main, pools=[{"name": "shop", "size": 5000}])["msg"]


def test_what_was_done_is_told(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    done = pools.Outcome(["shop reloaded"])
    monkeypatch.setattr(pools, "ensure", lambda wanted, check: done)
    told = call(pgbouncer_pools.main, pools=[{"name": "shop"}])
    assert told["changed"] is True
    assert told["pools"][0]["url"] == "postgresql:///shop?host=/run/slipway-pgbouncer/shop"
