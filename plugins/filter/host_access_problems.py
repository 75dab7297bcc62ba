# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Filter slipway.flask.host_access_problems."""

from __future__ import annotations

DOCUMENTATION = r"""
name: host_access_problems
short_description: Checks the variables of the role host_access
version_added: 0.4.0
author: Slipway contributors (@slipway)
description:
  - Returns one sentence per problem, and an empty list if there is none. Sentences never contain keys.
options:
  _input:
    description: The role's variables, without the prefix C(host_access_).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Reject people who could not log in
  ansible.builtin.assert:
    that:
      - ({'people': people} | slipway.flask.host_access_problems) == []
"""

RETURN = r"""
_value:
  description: The problems.
  type: list
  elements: str
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._access.document import problems


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"host_access_problems": problems}
