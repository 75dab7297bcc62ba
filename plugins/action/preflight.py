# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The controller's side of slipway.flask.preflight: everything that can be refused before a host is changed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible_collections.slipway.flask.plugins.module_utils import (
    _app_choice,
    _app_roles,
    _app_version,
    _apps,
    _preflight,
    _release_hooks,
    _source,
)
from ansible_collections.slipway.flask.plugins.plugin_utils._once import once


def refs_of(address: str) -> set[str] | None:
    """Ask a repository for its names once in a run, however many hosts and apps it is for."""

    def ask(place: Path) -> None:
        refs = _source.git_refs(address)
        (place / "refs.json").write_text(json.dumps(None if refs is None else sorted(refs)))

    answer = json.loads((once(("refs", address), ask) / "refs.json").read_text())
    return None if answer is None else set(answer)


class ActionModule(ActionBase):
    TRANSFERS_FILES = False
    _VALID_ARGS = frozenset({"apps", "app", "version", "one_app", "disk_mb"})

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        task_vars = task_vars or {}
        apps, only = self._task.args.get("apps"), str(self._task.args.get("app") or "")
        version = str(self._task.args.get("version") or "")
        one = boolean(self._task.args.get("one_app", False))
        found = (
            _apps.problems(apps)
            or _app_choice.problems(apps, only, _app_choice.everywhere(task_vars), one)
            or _app_version.problems(apps, only, version)
            or _app_roles.problems(apps)
        )
        if not found:
            base = _source.base_of(task_vars)
            for app in [app for app in apps if only in ("", app["name"])]:
                whole = _app_version.wanted(_apps.normalise(app), version)
                wrong = _source.problems(whole, base, refs_of) + _release_hooks.file_problems(whole["hooks"], base)
                found += [f"slipway_apps, app '{app['name']}': {text}" for text in wrong]
        # The description is the same for every host: a host is asked only when it is right.
        facts: dict[str, str] = {}
        if not found:
            probe = self._low_level_execute_command(_preflight.PROBE, sudoable=False)
            facts = _preflight.read(probe.get("stdout", ""))
            password = bool(self._connection.become and self._connection.become.get_option("become_pass"))
            disk_mb = int(self._task.args.get("disk_mb") or 0)
            found = [
                f"{task_vars['inventory_hostname']}: {text}" for text in _preflight.problems(facts, disk_mb, password)
            ]
        if found:
            head = (
                "Nothing was changed, because:"
                if len(found) == 1
                else f"Nothing was changed, because of {len(found)} things:"
            )
            result.update(failed=True, msg="\n".join([head, *(f"  - {text}" for text in found)]), problems=found)
            return result
        result.update(
            changed=False,
            ansible_facts=_preflight.ansible_facts(facts),
            python=facts.get("python") == "yes",
            cores=int(facts.get("cores") or 1),
            memory_mb=int(facts.get("memory_mb") or 0),
        )
        return result
