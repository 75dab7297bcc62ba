# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What of an address may be shown, and what of it is a secret."""

from __future__ import annotations

import base64

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._source import git, requirement, urls


def basic(pair: str) -> str:
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


@pytest.mark.parametrize(
    ("address", "plain", "authorization", "shown"),
    [
        ("https://example.com/a.git", "https://example.com/a.git", "", "https://example.com/a.git"),
        ("https://ann:pw@example.com/a", "https://example.com/a", basic("ann:pw"), "https://example.com/a"),
        (
            "https://t0ken@example.com:8443/a",
            "https://example.com:8443/a",
            basic("t0ken:"),
            "https://example.com:8443/a",
        ),
        ("https://a%40b:p%3Aw@example.com/a", "https://example.com/a", basic("a@b:p:w"), "https://example.com/a"),
        ("https://ann:p@w@example.com/a", "https://example.com/a", basic("ann:p@w"), "https://example.com/a"),
        ("http://u:p@[::1]:80/a", "http://[::1]:80/a", basic("u:p"), "http://[::1]:80/a"),
        ("https://u:p@e.org/a?token=t#x", "https://e.org/a?token=t#x", basic("u:p"), "https://e.org/a"),
        ("git@example.com:ann/a.git", "git@example.com:ann/a.git", "", "git@example.com:ann/a.git"),
        ("ssh://git@example.com/a.git", "ssh://git@example.com/a.git", "", "ssh://git@example.com/a.git"),
        ("/srv/git/a.git", "/srv/git/a.git", "", "/srv/git/a.git"),
    ],
)
def test_an_address_is_split_into_what_may_be_shown_and_what_may_not(
    address: str, plain: str, authorization: str, shown: str
) -> None:
    assert urls.split(address) == (plain, authorization)
    assert urls.shown(address) == shown


def test_credentials_reach_git_beside_the_settings_that_somebody_has_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "safe.directory")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "/checkout")
    monkeypatch.setenv("GIT_DIR", "/elsewhere")
    found = git.environment("https://ann:pw@example.com:8443/deep/a.git", {"gc.auto": "0"})
    numbers = range(int(found["GIT_CONFIG_COUNT"]))
    pairs = {found[f"GIT_CONFIG_KEY_{number}"]: found[f"GIT_CONFIG_VALUE_{number}"] for number in numbers}
    assert pairs == git.QUIET | {
        "safe.directory": "/checkout",
        "gc.auto": "0",
        "http.https://example.com:8443/.extraHeader": f"Authorization: {basic('ann:pw')}",
    }
    assert "GIT_DIR" not in found


@pytest.mark.parametrize(
    ("line", "name", "version"),
    [
        ("ihatemoney==7.2", "ihatemoney", "7.2"),
        ("Otter_Wiki[pg, ldap] == 2.1.0rc1", "otter-wiki", "2.1.0rc1"),
        ("a==1!2.0.post1+local.1", "a", "1!2.0.post1+local.1"),
    ],
)
def test_a_requirement_of_one_version_is_read(line: str, name: str, version: str) -> None:
    assert requirement.is_pinned(line)
    assert (requirement.name(line), requirement.version(line)) == (name, version)


@pytest.mark.parametrize(
    "line",
    ["a", "a>=1", "a==1.*", "a===1", "a==1,<2", "a==1; python_version>'3'", "a @ https://x/a.whl", "-e a==1", ""],
)
def test_any_other_requirement_is_not(line: str) -> None:
    assert not requirement.is_pinned(line)
    with pytest.raises(ValueError, match="no requirement of the form name==version"):
        requirement.version(line)
