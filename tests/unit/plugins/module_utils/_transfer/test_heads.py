# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A release's environment with another database in it."""

from __future__ import annotations

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._transfer.heads import renamed

URLS = {
    "postgresql+psycopg:///shop?host=/var/run/postgresql": "postgresql+psycopg:///new?host=/var/run/postgresql",
    "postgresql://shop:p%2Fw@db.example.net:5433/shop?sslmode=require": "postgresql://shop:p%2Fw@db.example.net:5433/new?sslmode=require",
    "postgresql://db.example.net": "postgresql://db.example.net/new",
}


@pytest.mark.parametrize("url", URLS)
def test_a_url_leads_to_another_database_of_the_same_server(url: str) -> None:
    assert renamed(url, "new") == URLS[url]
