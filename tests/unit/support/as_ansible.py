# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Modules as Ansible calls them, and their documentation as it reads it."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest
import yaml
from ansible.module_utils.testing import patch_module_args

FRAGMENTS = "ansible_collections.slipway.flask.plugins.doc_fragments."
Call = Callable[..., dict[str, Any]]


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    """Return a function that runs a module's main() and returns what it told Ansible."""

    def run(main: Callable[[], None], **arguments: Any) -> dict[str, Any]:
        with patch_module_args(arguments), pytest.raises(SystemExit) as ended:
            main()
        result: dict[str, Any] = json.loads(capsys.readouterr().out)
        assert bool(ended.value.code) is bool(result.get("failed"))
        return result

    return run


def task(**asked: Any) -> dict[str, Any]:
    """Return the parameters with which an action plugin runs its half on the host."""
    return {"task": json.dumps(asked)}


def options_of(module: Any) -> dict[str, Any]:
    """Return the documented options of MODULE, those of its fragments among them; what it says itself of one goes first."""
    documented = yaml.safe_load(module.DOCUMENTATION)
    found: dict[str, Any] = {}
    for name in documented.get("extends_documentation_fragment", []):
        fragment = import_module(FRAGMENTS + name.removeprefix("slipway.flask."))
        options = yaml.safe_load(fragment.ModuleDocFragment.DOCUMENTATION)["options"]
        found |= {option: found.get(option, {}) | told for option, told in options.items()}
    own = documented.get("options", {})
    return found | {name: found.get(name, {}) | option for name, option in own.items()}


def check_documentation(module: Any) -> None:
    """Hold the documented options of MODULE to its ARGUMENTS: names, types, defaults, and the keys of each entry."""
    options = options_of(module)
    assert set(options) == set(module.ARGUMENTS)
    for name, spec in module.ARGUMENTS.items():
        assert options[name].get("default") == spec.get("default"), name
        assert options[name]["type"] == spec["type"], name
        assert set(options[name].get("suboptions", {})) == set(spec.get("options", {})), name
    assert yaml.safe_load(module.EXAMPLES)
    assert yaml.safe_load(module.RETURN)
