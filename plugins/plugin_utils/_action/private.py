# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a task tells the host that must stand in no log of the host: commands, and how its settings should be.

Ansible writes a module's parameters into the host's journal, all but those that are marked as secret (`no_log`). A marked
list would also blot its items out of the module's answer, wherever a word of a command occurs. So they go as one text.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean
from ansible_collections.slipway.flask.plugins.module_utils._host import environment_file
from ansible_collections.slipway.flask.plugins.module_utils._release import settings
from ansible_collections.slipway.flask.plugins.plugin_utils._app import commands as app_commands

COMMANDS = ("build_commands", "setup_commands", "release_commands")


def pack(arguments: dict[str, Any]) -> list[str]:
    """Put the commands and the expected settings of a deploy's ARGUMENTS into texts that are not logged.

    Returns what is wrong with the commands; then nothing is packed.
    """
    given = {key: list(arguments.pop(key, None) or []) for key in COMMANDS}
    expected = environment_file.environment_of(str(arguments.pop("expected_environment", None) or ""))
    secret = app_commands.secretive(expected)
    found = [text for key in COMMANDS for text in app_commands.of_list(key, given[key], secrets=secret)]
    if found:
        return found
    commands = {key: [entry(one) for one in given[key]] for key in COMMANDS}
    arguments["commands"] = json.dumps(commands)
    if expected:
        arguments["expected"] = json.dumps(settings.sealed(expected))
    return []


def entry(command: str | Mapping[str, Any]) -> dict[str, Any]:
    """Return a command with all that can be said of it."""
    whole = {"command": command} if isinstance(command, str) else dict(command)
    return {
        "command": str(whole["command"]),
        "once": boolean(whole.get("once") or False),
        "name": str(whole.get("name") or ""),
    }
