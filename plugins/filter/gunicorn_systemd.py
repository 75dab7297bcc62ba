# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Filters that write text for systemd's files."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._host import environment_file
from ansible_collections.slipway.flask.plugins.plugin_utils._gunicorn import service


class FilterModule:
    """Names of the filters."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"systemd_environment_file": environment_file.text_of, "systemd_quote": service.unit_quote}
