# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Refuses, on the controller and before a role changes anything, what the role can't do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.slipway.flask.plugins.plugin_utils._preflight import look

KNOWN_BY = {"distribution": "distribution", "hardware": "processor_nproc", "virtual": "virtualization_tech_guest"}
"""By which fact is told that a subset of `ansible.builtin.setup` has been gathered, or that preflight has found it out."""


class ActionModule(ActionBase):
    TRANSFERS_FILES = False
    _VALID_ARGS = frozenset({"problems", "facts", "packages", "package_files"})

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        task_vars, arguments = task_vars or {}, self._task.args
        gathered = self._gather(task_vars)
        if gathered.get("failed"):
            return gathered
        new = gathered.get("ansible_facts", {})
        facts = {**task_vars.get("ansible_facts", {}), **{key.removeprefix("ansible_"): new[key] for key in new}}
        # What a role makes of its variables can depend on the facts, so it is only now that it can be looked at.
        templar = self._templar.copy_with_new_env(available_variables={**task_vars, "ansible_facts": facts})
        said = self._wrong_types(templar, task_vars) or look.unsupported(facts, str(task_vars["role_name"]))
        if not said and (problems := templar.evaluate_expression(arguments.get("problems", "[]"))):
            said = "\n".join(problems)
        if said:
            return {"failed": True, "msg": said}
        result.update(changed=False, ansible_facts=new)
        return result | {"packages": arguments.get("packages", []), "package_files": arguments.get("package_files", {})}

    def _gather(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        """Return the result of gathering what isn't known yet of the facts that the role uses, {} when all is."""
        known = task_vars.get("ansible_facts", {})
        wanted = [name for name in self._task.args.get("facts", ["distribution"]) if KNOWN_BY[name] not in known]
        if not wanted:
            return {}
        subset = {"gather_subset": ["!all", "!min", *wanted]}
        answer: dict[str, Any] = self._execute_module("ansible.legacy.setup", subset, task_vars=task_vars)
        return answer

    def _wrong_types(self, templar: Any, task_vars: dict[str, Any]) -> str:
        """Return what Ansible itself says of the role's variables, as it does when the role's main entry point is used."""
        specs = self._loader.load_from_file(f"{task_vars['role_path']}/meta/argument_specs.yml")["argument_specs"]
        task = self._task.copy()
        task.args = {"argument_spec": specs["main"]["options"]}
        action = self._shared_loader_obj.action_loader.get(
            "ansible.builtin.validate_argument_spec", task=task, connection=self._connection,
            play_context=self._play_context, loader=self._loader, templar=templar,
            shared_loader_obj=self._shared_loader_obj,
        )  # fmt: skip
        try:
            answer = action.run(task_vars=task_vars)
        except TypeError as error:  # ansible-core's check breaks down over a value that can't have keys
            return no_mapping(specs["main"]["options"], task_vars, templar) or str(error)
        return str(answer["msg"]) if answer.get("failed") else ""


def no_mapping(options: Mapping[str, Any], task_vars: Mapping[str, Any], templar: Any) -> str:
    """Return which variables of OPTIONS must be mappings and are none, without their values: one may be a secret."""
    wanted = {name: spec["options"] for name, spec in options.items() if spec["type"] == "dict" and "options" in spec}
    given = {name: templar.template(task_vars[name]) for name in wanted if name in task_vars}
    return "\n".join(
        f"{name} must be a mapping with {', '.join(wanted[name])}"
        for name, value in given.items()
        if not isinstance(value, (Mapping, str))
    )
