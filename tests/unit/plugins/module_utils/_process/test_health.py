# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The health request on a release's own socket."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._app.health import Health
from ansible_collections.slipway.flask.plugins.module_utils._host import http as host_http
from ansible_collections.slipway.flask.plugins.module_utils._process import health

HEALTH = Health(("/healthz",), (200,), "shop.example.com")


def test_health_is_asked_as_at_the_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def ask(connection: Any, path: str, headers: dict[str, str]) -> tuple[int, str]:
        asked.append((path, headers["Host"], headers["X-Forwarded-Proto"]))
        return 503, ""

    monkeypatch.setattr(host_http, "ask", ask)
    found = health.answer(Path("/run/shop/0001-abc/gunicorn.sock"), HEALTH)
    assert (found["status"], found["said"]) == (503, "answered 503")
    assert found["milliseconds"] >= 0
    assert asked == [("/healthz", "shop.example.com", "https")]


def test_a_socket_that_is_not_there_gives_no_answer(tmp_path: Path) -> None:
    found = health.answer(tmp_path / "gunicorn.sock", HEALTH)
    assert found["status"] is None
    assert "No such file" in found["said"]
