# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The controller's side of slipway.flask.files: renders the templates and ships everything in one call."""

from __future__ import annotations

import os
import re
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.template import trust_as_template
from ansible_collections.slipway.flask.plugins.module_utils._host.file_state import pack
from ansible_collections.slipway.flask.plugins.plugin_utils._action import on_host

KEYS = {"dest", "state", "src", "content", "vars", "to", "mode", "owner", "group"}
STATES = ("file", "directory", "link", "absent", "present")
ARGUMENTS = frozenset({"files", "mode", "owner", "group", "validate", "prune", "users", "units"})
MANAGED = "Written by Ansible (slipway.flask): the next run overwrites what is changed here."


class ActionModule(ActionBase):
    TRANSFERS_FILES = False
    _VALID_ARGS = ARGUMENTS

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        result.update(on_host.ask(self, "files", self.asked(task_vars or {}), task_vars or {}))
        return result

    def asked(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        """Return what the host is asked. Raises AnsibleActionFail."""
        arguments = self._task.args
        entries = [self._entry(*numbered, task_vars) for numbered in enumerate(arguments.get("files") or [], 1)]
        return {
            "payload": pack(entries),
            "validate": arguments.get("validate") or [],
            "prune": arguments.get("prune") or [],
            "users": arguments.get("users") or [],
            "units": arguments.get("units") or [],
        }

    def _entry(self, number: int, entry: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Return ENTRY, the NUMBERth, as the module wants it: defaults filled in, template rendered, plain values only."""
        if not isinstance(entry, dict) or "dest" not in entry:
            raise AnsibleActionFail(f"files: every entry must be a mapping with 'dest', entry {number} is not")
        dest = str(entry["dest"])
        if unknown := set(entry) - KEYS:
            raise AnsibleActionFail(f"files: {dest}: unknown key {sorted(unknown)[0]}")
        state = str(entry.get("state", "file"))
        ready: dict[str, Any] = {"dest": dest, "state": state, "to": str(entry.get("to", ""))}
        if not dest.startswith("/"):
            raise AnsibleActionFail(f"files: '{dest}' must be an absolute path")
        mode = entry.get("mode") or (self._task.args.get("mode") if state == "file" else None) or ""
        # YAML reads an unquoted 0644 as the number 420, whose digits would make another mode.
        if mode and not (isinstance(mode, str) and re.fullmatch(r"[0-7]{3,4}", mode)):
            raise AnsibleActionFail(f"files: {dest}: mode '{mode}' must be octal text such as \"0644\"")
        ready["mode"] = str(mode)
        if state not in STATES:
            raise AnsibleActionFail(f"files: {dest}: state '{state}' must be one of {', '.join(STATES)}")
        if state == "link" and not ready["to"]:
            raise AnsibleActionFail(f"files: {dest}: a link needs 'to'")
        for who in ("owner", "group"):
            ready[who] = str(entry.get(who) or self._task.args.get(who) or "root")
        if state == "file":
            if ("src" in entry) == ("content" in entry):
                raise AnsibleActionFail(f"files: {dest}: give either 'src' or 'content'")
            ready["content"] = self._render(entry, task_vars) if "src" in entry else str(entry["content"])
        return ready

    def _render(self, entry: dict[str, Any], task_vars: dict[str, Any]) -> str:
        """Return the text of the entry's template, rendered as ansible.builtin.template does."""
        source = self._find_needle("templates", entry["src"])
        places = [*task_vars.get("ansible_search_path", []), self._loader.get_basedir(), os.path.dirname(source)]
        variables = {"ansible_managed": MANAGED, **task_vars, **(entry.get("vars") or {})}
        templar = self._templar.copy_with_new_env(
            searchpath=[path for place in places for path in (os.path.join(place, "templates"), place)],
            available_variables=variables,
        )
        text = templar.template(
            trust_as_template(self._loader.get_text_file_contents(source)),
            escape_backslashes=False,
            overrides={"trim_blocks": True, "lstrip_blocks": False},
        )
        return "" if text is None else str(text)
