# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Filters of the role gunicorn_systemd; their rules are in module_utils/_host/gunicorn.py."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.slipway.flask.plugins.module_utils._host import environment_file
from ansible_collections.slipway.flask.plugins.module_utils._host.gunicorn import ROLE, problems, unit_quote


def gunicorn_systemd_problems(variables: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with the role's VARIABLES (full name -> value) as sentences for the user; secrets hidden."""
    if not isinstance(variables, Mapping):
        raise AnsibleFilterError(f"gunicorn_systemd_problems: wants a mapping, not {type(variables).__name__}")
    return problems({name.removeprefix(ROLE): value for name, value in variables.items()})


class FilterModule:
    """Names of the filters."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {
            "gunicorn_systemd_problems": gunicorn_systemd_problems,
            "systemd_environment_file": environment_file.text_of,
            "systemd_quote": unit_quote,
        }
