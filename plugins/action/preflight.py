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
    _preflight_host,
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
    _VALID_ARGS = frozenset({"apps", "app", "version", "one_app", "disk_mb", "provision"})

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
        chosen: list[dict[str, Any]] = []
        if not found:
            base = _source.base_of(task_vars)
            chosen = [_app_version.wanted(_apps.normalise(app), version) for app in apps if only in ("", app["name"])]
            for app in chosen:
                wrong = _source.problems(app, base, refs_of) + _release_hooks.file_problems(app["hooks"], base)
                found += [f"slipway_apps, app '{app['name']}': {text}" for text in wrong]
        # The description is the same for every host: a host is asked only when it is right.
        facts: dict[str, str] = {}
        if not found:
            facts, told = self._ask(chosen, [_apps.normalise(app) for app in apps], task_vars)
            found = [f"{task_vars['inventory_hostname']}: {text}" for text in told]
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
            warnings=[
                f"{task_vars['inventory_hostname']}: {text}"
                for text in _preflight_host.left([_apps.normalise(app) for app in apps], facts)
            ],
            waiting=_preflight_host.waiting([_apps.normalise(app) for app in apps], facts),
            provisioned=_preflight_host.provisioned([_apps.normalise(app) for app in apps], facts),
        )
        return result

    def _ask(
        self, chosen: list[dict[str, Any]], apps: list[dict[str, Any]], task_vars: dict[str, Any]
    ) -> tuple[dict[str, str], list[str]]:
        """Return what the host is and what is in the way of the CHOSEN apps, in one round trip unless sudo wants a password."""
        provision = boolean(self._task.args.get("provision", False))
        look = _preflight_host.script(apps)
        script = _preflight.with_look(look) if provision else _preflight.PROBE
        facts = _preflight.read(self._low_level_execute_command(script, sudoable=False).get("stdout", ""))
        password = bool(self._connection.become and self._connection.become.get_option("become_pass"))
        found = _preflight.problems(facts, int(self._task.args.get("disk_mb") or 0), password)
        if not provision:
            return facts, found
        if "looked" not in facts and not found:
            facts |= _preflight.read(self._low_level_execute_command(look, sudoable=True).get("stdout", ""))
        challenge = self._templar.template(task_vars.get("nginx_tls_acme_challenge", "http-01"))
        return facts, found + _preflight_host.problems(chosen, facts, str(challenge))
