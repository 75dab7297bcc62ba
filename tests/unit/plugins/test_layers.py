# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Who may import whom among the packages of plugins/, and what a module of the host may carry."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PLUGINS = Path(__file__).resolve().parents[3] / "plugins"
OURS = "ansible_collections.slipway.flask.plugins."
FLOORS = [
    {"module_utils._source"},
    {"module_utils._host"},
    {"module_utils._app", "module_utils._certificates", "module_utils._nginx", "module_utils._postgres",
     "module_utils._python", "module_utils._redis"},
    {"module_utils._database"},
    {"module_utils._migration", "module_utils._process"},
    {"module_utils._release"},
    {"plugin_utils._schedule", "plugin_utils._schema"},
    {"plugin_utils._certificates", "plugin_utils._gunicorn", "plugin_utils._nginx", "plugin_utils._source"},
    {"plugin_utils._service"},
    {"plugin_utils._app", "plugin_utils._report"},
    {"plugin_utils._target"},
    {"plugin_utils._preflight"},
    {"plugin_utils._action"},
    {"action", "callback", "filter", "modules"},
]  # fmt: skip
"""A package may import itself and what is on a floor below its own; packages of one floor don't know each other."""
FLOOR = {package: number for number, packages in enumerate(FLOORS) for package in packages}


def package_of(module: str) -> str:
    """Return the package of a MODULE such as `module_utils._host.systemd`; of an action, `action`."""
    parts = module.split(".")
    return ".".join(parts[:2]) if parts[0] in ("module_utils", "plugin_utils") else parts[0]


def imports(file: Path) -> Iterator[tuple[int, str]]:
    """Yield line and name, `module_utils._host.systemd` for example, of every module of ours that FILE imports."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and f"{node.module}.".startswith(OURS):
            yield node.lineno, str(node.module).removeprefix(OURS)


FILES = {str(path.relative_to(PLUGINS)): path for path in sorted(PLUGINS.rglob("*.py"))}


@pytest.mark.parametrize("file", FILES)
def test_a_file_imports_only_what_is_below_it(file: str) -> None:
    own = package_of(".".join(Path(file).with_suffix("").parts))
    wrong = [
        f"plugins/{file}:{line} imports {module}, which is not below {own}"
        for line, module in imports(FILES[file])
        if package_of(module) != own and FLOOR.get(package_of(module), len(FLOORS)) >= FLOOR[own]
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("file", [file for file in FILES if file.startswith(("modules/", "module_utils/"))])
def test_what_runs_on_a_host_carries_nothing_of_the_controller(file: str) -> None:
    """An action's file of the same name is the controller's; a host gets modules and module_utils."""
    wrong = [
        f"plugins/{file}:{line} imports {module}" for line, module in imports(FILES[file]) if "plugin_utils" in module
    ]
    assert not wrong, "\n".join(wrong)


def test_every_package_has_its_floor() -> None:
    packages = {
        f"{path.parent.name}.{path.name}"
        for path in PLUGINS.glob("*_utils/*")
        if path.name.startswith("_") and path.is_dir()
    }
    assert packages - {"module_utils.__pycache__", "plugin_utils.__pycache__"} == {
        name for name in FLOOR if "." in name
    }


ELSEWHERE = re.compile(r"gunicorn|socket|postgres|redis", re.IGNORECASE)
"""What is known by one kind of process (_process) or of database (_database): a next one must need nothing in the engine."""


@pytest.mark.parametrize("file", [file for file in FILES if file.startswith("module_utils/_release/")])
def test_the_engine_names_no_kind_of_process_or_database(file: str) -> None:
    lines = enumerate(FILES[file].read_text().splitlines(), 1)
    wrong = [f"plugins/{file}:{number} says {match[0]}" for number, line in lines if (match := ELSEWHERE.search(line))]
    assert not wrong, "\n".join(wrong)
