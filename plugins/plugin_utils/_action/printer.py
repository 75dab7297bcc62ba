# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Prints entries of logs while they come in.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import json
import time
from typing import Any

from ansible.utils.color import stringc
from ansible.utils.display import Display
from ansible_collections.slipway.flask.plugins.plugin_utils._report import logs as report

BLOCK_SECONDS = 0.2
"""Lines that come together are printed together."""
BLOCK_LINES = 500


class Printer:
    """Prints entries of HOSTS for a person, or as FORM says; ONE_REQUEST: all of them are of one."""

    def __init__(self, hosts: list[str], form: str, one_request: bool) -> None:
        self.as_json = form == "json"
        self.page = report.Page(max(map(len, hosts)) if len(hosts) > 1 else 0, one_request, stringc)
        self.lines: list[str] = []
        self.count, self.flushed = 0, time.monotonic()

    def add(self, host: str, entry: dict[str, Any]) -> None:
        self.lines += [json.dumps({"host": host, **entry})] if self.as_json else self.page.lines(host, entry)
        self.count += 1
        if len(self.lines) >= BLOCK_LINES or time.monotonic() - self.flushed > BLOCK_SECONDS:
            self.flush()

    def flush(self) -> None:
        if self.lines:
            Display().display("\n".join(self.lines))
        self.lines, self.flushed = [], time.monotonic()
