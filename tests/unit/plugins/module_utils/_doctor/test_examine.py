# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""All checks together: one that breaks, or hangs, takes no other with it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._doctor import examine
from ansible_collections.slipway.flask.plugins.module_utils._doctor.base import (
    Finding,
    Host,
    UnknownError,
    listed,
    problem,
)
from examined_host import FakeHost


def half() -> Iterator[Finding]:
    yield problem("one thing", "do it")
    raise UnknownError("no answer")


def broken() -> Iterator[Finding]:
    raise KeyError("x")


def test_what_a_check_found_before_it_broke_is_kept() -> None:
    found = examine.examine({"half": half, "broken": broken, "well": list})
    assert found == [
        {
            "check": "half",
            "findings": [{"level": "problem", "says": "one thing", "do": "do it"}],
            "unknown": "no answer",
        },
        {"check": "broken", "findings": [], "unknown": "KeyError: 'x'"},
        {"check": "well", "findings": [], "unknown": ""},
    ]


@pytest.mark.parametrize(
    ("hosts", "names"), [([], set()), (["smtp.example.com"], {"mail"}), (["localhost"], {"mail", "reverse dns"})]
)
def test_mail_is_looked_at_where_an_app_sends_some(tmp_path: Path, hosts: list[str], names: set[str]) -> None:
    asked = [{"app": "shop", "variable": "MAIL_SERVER", "host": host, "port": 25} for host in hosts]
    found = examine.checks(FakeHost(tmp_path), date(2026, 11, 26), 0.0, asked)
    assert {"mail", "reverse dns"} & set(found) == names


def test_the_host_s_addresses_are_those_that_lead_to_it(tmp_path: Path) -> None:
    said = "2: eth0    inet 203.0.113.7/24 brd x scope global eth0\n2: eth0    inet6 2001:db8::7/64 scope global \n"
    assert examine.addresses(FakeHost(tmp_path, {"ip ": said})) == ["203.0.113.7", "2001:db8::7"]


def test_a_program_that_hangs_is_not_waited_for() -> None:
    with pytest.raises(UnknownError, match="did not answer within 0 s"):
        Host().run("sleep", "60", seconds=0.01)


def test_a_program_that_is_not_there_is_no_failure() -> None:
    assert Host().run("/no/such/program") == (127, "")


def test_a_long_list_is_cut() -> None:
    assert listed("abcdefg", 3) == "a, b, c and 4 more"
