# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""In every scenario: each service of ours that is found on the host has few rights."""

from __future__ import annotations

MOST_EXPOSED = 2.0
"""Of systemd-analyze security, from 0 (nothing is left to take away) to 10 (everything is)."""


def test_no_service_of_ours_has_rights_that_it_does_not_need(exposed: dict[str, float]) -> None:
    assert {name: level for name, level in exposed.items() if level > MOST_EXPOSED} == {}
