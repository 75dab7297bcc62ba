# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Commands that are printed can be pasted."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.plugin_utils._report import commands

DENIED = "Failed to connect to the host via ssh: {}: Permission denied (publickey,password)."
LOGINS = [
    (DENIED.format("root@203.0.113.9"), {}, "Install it: ../slipway/bin/first-login root@203.0.113.9\n"),
    (DENIED.format("debian@vps1.example.com"), {"ansible_port": 2222}, "first-login -p 2222 debian@vps1.example.com\n"),
    ("Host key verification failed.", {"ansible_host": "203.0.113.9"}, "reinstalled: ssh-keygen -R 203.0.113.9"),
    ("Host key verification failed.", {"ansible_port": 2222}, "ssh-keygen -R '[vps1]:2222'"),
    ("ssh: connect to host 203.0.113.9 port 22: Connection timed out", {}, ""),
    ("sudo: Permission denied (someone)", {}, ""),
]


@pytest.mark.parametrize(("message", "host", "said"), LOGINS, ids=[f"{row[0]} {row[1]}" for row in LOGINS])
def test_a_host_that_lets_nobody_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, message: str, host: dict[str, object], said: str
) -> None:
    clone, project = tmp_path / "slipway", tmp_path / "shop-deploy"
    (clone / "bin").mkdir(parents=True)
    (clone / "bin/first-login").touch()
    project.mkdir()
    monkeypatch.chdir(project)
    told = commands.to_log_in(message, {"inventory_hostname": "vps1", **host}, clone)
    assert said in told
    assert bool(told) is bool(said)


def test_without_a_clone_it_is_openssh_s_own_command(tmp_path: Path) -> None:
    told = commands.to_log_in(DENIED.format("root@203.0.113.9"), {}, tmp_path)
    assert "Install it: ssh-copy-id root@203.0.113.9\n" in told
