# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Passwords of servers on loopback are made once, and nobody else can read them."""

from __future__ import annotations

import base64
import grp
import os
import re
from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._metrics import secrets

GROUP = grp.getgrgid(os.getgid()).gr_name


@pytest.fixture(name="places")
def _places(tmp_path: Path) -> tuple[Path, Path]:
    return tmp_path / "secrets", tmp_path / "web"


def users(file: Path) -> dict[str, str]:
    return dict(re.findall(r'^  (\w+): "(.*)"$', file.read_text(), re.MULTILINE))


def test_each_server_has_a_password_of_its_own_whose_hash_it_knows(places: tuple[Path, Path]) -> None:
    assert secrets.ensure(*places, GROUP) == list(secrets.SERVERS)
    passwords = {name: (places[0] / f"{name}.password").read_text().strip() for name in secrets.SERVERS}
    assert len(set(passwords.values())) == 3
    for name, password in passwords.items():
        hashed = users(places[1] / f"{name}.yml")["slipway"]
        assert hashed.startswith("$2b$04$")
        assert secrets.crypt(password, hashed) == hashed
        assert secrets.crypt("another", hashed) != hashed
        assert password not in (places[1] / f"{name}.yml").read_text()


def test_a_second_time_nothing_is_made_and_what_was_lost_is_made_anew(places: tuple[Path, Path]) -> None:
    secrets.ensure(*places, GROUP)
    assert secrets.ensure(*places, GROUP) == []
    (places[1] / "node.yml").write_text('basic_auth_users:\n  slipway: "$2b$04$wrong"\n')
    (places[0] / "prometheus.password").write_text("\n")
    assert secrets.ensure(*places, GROUP) == ["node", "prometheus"]


def test_nobody_but_root_and_the_servers_group_can_read_them(places: tuple[Path, Path]) -> None:
    before = os.umask(0o077)
    try:
        secrets.ensure(*places, GROUP)
    finally:
        os.umask(before)
    assert {path.stat().st_mode & 0o777 for path in places[0].iterdir()} == {0o600}
    assert {path.stat().st_mode & 0o777 for path in places[1].iterdir()} == {0o640}
    assert [place.stat().st_mode & 0o777 for place in places] == [0o700, 0o755]


def test_a_prometheus_elsewhere_has_a_user_of_its_own_at_the_node_exporter_alone(places: tuple[Path, Path]) -> None:
    places[0].mkdir()
    (places[0] / "scrape.password").write_text("0123456789abcdefghij\n")
    secrets.ensure(*places, GROUP)
    found = {name: users(places[1] / f"{name}.yml") for name in secrets.SERVERS}
    assert {name: sorted(found[name]) for name in found} == {
        "node": ["scrape", "slipway"], "prometheus": ["slipway"], "alertmanager": ["slipway"],
    }  # fmt: skip
    (places[0] / "scrape.password").unlink()
    assert secrets.ensure(*places, GROUP) == ["node"]
    assert sorted(users(places[1] / "node.yml")) == ["slipway"]


def test_nginx_asks_with_the_password_of_prometheus(places: tuple[Path, Path]) -> None:
    secrets.ensure(*places, GROUP)
    word = re.fullmatch(
        r'proxy_set_header Authorization "Basic (\S+)";\n', (places[0] / "prometheus.nginx.conf").read_text()
    )
    assert word
    assert base64.b64decode(word[1]).decode() == "slipway:" + (places[0] / "prometheus.password").read_text().strip()
