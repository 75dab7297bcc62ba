# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The keys of `slipway_ssh`: what is refused, in which words, and what a host is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.slipway.flask.plugins.module_utils._access.sshd_wanted import Ssh
from ansible_collections.slipway.flask.plugins.plugin_utils._access import ssh

SPECS = Path(__file__).resolve().parents[5] / "roles/host_access/meta/argument_specs.yml"

WRONG: list[tuple[Any, str]] = [
    (True, "slipway_ssh must be a mapping, such as {port: 2222}"),
    ({"prot": 2222}, "slipway_ssh has no key 'prot' (did you mean 'port'?); it has manage, port, "),
    ({"port": "2222"}, "slipway_ssh.port is '2222'; it must be of type int"),
    ({"port": True}, "slipway_ssh.port is True; it must be of type int"),
    ({"port": 0}, "slipway_ssh.port is 0; it must be from 1 to 65535"),
    ({"port": 443}, "slipway_ssh.port is 443, which the host's sites use"),
    ({"root_login": "no"}, "slipway_ssh.root_login has 'no'; it must be one of keys, off"),
    ({"root_login": True}, "slipway_ssh.root_login is True; it must be of type str"),
    ({"passwords": "no"}, "slipway_ssh.passwords is 'no'; it must be true or false"),
    ({"forwarding": ["tcp"]}, "slipway_ssh.forwarding has 'tcp'; it must be of agent, local, remote, x11"),
    ({"forwarding": "agent"}, "slipway_ssh.forwarding is 'agent'; it must be of type list of str"),
    ({"max_auth_tries": 0}, "slipway_ssh.max_auth_tries is 0; it must be from 1 to 20"),
    ({"allow": ["ann\nPermitRootLogin yes"]}, "which is not valid for sshd's AllowUsers: use name or name@address"),
    ({"allow": ["ann bob"]}, "slipway_ssh.allow has 'ann bob'"),
    ({"manage": False, "port": 2222}, "slipway_ssh has 'manage: false', so port would do nothing"),
]


@pytest.mark.parametrize(("given", "said"), WRONG)
def test_a_wrong_value_is_refused_by_its_name(given: Any, said: str) -> None:
    (found,) = ssh.problems(given)
    assert said in found


RIGHT: list[dict[str, Any]] = [
    {}, {"port": None}, {"port": 2222, "root_login": False}, {"allow": ["ann", "*@192.0.2.*", "bob@2001:db8::/32"]},
    {"manage": False}, {"forwarding": []}, {"max_auth_tries": 20, "older_clients": True, "passwords": True},
]  # fmt: skip


@pytest.mark.parametrize("given", RIGHT)
def test_what_is_right_is_told_to_the_host_with_every_key(given: dict[str, Any]) -> None:
    assert list(ssh.problems(given)) == []
    told = ssh.document(given)
    assert set(told) == set(ssh.KEYS)
    assert Ssh.of(told) == Ssh.of({**given, **({"root_login": "off"} if "root_login" in given else {})})


def test_off_may_be_written_without_quotes() -> None:
    assert ssh.document(yaml.safe_load("root_login: off"))["root_login"] == "off"


def test_the_role_s_argument_specs_have_the_same_keys_defaults_and_choices() -> None:
    options = yaml.safe_load(SPECS.read_text())["argument_specs"]["main"]["options"]["host_access_ssh"]["options"]
    ours = {name: (key.default, list(key.choices)) for name, key in ssh.KEYS.items()}
    assert {name: (option.get("default"), option.get("choices", [])) for name, option in options.items()} == ours
