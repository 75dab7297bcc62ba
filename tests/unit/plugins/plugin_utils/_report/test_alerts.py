# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a person and a program read of alerts and of a test message."""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._report import alerts

DOWN: dict[str, Any] = {"alert": "SiteDown", "what": "shop: https://shop.test does not answer", "look": "playbooks/status.yml",
                        "since": "2026-11-26T21:00:07.270Z", "severity": "critical", "silent": False, "labels": {}}  # fmt: skip
HOSTS: dict[str, dict[str, Any]] = {
    "web1": {"error": "", "firing": [DOWN, {**DOWN, "what": "errors", "look": "", "silent": True}], "ways": []},
    "web2": {"error": "", "firing": [],
             "ways": [{"way": "slack", "refused": ""}, {"way": "webhook 1", "refused": "connection refused"}]},
    "web3": {"error": "it could not be reached", "firing": [], "ways": []},
}  # fmt: skip


def test_a_person_reads_what_is_wrong_since_when_and_what_to_look_at() -> None:
    assert (
        alerts.text(HOSTS, 100)
        == """web1
  critical  shop: https://shop.test does not answer, since 2026-11-26 21:00 UTC
            -> playbooks/status.yml
  silent    errors, since 2026-11-26 21:00 UTC

web2
  well      nothing is wrong
  accepted  slack
  REFUSED   webhook 1: connection refused

web3
  PROBLEM   it could not be asked: it could not be reached"""
    )


def test_the_last_sentence_counts_what_people_are_told_of() -> None:
    assert alerts.verdict(HOSTS) == "1 alert; 1 way did not accept the test message; web3 could not be asked"
    assert alerts.verdict({"web2": {**HOSTS["web2"], "ways": []}}) == ""


def test_a_program_reads_json() -> None:
    found = json.loads(alerts.machine(HOSTS))
    assert (found["firing"], found["refused"], sorted(found["hosts"])) == (1, 1, ["web1", "web2", "web3"])


def test_what_an_app_calls_its_queue_is_no_command_to_a_terminal_in_json_either() -> None:
    evil = {**DOWN, "what": "the queue \x9b31m\u202e waits"}
    assert alerts.machine({"web1": {**HOSTS["web1"], "firing": [evil]}}).isascii()
