# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A host that runs an app's processes alone: no web process is started or watched, and a release is switched all the same."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._process import settings, usage
from ansible_collections.slipway.flask.plugins.module_utils._release import status as release_status
from ansible_collections.slipway.flask.plugins.plugin_utils._gunicorn import process_files
from fake_host import FakeHost

NO_WEB = process_files.document({}, "/srv/shop/releases/%i", web=False)


@pytest.fixture
def idle(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> FakeHost:
    (host.paths.settings / settings.NAME).write_text(NO_WEB)
    return host


def test_what_the_role_writes_is_what_a_deploy_reads(idle: FakeHost) -> None:
    assert json.loads(NO_WEB) == {"web": {"kind": "none"}}
    assert settings.has_web(idle.paths) is False
    assert settings.beside(idle.paths) == [], "it is no process of its own"
    assert process_files.document({}, "/srv/shop/releases/%i") == ""


def test_a_release_is_switched_without_a_web_process(idle: FakeHost) -> None:
    assert idle.deploy().changed
    first = idle.current
    assert first and idle.running == set()
    assert [event for event in idle.events if event.startswith(("start", "ask", "watch"))] == []
    assert list(idle.wants.glob("*")) == []
    assert (idle.units / f"shop@{first}.service").exists(), "commands run in its sandbox"
    assert not idle.deploy().changed
    idle.change()
    assert idle.deploy().changed
    assert idle.current != first


def test_a_host_that_served_ends_what_it_served_with(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    host.deploy()
    assert host.running == {host.current}
    (host.paths.settings / settings.NAME).write_text(NO_WEB)
    assert host.deploy().changed
    assert (host.running, list(host.wants.glob("*"))) == (set(), [])
    (host.paths.settings / settings.NAME).unlink()
    assert host.deploy().changed
    assert host.running == {host.current}, "and back"


def test_its_status_misses_no_site(idle: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    def unit(name: str) -> dict[str, Any]:
        raise AssertionError(f"{name} is no unit of this host")

    monkeypatch.setattr(usage, "of_unit", unit)
    idle.deploy()
    found = release_status.status_of(idle.paths, idle.request().health, "", "shop", "")
    assert (found["problems"], found["serves"], found["processes"]) == ([], False, {})
