# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A switch is on, off, or refused; a typo is neither."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleActionFail
from ansible_collections.slipway.flask.plugins.plugin_utils._action import switch


@pytest.mark.parametrize(
    ("value", "on"),
    [("true", True), ("yes", True), (True, True), ("no", False), (False, False), ("", False), (None, False)],
)
def test_a_switch_is_on_or_off(value: Any, on: bool) -> None:
    assert switch.flag({"force": value}, "force") is on
    assert switch.flag({}, "export", default=True)


def test_a_typo_is_refused_by_the_name_that_it_has_on_the_command_line() -> None:
    with pytest.raises(AnsibleActionFail, match="yes is 'ture'; it must be true or false"):
        switch.flag({"confirmed": "ture"}, "confirmed", "yes")
