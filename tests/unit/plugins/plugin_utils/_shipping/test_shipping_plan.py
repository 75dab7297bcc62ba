# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Where logs are sent: what is refused beforehand, and what is written for the rest."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.plugin_utils._shipping.plan import (
    package_files,
    packages,
    plan,
    problems,
)

HERE = {"host": "logs.example.com"}
WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no receiver": ({"queue_mb": 64}, "host_logs_ship.syslog needs `host`"),
    "no host": ({"syslog": {"port": 6514}}, "syslog needs `host`"),
    "a second setting in the name": ({"syslog": {"host": 'a" port="1'}}, "neither a host name nor an address"),
    "an address alone": ({"syslog": {"host": "192.0.2.1"}}, "is the address 192.0.2.1: give `name` as well"),
    "an address as the name": ({"syslog": {**HERE, "name": "192.0.2.1"}}, "must be a name in the receiver's certificate"),
    "a port": ({"syslog": {**HERE, "port": 70000}}, "syslog.port is 70000; it must be from 1 to 65535"),
    "a queue": ({"syslog": HERE, "queue_mb": 1}, "queue_mb is 1; it must be from 16 to 100000"),
    "no certificate": ({"syslog": {**HERE, "ca": "/etc/ca.pem"}}, "ca holds no readable PEM certificate"),
    "half a pair": ({"syslog": {**HERE, "key": "s3cret"}}, "one of `certificate` and `key`"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_can_t_work_is_refused_without_a_secret_in_the_message(case: str) -> None:
    ship, said = WRONG[case]
    found = "\n".join(problems(ship))
    assert said in found
    assert "s3cret" not in found


@pytest.mark.parametrize("syslog", [HERE, {**HERE, "port": 514}, {"host": "192.0.2.1", "name": "logs.example.com"}])
def test_what_can_work_is_not(syslog: dict[str, Any]) -> None:
    assert problems({"syslog": syslog}) == []


def test_nothing_is_installed_or_written_first_when_nothing_is_sent() -> None:
    assert (packages({}), package_files({}), problems({})) == ([], {}, [])


def test_what_is_sent_elsewhere_no_longer_leaves_neither_settings_nor_keys_nor_a_running_unit() -> None:
    stopped = plan({}, "vps1")
    assert {one["state"] for one in stopped["files"]} == {"absent"}
    written = {
        one["dest"] for one in plan({"syslog": {**HERE, "ca": "x", "certificate": "x", "key": "x"}}, "vps1")["files"]
    }
    assert written - {one["dest"] for one in stopped["files"]} == {
        "/etc/slipway",
        "/etc/slipway-logs",
        "/var/lib/slipway-logs",
    }
    assert stopped["units"] == [{"name": "slipway-logs.service", "state": "stopped"}]


def test_the_key_is_the_shipper_s_alone_and_in_no_other_file() -> None:
    files = {
        one["dest"]: one for one in plan({"syslog": {**HERE, "certificate": "C", "key": "s3cret"}}, "vps1")["files"]
    }
    key = files.pop("/etc/slipway-logs/key.pem")
    assert (key["mode"], key["owner"], key["content"]) == ("0600", "slipway-logs", "s3cret\n")
    assert "s3cret" not in json.dumps(files)
    told = json.loads(files["/etc/slipway/logs.json"]["content"])
    assert (told["port"], told["name"], told["ca"]) == (6514, "logs.example.com", "/etc/ssl/certs/ca-certificates.crt")


@pytest.mark.parametrize(("host", "told"), [("vps1", "vps1"), ("shop (old)", "shop--old-"), ("", "-")])
def test_a_host_s_name_can_t_break_the_head_of_a_message(host: str, told: str) -> None:
    (settings,) = [one for one in plan({"syslog": HERE}, host)["files"] if one.get("src") == "rsyslog.conf.j2"]
    assert settings["vars"]["as_host"] == told
