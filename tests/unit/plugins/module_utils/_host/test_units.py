# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What systemd is told after files were written, and what a user reads when it objects."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._host.units import Unit, UnitError, bring

NGINX, TIMER = Unit("nginx.service"), Unit("logs.timer", "restart", ["/etc/systemd/system/logs.timer"])
RUNS, RESTS = "UnitFileState=enabled\nActiveState=active\n", "ActiveState=inactive\nUnitFileState=disabled\n"
STATIC = "UnitFileState=static\nActiveState=active\n"
UNKNOWN = "ActiveState=inactive\nUnitFileState=\n"


class Systemd:
    """Answers `show` with the states given, and everything else with OK, but for the verb FAILING."""

    def __init__(self, *states: str, failing: str = "") -> None:
        self.states, self.failing = states, failing
        self.told: list[str] = []

    def __call__(self, argv: Sequence[str]) -> subprocess.CompletedProcess[str]:
        if argv[0] == "journalctl":
            return subprocess.CompletedProcess(argv, 0, "bind() to 0.0.0.0:80 failed\n", "")
        if argv[1] == "show":
            return subprocess.CompletedProcess(argv, 0, "\n".join(self.states), "")
        self.told.append(" ".join(argv[1:]))
        return subprocess.CompletedProcess(argv, int(argv[1] == self.failing), "", "Job failed.\n")


@pytest.mark.parametrize(
    ("states", "changed", "also", "told"),
    [
        ((RUNS, RUNS), [], False, []),
        ((RUNS, RUNS), ["/etc/nginx/nginx.conf"], False, ["reload nginx.service"]),
        ((RUNS, RUNS), [], True, ["reload nginx.service", "restart logs.timer"]),
        ((RESTS, RUNS), [], False, ["enable nginx.service", "start nginx.service"]),
        ((STATIC, RUNS), ["/etc/nginx/nginx.conf"], False, ["reload nginx.service"]),
        ((UNKNOWN, UNKNOWN), ["/etc/nginx/nginx.conf"], False, ["enable nginx.service", "start nginx.service",
                                                               "enable logs.timer", "start logs.timer"]),
        ((RUNS, RUNS), ["/etc/systemd/system/logs.timer"], False,
         ["daemon-reload", "reload nginx.service", "restart logs.timer"]),
    ],
    ids=["nothing", "a file", "certificates", "a unit that rests", "one that is never enabled", "a fresh host", "a unit's file"],
)  # fmt: skip
def test_units_run_with_what_was_written(
    states: tuple[str, str], changed: list[str], also: bool, told: list[str]
) -> None:
    systemd = Systemd(*states)
    said = bring([NGINX, TIMER], changed, also=also, run=systemd)
    assert systemd.told == told
    assert len(said) == len(told)
    pretended = Systemd(*states)
    assert bring([NGINX, TIMER], changed, also=also, check=True, run=pretended) == said
    assert pretended.told == []


def test_systemd_reads_its_units_again_without_any_to_run() -> None:
    systemd = Systemd()
    assert bring([], ["/etc/systemd/system/shop@.service"], run=systemd) == ["systemd reloaded"]
    assert systemd.told == ["daemon-reload"]


def test_a_unit_that_does_not_start_is_told_with_its_journal() -> None:
    with pytest.raises(UnitError) as failed:
        bring([NGINX], [], run=Systemd(RESTS, failing="start"))
    assert str(failed.value) == "`systemctl start nginx.service` failed: Job failed.\nbind() to 0.0.0.0:80 failed"


@pytest.mark.parametrize(
    ("state", "changed", "told"),
    [
        (RUNS, [], ["stop nginx.service", "disable nginx.service"]),
        (UNKNOWN, [], []),
        (RESTS, ["/etc/nginx/nginx.conf"], []),
        ("UnitFileState=enabled\nActiveState=failed\n", [], ["disable nginx.service"]),
    ],
    ids=["one that runs", "one that the host lacks", "one that rests", "one that has failed"],
)
def test_a_unit_that_is_not_wanted_is_stopped_and_does_not_start_at_boot(
    state: str, changed: list[str], told: list[str]
) -> None:
    systemd = Systemd(state)
    unwanted = Unit("nginx.service", state="stopped")
    said = bring([unwanted], changed, run=systemd)
    assert systemd.told == told
    assert len(said) == len(told)
    assert bring([unwanted], changed, check=True, run=Systemd(state)) == said


def test_a_unit_whose_file_has_gone_is_stopped_before_systemd_forgets_it() -> None:
    systemd = Systemd(UNKNOWN)
    bring([Unit("nginx.service", state="stopped")], ["/etc/systemd/system/nginx.service"], run=systemd)
    assert systemd.told == ["is-active --quiet nginx.service", "stop nginx.service", "daemon-reload"]
