# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A command that tells whether a worker is ready runs beside it, until it says yes or the time is over."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._app.places import Places
from ansible_collections.slipway.flask.plugins.module_utils._host import sandbox
from ansible_collections.slipway.flask.plugins.module_utils._process import ready

ENTRY = {
    "ready_seconds": 0, "ready_command": ["celery", "inspect", "ping"], "ready_label": "celery inspect ping",
    "environment": {"CONFIG": "/srv/shop/releases/%i/a"},
}  # fmt: skip


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[tuple[sandbox.Command, list[str], str]]:
    """The commands that ran; the second one succeeds."""
    seen: list[tuple[sandbox.Command, list[str], str]] = []

    def run(command: sandbox.Command, argv: list[str], unit: str) -> subprocess.CompletedProcess[str]:
        seen.append((command, argv, unit))
        return subprocess.CompletedProcess(argv, 0 if len(seen) == 2 else 69, "no nodes replied", "")

    monkeypatch.setattr(sandbox.Command, "run", run)
    monkeypatch.setattr(ready, "PAUSE_SECONDS", 0)
    return seen


def question(seconds: int) -> ready.Question:
    places = Places("shop", Path("/srv/shop"), Path("/etc/shop"))
    return ready.Question(places, "0001-a", "shop", "shop:create_app()", {**ENTRY, "ready_seconds": seconds})


def test_it_is_asked_again_until_it_is_ready(ran: list[tuple[sandbox.Command, list[str], str]]) -> None:
    looked: list[int] = []
    assert question(60).put("shop.worker.2@0001-a.service", lambda: looked.append(1)) == ""
    assert (len(ran), len(looked)) == (2, 2)
    command, argv, unit = ran[0]
    assert (argv, unit) == (["/usr/bin/env", "celery", "inspect", "ping"], "shop.worker.2-ready-0001-a.service")
    assert (command.user, command.service) == ("shop", "shop.worker.2@0001-a.service")
    assert command.environment["PROCESS_NAME"] == "worker.2"
    assert command.environment["FLASK_APP"] == "shop:create_app()"
    assert command.environment["CONFIG"] == "/srv/shop/releases/0001-a/a"
    assert command.environment_file == Path("/etc/shop/releases/0001-a/environment")


def test_what_it_said_at_last_is_told_when_the_time_is_over(ran: list[tuple[sandbox.Command, list[str], str]]) -> None:
    said = question(0).put("shop.worker@0001-a.service", lambda: None)
    assert said == (
        "shop.worker@0001-a.service was not ready within 0 s: `celery inspect ping` ended with status 69. Its last "
        "lines:\nno nodes replied"
    )
