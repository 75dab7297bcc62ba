# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""URLs of Redis: what they mean, and what is said of those that mean nothing."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._redis.url import parse_url, with_options
from ansible_collections.slipway.flask.plugins.module_utils._source.url_parts import UrlError, redact


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("redis://h", {"host": "h", "port": 6379, "database": 0, "password": "", "tls": False}),
        ("redis://", {"host": "localhost", "is_local": True}),
        ("redis://:p%40ss@h:6380/3", {"password": "p@ss", "user": "", "port": 6380, "database": 3}),
        ("rediss://u:p@h", {"user": "u", "password": "p", "tls": True, "verify": "required", "is_local": False}),
        ("rediss://h/?ssl_cert_reqs=CERT_NONE", {"verify": "none"}),
        ("rediss://h?ssl_ca_certs=/etc/x.crt&db=2", {"ca": "/etc/x.crt", "database": 2}),
        ("redis://[2001:db8::1]:7000/1", {"host": "2001:db8::1", "port": 7000, "database": 1}),
        ("unix:///run/r.sock?db=4", {"path": "/run/r.sock", "database": 4, "is_local": True}),
        ("redis+socket:///run/r.sock?virtual_host=5", {"path": "/run/r.sock", "database": 5}),
        ("redis+unix://:pw@/run/r.sock", {"path": "/run/r.sock", "password": "pw"}),
    ],
)
def test_a_url_is_read_as_its_library_reads_it(text: str, wanted: dict[str, Any]) -> None:
    url = parse_url(text)
    assert {name: getattr(url, name) for name in wanted} == wanted


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "must be a URL such as"),
        (None, "must be a URL such as"),
        ("s3cret", "must begin with redis://, rediss://"),
        ("amqp://u:s3cret@h", "begins with amqp://, but must begin with"),
        ("redis://:s3cret@h /0", "has a space"),
        ("redis://:s3cret@h:port", "has a host that can't be read"),
        ("redis://:s3cret@h:70000", "has the port 70000"),
        ("redis://:s3cret@h/shop", "has a database that is not a number"),
        ("redis://:s3/cret@h", "percent-encode it in the password"),
        ("redis://:s3cret%@h", "write %25 for the sign itself"),
        ("redis://:s3cret%00@h", "has %00"),
        ("unix://run/r.sock", "must have the path of a socket"),
    ],
)
def test_a_url_that_means_nothing_is_refused_without_its_password(text: Any, words: str) -> None:
    with pytest.raises(UrlError) as refused:
        parse_url(text)
    assert words in str(refused.value)
    assert "s3cret" not in str(refused.value)


def test_a_passwords_place_is_not_shown() -> None:
    assert "pw" not in repr(parse_url("redis://:pw@h"))
    assert redact("AUTH p@ss and p%40ss", "p@ss") == "AUTH *** and ***"


@pytest.mark.parametrize(
    ("text", "ca", "wanted"),
    [
        ("redis://h/0", "/ca", "redis://h/0"),
        ("rediss://h/0", "", "rediss://h/0?ssl_cert_reqs=required"),
        ("rediss://h/0", "/etc/ca.crt", "rediss://h/0?ssl_cert_reqs=required&ssl_ca_certs=/etc/ca.crt"),
        ("rediss://h/0?ssl_cert_reqs=none", "", "rediss://h/0?ssl_cert_reqs=none"),
        ("unix:///run/r.sock", "", "unix:///run/r.sock"),
    ],
)
def test_tls_gets_what_celery_and_redis_py_need(text: str, ca: str, wanted: str) -> None:
    assert with_options(text, ca) == wanted
