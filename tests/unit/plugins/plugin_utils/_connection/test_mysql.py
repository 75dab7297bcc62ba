# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Connections to MySQL and MariaDB, as the role mariadb_server takes them."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.plugin_utils._connection import mysql

CA = "-----BEGIN CERTIFICATE-----"
URL = "mysql://u:s3cret@h/d"


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"name": "Shop", "url": URL}, "must begin with a small letter"),
        ({"name": "shop", "url": "postgresql://u:s3cret@h/d"}, "begins with postgresql://, which is neither"),
        ({"name": "shop", "url": "mysql://u:s3cret@h"}, "names no database"),
        ({"name": "shop", "url": "mysql://u:s3cret/@h/d"}, "percent-encode"),
        ({"name": "shop", "url": URL + "?unix_socket=/x", "ca": CA}, "leads to a socket"),
        ({"name": "shop", "url": URL + "?ssl_ca=/own", "ca": CA}, "but the url says ssl_ca=/own"),
        ({"name": "shop", "url": URL, "purpose": "queue"}, "unknown key 'purpose'"),
        ({"name": "shop"}, "must be a mapping with 'name' and 'url'"),
    ],
)
def test_a_connection_that_can_not_work_is_refused_without_its_password(entry: dict[str, Any], said: str) -> None:
    text = " ".join(mysql.problems([entry]))
    assert said in text
    assert "s3cret" not in text


def test_what_is_right_is_split_into_checks_secrets_and_files() -> None:
    entries = [{"name": "shop", "url": URL, "ca": CA, "user": "shop"}, {"name": "own", "url": URL + "?unix_socket=/x"}]
    assert mysql.problems(entries) == []
    found = mysql.plan(entries)
    assert found["checks"] == [
        {"name": "shop", "user": "shop", "ca": "/etc/ssl/slipway/shop-mysql-ca.crt"}, {"name": "own", "user": "", "ca": ""}
    ]  # fmt: skip
    assert [file["dest"] for file in found["files"]] == ["/etc/ssl/slipway", "/etc/ssl/slipway/shop-mysql-ca.crt"]
