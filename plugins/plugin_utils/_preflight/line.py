# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What is wrong with the words of site.yml's command line, and with the settings that no role gets whole.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._fleet import words
from ansible_collections.slipway.flask.plugins.plugin_utils._fleet.hosts import Groups, Hostvars

LOGS = ("mask", "shorten_addresses", "ship")


def problems(
    given: Mapping[str, Any], restore: Any, backups: Any, logs: Any, groups: Groups, hostvars: Hostvars
) -> list[str]:
    """Return what is wrong with the words GIVEN by name, RESTORE (None is none) beside BACKUPS, and LOGS (slipway_logs)."""
    return [one for one in (words.unknown(given, groups, hostvars), _restore(restore, backups), _logs(logs)) if one]


def _restore(restore: Any, backups: Any) -> str:
    if restore is None or (restore == "latest" and backups):
        return ""
    return (
        f"restore is '{restore}'{'' if backups else ' and slipway_backups is not set'}. With site.yml it must be latest, on"
        " a bare host with slipway_backups; to bring one app back to a moment: playbooks/restore.yml -e app=NAME -e to=…"
    )


def _logs(logs: Any) -> str:
    if not isinstance(logs, Mapping):
        return f"slipway_logs is '{logs}'; it must be a mapping with some of {', '.join(LOGS)}" if logs else ""
    if unknown := sorted(set(logs) - set(LOGS)):
        return f"slipway_logs has '{unknown[0]}'; its keys are {', '.join(LOGS)}"
    if not isinstance(mask := logs.get("mask", []), list):
        return f"slipway_logs.mask is '{mask}'; it must be a list of parameters' names, such as [default, iban]"
    return ""
