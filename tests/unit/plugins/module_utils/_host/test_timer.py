# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""When the time of a timer came last, read from what `systemctl show` says."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._host import timer

SHOWN = """\
NextElapseUSecRealtime=Fri 2026-11-27 05:00:00 UTC
LastTriggerUSec=Thu 2026-11-26 09:39:47 UTC
ActiveEnterTimestamp=
InactiveExitTimestamp=n/a
"""


def test_times_are_read_and_those_that_are_none_are_0(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timer, "shown", lambda *_: SHOWN)
    wanted = {"LastTriggerUSec": 1795685987, "ActiveEnterTimestamp": 0, "InactiveExitTimestamp": 0}
    assert timer.moments("shop.digest@1.timer", *wanted) == wanted


def test_systemctl_is_asked_in_utc_wherever_the_host_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "systemctl"
    program.write_text("#!/bin/sh\necho $TZ $LC_ALL $*\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("TZ", "Europe/Berlin")
    assert timer.shown("a.timer", "LastTriggerUSec") == "UTC C show --property=LastTriggerUSec a.timer\n"


def test_the_start_of_the_host_is_asked_of_systemd_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timer, "shown", lambda unit, which: f"{which}=Thu 2026-11-26 09:39:47 UTC\n" * (unit == ""))
    assert timer.booted() == 1795685987
