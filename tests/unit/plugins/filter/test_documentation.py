# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Every filter is documented, and as it is: what ansible-test leaves out, as a filter need not be a file of its own."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml

FOLDER = Path(__file__).resolve().parents[4] / "plugins/filter"
PACKAGE = "ansible_collections.slipway.flask.plugins."


def filters() -> dict[str, Callable[..., Any]]:
    """Return every filter of the collection by its name."""
    found: dict[str, Callable[..., Any]] = {}
    for path in sorted(FOLDER.glob("*.py")):
        found |= import_module(f"{PACKAGE}filter.{path.stem}").FilterModule().filters()
    return found


def documented(name: str) -> dict[str, Any]:
    """Return the documentation of a filter: that of the file beside, else that in the file of its name."""
    beside, own = FOLDER / f"{name}.yml", FOLDER / f"{name}.py"
    if beside.exists():
        found: dict[str, Any] = yaml.safe_load(beside.read_text())
        return found
    assert own.exists(), f"the filter {name} has no documentation: write plugins/filter/{name}.yml"
    module = import_module(f"{PACKAGE}filter.{name}")
    return {key: yaml.safe_load(getattr(module, key)) for key in ("DOCUMENTATION", "RETURN")} | {
        "EXAMPLES": module.EXAMPLES
    }


def options(documentation: dict[str, Any]) -> dict[str, Any]:
    """Return the options of a plugin, those of its fragments among them."""
    found: dict[str, Any] = {}
    for fragment in documentation.get("extends_documentation_fragment", []):
        _, _, name, *variant = fragment.split(".")
        fragments = import_module(f"{PACKAGE}doc_fragments.{name}").ModuleDocFragment
        found |= yaml.safe_load(getattr(fragments, variant[0].upper() if variant else "DOCUMENTATION"))["options"]
    return found | documentation.get("options", {})


@pytest.mark.parametrize("name", sorted(filters()))
def test_a_filter_takes_what_its_documentation_tells(name: str) -> None:
    told = documented(name)
    assert told["DOCUMENTATION"]["name"] == name
    assert f"slipway.flask.{name}" in told["EXAMPLES"]
    assert yaml.safe_load(told["EXAMPLES"])
    assert told["RETURN"]["_value"]["type"]
    _, *parameters = inspect.signature(filters()[name]).parameters.values()
    described = options(told["DOCUMENTATION"])
    assert list(described)[0] == "_input" and described["_input"]["required"] is True
    assert {parameter.name for parameter in parameters} == set(described) - {"_input"}
    for parameter in parameters:
        option = described[parameter.name]
        required = parameter.default is parameter.empty
        assert option.get("required", False) is required, parameter.name
        if not required:  # None and () are empty, too
            assert (option.get("default") or None) == (parameter.default or None), parameter.name


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.name)
def test_the_documentation_is_above_the_imports(path: Path) -> None:
    """As validate-modules wants it, so that Ansible reads it without the imports."""
    text = path.read_text()
    seen = ast.parse(text).body
    imports = [node.lineno for node in seen if isinstance(node, ast.Import)]
    imports += [node.lineno for node in seen if isinstance(node, ast.ImportFrom) and node.module != "__future__"]
    documentation = re.findall(r"^(?:DOCUMENTATION|EXAMPLES|RETURN) = ", text, re.MULTILINE)
    above = "".join(text.splitlines(keepends=True)[: min(imports) - 1])
    assert len(documentation) in (0, 3)  # a file with several filters has files beside it
    assert all(name in above for name in documentation)
