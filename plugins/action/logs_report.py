# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Prints the logs of several hosts, which slipway.flask.logs has kept here, in one order."""

from __future__ import annotations

import heapq
import json
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.slipway.flask.plugins.plugin_utils._action.printer import Printer


class ActionModule(ActionBase):
    TRANSFERS_FILES = False
    _VALID_ARGS = frozenset({"variable"})

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        task_vars = task_vars or {}
        found = {}
        for host in task_vars["ansible_play_hosts_all"]:
            told = task_vars["hostvars"][host].get(self._task.args["variable"]) or {}
            if told.get("kept"):
                found[host] = told
        if found:
            told = next(iter(found.values()))
            printer = Printer(list(told["hosts"]), told["format"], told["one_request"])
            merged = heapq.merge(
                *(entries(host, one["kept"]) for host, one in found.items()), key=lambda pair: pair[1]["time"]
            )
            chosen: Iterable[tuple[str, dict[str, Any]]] = deque(merged, told["lines"]) if told["lines"] else merged
            for host, entry in chosen:
                printer.add(host, entry)
            printer.flush()
        return {**result, "changed": False}


def entries(host: str, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the entries of HOST that are kept in the file PATH, and remove it when they are at an end."""
    with Path(path).open(encoding="utf-8") as file:
        for line in file:
            yield host, json.loads(line)
    Path(path).unlink(missing_ok=True)
