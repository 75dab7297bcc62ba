# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""nginx_tls: rules of access with mistakes are refused with a sentence each, and good ones are put in order."""

from __future__ import annotations

import re
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.plugin_utils._nginx.access import (
    complete,
    probe_pattern,
    problems,
    users_file,
)

SHA512 = "$6$7RaP8Vw1Jjx3OeXA$xVfxW8xLzdmHlY0LdQjh3EHQ5zJUm4T6m2fVbV1e2kM1m0aXJ0wZy1w3mXKpC9q3nS3hT5o8rVbX1u9cY7dWc."
APR1 = "$apr1$abcdefgh$0123456789abcdefghijkl"
BCRYPT = "$2y$05$" + "a" * 53


def found(*rules: Any, ca: str = "") -> list[str]:
    return list(problems(list(rules), ca))


@pytest.mark.parametrize(
    "rule",
    [
        {},
        {"path": "/admin/", "allow": ["192.0.2.0/24", "::1"], "deny": ["192.0.2.7"]},
        {"path": "/api/v1.2/~me", "basic_auth": {"a": SHA512, "b@c.example": APR1, "d": BCRYPT}},
    ],
)
def test_good_rules(rule: dict[str, Any]) -> None:
    assert found(rule) == []
    assert found({**rule, "client_certificate": True}, ca="/a.pem") == []


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        ("/admin/", "access must be a list of mappings"),
        ({"pth": "/a"}, "access to '/': unknown key 'pth' (did you mean 'path'?)"),
        ({"path": "admin"}, "path must look like /admin/"),
        ({"path": "/a/../b"}, "path must look like /admin/"),
        ({"path": "/a b"}, "path must look like /admin/"),
        ({"path": "/a$b"}, "path must look like /admin/"),
        ({"allow": "192.0.2.7"}, "allow must be a list"),
        ({"allow": ["office"]}, "allow has 'office': it must be an address"),
        ({"deny": ["192.0.2.7/24"]}, "deny has '192.0.2.7/24': write '192.0.2.0/24'"),
        ({"allow": ["192.0.2.7"], "deny": ["192.0.2.7/32"]}, "192.0.2.7/32 is in both allow and deny"),
        (
            {"deny": ["0.0.0.0/0"]},
            "deny has '0.0.0.0/0', which is everybody: `allow: [127.0.0.1]` keeps everybody else out",
        ),
        ({"allow": ["::/0"]}, "allow has '::/0', which is everybody: leave it out"),
        ({"basic_auth": ["a"]}, "basic_auth must be a mapping"),
        ({"basic_auth": {"a:b": SHA512}}, "the name 'a:b' in basic_auth"),
        ({"basic_auth": {"a": "hunter2"}}, "basic_auth of 'a' must be the hash of a password"),
        ({"basic_auth": {"a": "{PLAIN}hunter2"}}, "basic_auth of 'a' must be the hash"),
        ({"basic_auth": {"a": "$2y$12$" + "a" * 53}}, "bcrypt of cost 4 to 8"),
        ({"basic_auth": {"a": SHA512 + "\nroot:x"}}, "basic_auth of 'a' must be the hash"),
        ({"client_certificate": True}, "client_certificate needs client_ca_file"),
        ({"client_certificate": "yes"}, "client_certificate must be true or false"),
    ],
)
def test_mistakes_are_named(rule: Any, sentence: str) -> None:
    messages = found(rule, ca="/a.pem" if rule == {"client_certificate": "yes"} else "")
    assert len(messages) == 1, messages
    assert sentence in messages[0]
    assert "hunter2" not in messages[0]


def test_a_path_has_one_rule_and_an_authority_is_used() -> None:
    assert found({"path": "/a"}, {"path": "/a/"}) == ["access names '/a' twice; write one rule for it"]
    assert "no rule of access asks for a client_certificate" in found({}, ca="/a.pem")[0]


@pytest.mark.parametrize(
    ("path", "number"),
    [("/", 3), ("/other", 3), ("/administrator", 3), ("/admin", 2), ("/admin/x", 2), ("/admin/open/x", 1)],
)
def test_the_longest_path_that_fits_decides(path: str, number: int) -> None:
    rules = complete([{"path": "/"}, {"path": "/admin/"}, {"path": "/admin/open"}])
    assert next(rule["number"] for rule in rules if re.search(rule["pattern"], "0" + path)) == number


def test_the_path_of_a_rule_is_no_pattern() -> None:
    assert not re.search(complete([{"path": "/a.b/"}])[0]["pattern"], "0/axb/")
    assert probe_pattern("/ready.z?full=1") == "^1/ready\\.z$"
    assert probe_pattern("") == ""


def test_users_are_written_in_order() -> None:
    assert users_file({"basic_auth": {"b": APR1, "a": BCRYPT}}) == f"a:{BCRYPT}\nb:{APR1}\n"
