# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a person, and a program, reads of hosts that were examined."""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._report import doctor

NOTE = {"level": "note", "says": "it is late", "do": ""}
PROBLEM = {"level": "problem", "says": "/ is 98 % full", "do": "Remove something"}
HOSTS: dict[str, Any] = {
    "web1": {
        "error": "",
        "checks": [
            {"check": "clock", "findings": [NOTE], "unknown": ""},
            {"check": "disk", "findings": [PROBLEM], "unknown": ""},
            {"check": "units", "findings": [], "unknown": "systemd does not answer"},
            {"check": "memory", "findings": [], "unknown": ""},
        ],
    },
    "web2": {"error": "no route to host", "checks": []},
}


def test_a_person_reads_problems_first_and_what_is_well_last() -> None:
    assert doctor.text(HOSTS, 80) == (
        "web1\n"
        "  PROBLEM  disk: / is 98 % full\n"
        "           -> Remove something\n"
        "  note     clock: it is late\n"
        "  unknown  units: systemd does not answer\n"
        "  well     memory\n"
        "\n"
        "web2\n"
        "  PROBLEM  it could not be examined: no route to host"
    )


def test_a_long_sentence_is_broken_below_itself_and_no_command_is() -> None:
    finding = {"level": "problem", "says": "word " * 20, "do": ""}
    said = doctor.text({"web1": {"error": "", "checks": [{"check": "x", "findings": [finding], "unknown": ""}]}}, 60)
    assert all(line.startswith("           word") for line in said.splitlines()[2:])


def test_a_program_reads_the_same() -> None:
    found = json.loads(doctor.machine(HOSTS))
    assert (found["problems"], found["notes"]) == (2, 1)
    assert found["hosts"] == HOSTS


def test_a_host_that_could_not_be_examined_is_a_problem() -> None:
    assert doctor.verdict(HOSTS) == "2 problems on web1, web2"
    assert doctor.verdict({"web1": {"error": "", "checks": []}}) == "no problem"


def test_what_a_host_says_does_nothing_to_the_terminal() -> None:
    assert "\x1b" not in doctor.text({"web1": {"error": "\x1b[2J", "checks": []}}, 80)
