# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What is written on a host whose alerts are told, and that nothing of it goes on when nobody is told any more."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible_collections.slipway.flask.plugins.module_utils._alerts import places
from ansible_collections.slipway.flask.plugins.plugin_utils._alerts import alertmanager, plan

MAIL = {
    "to": ["ann@example.org", "bob@example.org"],
    "smtp": "mail.example.org:587",
    "user": "a@example.org",
    "password": "pw",
}
SETTINGS: dict[str, Any] = {
    "mail": MAIL, "slack": "https://s.example.org/", "discord": "https://d.example.org/", "webhooks": ["https://w.example.org/"],
    "heartbeat": "https://h.example.org/",
}  # fmt: skip


def files(**variables: Any) -> dict[str, dict[str, Any]]:
    """Return the files of the plan by their path."""
    return {entry["dest"]: entry for entry in plan.plan({"host": "web1", **variables})["files"]}


def config(**changes: Any) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(files(settings={**SETTINGS, **changes})[str(places.SETTINGS)]["content"])
    return found


def receivers(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in found["receivers"]}


def test_secrets_are_in_one_file_that_only_root_can_read() -> None:
    found = files(settings=SETTINGS)
    secret = [dest for dest, entry in found.items() if "example.org" in str(entry)]
    assert secret == [str(places.SETTINGS)]
    assert found[str(places.SETTINGS)]["mode"] == "0600"


def test_people_are_told_of_the_end_as_well_and_the_heartbeat_goes_its_own_way() -> None:
    found = config()
    ways = {key: value for key, value in receivers(found)["people"].items() if key != "name"}
    assert {key: len(value) for key, value in ways.items()} == {
        "email_configs": 2, "slack_configs": 1, "discord_configs": 1, "webhook_configs": 1,
    }  # fmt: skip
    assert all(one["send_resolved"] for value in ways.values() for one in value)
    watchdog = found["route"]["routes"][0]
    assert (watchdog["matchers"], watchdog["receiver"]) == (['alertname="Watchdog"'], "heartbeat")
    assert receivers(found)["heartbeat"]["webhook_configs"] == [
        {"url": "https://h.example.org/", "send_resolved": False}
    ]
    assert config(heartbeat="")["route"]["routes"][0]["receiver"] == "nobody"


def test_a_password_goes_over_tls_alone() -> None:
    one = receivers(config())["people"]["email_configs"][0]
    assert (one["require_tls"], one["auth_password"], one["html"]) == (True, "pw", "")
    relay = receivers(config(mail={"to": ["a@e.org"], "smtp": "127.0.0.1:25", "from": "b@e.org", "tls": False}))[
        "people"
    ]
    assert not {"auth_username", "auth_password"} & set(relay["email_configs"][0])


def test_each_way_of_a_test_has_the_name_that_a_person_knows_and_the_number_that_alertmanager_knows() -> None:
    named = [(way["name"], way["kind"], way["number"]) for way in alertmanager.named(SETTINGS)]
    assert named == [
        ("mail to ann@example.org", "email", 0), ("mail to bob@example.org", "email", 1), ("slack", "slack", 0),
        ("discord", "discord", 0), ("webhook 1", "webhook", 0), ("heartbeat", "webhook", 1),
    ]  # fmt: skip
    tested = receivers(config())["test"]
    assert [one["url"] for one in tested["webhook_configs"]] == ["https://w.example.org/", "https://h.example.org/"]
    assert not any(one["send_resolved"] for key, value in tested.items() if key != "name" for one in value)


def test_alertmanager_listens_on_loopback_behind_a_password_and_for_no_others() -> None:
    arguments = " ".join(files(settings=SETTINGS)[str(plan.DROP_IN)]["vars"]["arguments"])
    for wanted in (
        "--web.listen-address=127.0.0.1:9093",
        f"--web.config.file={places.WEB}",
        "--cluster.listen-address= ",
    ):
        assert wanted in arguments
    assert "ConditionPathExists" in plan.package_files(SETTINGS)[str(plan.DROP_IN)]


@pytest.mark.parametrize("metrics", ["local", "none"])
def test_without_settings_all_of_it_goes_and_the_service_stops(metrics: str) -> None:
    wanted, gone = files(settings=SETTINGS), plan.plan({"settings": {}, "host": "web1", "metrics": metrics})
    assert {entry["dest"] for entry in gone["files"]} >= {
        dest for dest, entry in wanted.items() if entry.get("state", "file") == "file" and dest != str(plan.DROP_IN)
    }
    assert {entry["state"] for entry in gone["files"]} == {"absent"}
    units = {unit["name"]: unit.get("state", "") for unit in gone["units"]}
    assert units == {places.UNIT: "stopped", **({"prometheus.service": ""} if metrics == "local" else {})}
    assert (plan.packages({}), plan.package_files({})) == ([], {})


def test_a_disk_is_full_where_the_upkeep_of_the_host_says_so() -> None:
    assert ">= 70" in files(settings=SETTINGS, disk_percent=70)[str(places.RULES)]["content"]
