# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Several health paths must all answer well, and several statuses will do."""

from __future__ import annotations

from http.client import HTTPException
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._app import health

HEALTH = health.Health(("/health", "/login"), (200, 204))


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ({"/health": 200, "/login": 204}, ""),
        ({"/health": 200, "/login": 500}, "/login answered 500"),
        ({"/health": 302, "/login": 500}, "/health answered 302"),
        ({"/health": 200, "/login": ConnectionRefusedError("refused")}, "/login did not answer (refused)"),
        ({"/health": 200, "/login": HTTPException()}, "/login did not answer (HTTPException)"),
    ],
)
def test_every_path_must_answer_well(answers: dict[str, Any], said: str) -> None:
    def ask(path: str) -> tuple[int, str]:
        if isinstance(answers[path], Exception):
            raise answers[path]
        return answers[path], ""

    assert health.wrong(HEALTH, ask) == said


def test_good_statuses_are_read_as_words() -> None:
    assert health.wanted(HEALTH) == "200 or 204"
    assert health.wanted(health.Health()) == "200"
