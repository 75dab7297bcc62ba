# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""By which name a new login looks the host's keys up in known_hosts."""

from __future__ import annotations

import shlex
from pathlib import Path
from unittest.mock import MagicMock

import pytest
from ansible_collections.slipway.flask.plugins.plugin_utils._access import login
from ansible_collections.slipway.flask.plugins.plugin_utils._access.login import Way

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"


def alias(tmp_path: Path, host: str, port: int | None, way: Way, known: str, config: str = "") -> str:
    (tmp_path / "known_hosts").write_text(f"{known} {KEY}\n")
    (tmp_path / "config").write_text(config)
    options = {
        "host": host,
        "port": port,
        "remote_user": "ann",
        "ssh_common_args": shlex.join(["-F", f"{tmp_path}/config", "-o", f"UserKnownHostsFile={tmp_path}/known_hosts"]),
    }
    action = MagicMock()
    action._connection.get_option = options.get
    return login.alias(action, way)


@pytest.mark.parametrize("way", [Way(2222, "ann"), Way(None, "bob")])
def test_on_the_inventory_s_port_keys_are_looked_up_as_always(tmp_path: Path, way: Way) -> None:
    assert alias(tmp_path, "192.0.2.7", 2222, way, "[192.0.2.7]:2222") == ""


CONFIG = "Host vps1\n  HostName 192.0.2.7\n  Port 2222\n"


@pytest.mark.parametrize(("host", "port", "to", "known", "config", "name"), [
    ("192.0.2.7", None, 922, "192.0.2.7", "", "192.0.2.7"),
    ("192.0.2.7", 2222, 922, "[192.0.2.7]:2222", "", "[192.0.2.7]:2222"),
    ("192.0.2.7", 2222, 22, "[192.0.2.7]:2222", "", "[192.0.2.7]:2222"),
    ("2001:db8::7", 2222, 22, "[2001:db8::7]:2222", "", "[2001:db8::7]:2222"),
    ("192.0.2.7", 922, 2222, "192.0.2.7", "", "192.0.2.7"),
    ("vps1", None, 922, "[192.0.2.7]:2222", CONFIG, "[192.0.2.7]:2222"),
    ("vps1", 22, 922, "192.0.2.7", CONFIG, "192.0.2.7"),
    ("vps1", None, 922, "web", f"{CONFIG}  HostKeyAlias web\n", "web"),
])  # fmt: skip
def test_on_another_port_keys_are_those_that_are_known_of_the_inventory_s(
    tmp_path: Path, host: str, port: int | None, to: int, known: str, config: str, name: str
) -> None:
    assert alias(tmp_path, host, port, Way(to, "ann"), known, config) == f"-o HostKeyAlias={shlex.quote(name)}"


def test_without_ssh_s_own_answer_the_address_is_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert alias(tmp_path, "192.0.2.7", None, Way(922, "ann"), "192.0.2.7") == "-o HostKeyAlias=192.0.2.7"
