# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Lists of connections to Redis: mistakes are named, CAs are written where they are read."""

from __future__ import annotations

import pytest
from ansible_collections.slipway.flask.plugins.plugin_utils._connection import redis


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"name": "Shop", "url": "redis://h"}, "the name must begin with a small letter"),
        ({"name": "shop"}, "must be a mapping with 'name' and 'url'"),
        ({"name": "shop", "url": "redis://:s3cret@h:x"}, "url has a host that can't be read"),
        ({"name": "shop", "url": "redis://h", "user": "a b"}, "is not a valid system user name"),
        ({"name": "shop", "url": "rediss://h", "ca": "x"}, "ca must be a certificate in PEM form"),
        ({"name": "shop", "url": "redis://h", "ca_file": "x"}, "nothing would check it: write rediss://"),
        ({"name": "shop", "url": "rediss://h?ssl_cert_reqs=none", "ca_file": "x"}, "take that away"),
        ({"name": "shop", "url": "redis://h", "uri": "x"}, "unknown key 'uri'"),
    ],
)
def test_what_can_not_be_a_connection_is_refused(entry: dict[str, str], words: str) -> None:
    (said,) = redis.problems([entry])
    assert words in said
    assert "s3cret" not in said


def test_a_ca_is_written_where_the_check_reads_it() -> None:
    pem = "-----BEGIN CERTIFICATE-----"
    planned = redis.plan(
        [{"name": "shop", "url": "rediss://h", "user": "shop", "ca": pem}, {"name": "b", "url": "redis://h"}]
    )
    ca = "/etc/ssl/slipway/shop-redis-ca.crt"
    assert planned["files"][1] == {"dest": ca, "content": pem + "\n"}
    assert [entry["ca"] for entry in planned["checks"]] == [ca, ""]
    assert planned["urls"] == {"shop": "rediss://h", "b": "redis://h"}
