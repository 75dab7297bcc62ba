# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Who may import whom among the packages of plugins/, and what a module of the host may carry."""

from __future__ import annotations

import ast
import io
import re
import zipfile
from functools import cache
from pathlib import Path

import pytest

PLUGINS = Path(__file__).resolve().parents[3] / "plugins"
OURS = "ansible_collections.slipway.flask.plugins."
FLOORS = [
    {"module_utils._source"},
    {"module_utils._host"},
    {"module_utils._access", "module_utils._alerts", "module_utils._app", "module_utils._certificates", "module_utils._edge",
     "module_utils._identity",
     "module_utils._logs",
     "module_utils._mysql", "module_utils._nginx",
     "module_utils._pgbouncer",
     "module_utils._postgres",
     "module_utils._python", "module_utils._redis", "module_utils._storage"},
    {"module_utils._audit", "module_utils._database"},
    {"module_utils._backup", "module_utils._migration", "module_utils._process"},
    {"module_utils._release", "module_utils._upkeep"},
    {"module_utils._image", "module_utils._restore"},
    {"module_utils._doctor", "module_utils._drift", "module_utils._metrics", "module_utils._transfer",
     "module_utils._upgrade"},
    {"module_utils._remove"},
    {"plugin_utils._fleet", "plugin_utils._library", "plugin_utils._schedule", "plugin_utils._schema"},
    {
        "plugin_utils._certificates", "plugin_utils._connection", "plugin_utils._edge", "plugin_utils._gunicorn",
        "plugin_utils._logs",
        "plugin_utils._nginx",
        "plugin_utils._source",
    },
    {"plugin_utils._service"},
    {"plugin_utils._app", "plugin_utils._report"},
    {"plugin_utils._metrics", "plugin_utils._standby"},
    {
        "plugin_utils._alerts", "plugin_utils._backup", "plugin_utils._dashboard", "plugin_utils._shipping", "plugin_utils._upkeep",
    },
    {"plugin_utils._access", "plugin_utils._target"},
    {"plugin_utils._image"},
    {"plugin_utils._doctor", "plugin_utils._preflight", "plugin_utils._render"},
    {"plugin_utils._action"},
    {"action", "callback", "filter", "modules"},
]  # fmt: skip
"""A package may import itself and what is on a floor below its own; packages of one floor don't know each other."""
FLOOR = {package: number for number, packages in enumerate(FLOORS) for package in packages}


def package_of(module: str) -> str:
    """Return the package of a MODULE such as `module_utils._host.systemd`; of an action, `action`."""
    parts = module.split(".")
    return ".".join(parts[:2]) if parts[0] in ("module_utils", "plugin_utils") else parts[0]


@cache
def imports(file: Path) -> list[tuple[int, str]]:
    """Return line and name, `module_utils._host.systemd` for example, of every module of ours that FILE imports."""
    return [
        (node.lineno, str(node.module).removeprefix(OURS))
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.ImportFrom) and f"{node.module}.".startswith(OURS)
    ]


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


ELSEWHERE = re.compile(r"gunicorn|socket|postgres|redis|mysql|mariadb", re.IGNORECASE)
"""What is known by one kind of process (_process) or of database (_database): a next one must need nothing in the engine."""


@pytest.mark.parametrize("file", [file for file in FILES if file.startswith("module_utils/_release/")])
def test_the_engine_names_no_kind_of_process_or_database(file: str) -> None:
    lines = enumerate(FILES[file].read_text().splitlines(), 1)
    wrong = [f"plugins/{file}:{number} says {match[0]}" for number, line in lines if (match := ELSEWHERE.search(line))]
    assert not wrong, "\n".join(wrong)


@cache
def files_imported(file: Path, at_once: bool) -> list[Path]:
    """Return our files that FILE imports; AT_ONCE: only what it imports when it is imported itself."""
    todo: list[ast.AST] = [ast.parse(file.read_text())]
    found = []
    while todo:
        node = todo.pop()
        later = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        if at_once and (later or (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")):
            continue
        todo += ast.iter_child_nodes(node)
        if isinstance(node, ast.ImportFrom) and f"{node.module}.".startswith(OURS):
            base = PLUGINS.joinpath(*str(node.module).removeprefix(OURS).split("."))
            places = (base.with_suffix(".py"), *(base / f"{name.name}.py" for name in node.names))
            found += [path for path in places if path.is_file()]
    return found


def closure(module: str, at_once: bool = False) -> set[str]:
    """Return what MODULE (a name in plugins/modules) brings with it, as `_host.systemd` for example.

    Ansible sends a host all that is imported anywhere, in functions too; AT_ONCE: what each call has to load.
    """
    found: set[Path] = set()
    todo = [PLUGINS / "modules" / f"{module}.py"]
    while todo:
        file = todo.pop()
        if file not in found:
            found.add(file)
            todo += files_imported(file, at_once)
    names = (path.relative_to(PLUGINS).with_suffix("").parts for path in found)
    return {".".join(parts[1:]) for parts in names if parts[0] == "module_utils"}


NOT_AT_ONCE = {
    "release_on_host": (
        "_database", "_host.sandbox", "_migration", "_process.schedule", "_process.watch", "_process.worker",
        "_python.build", "_python.environment", "_python.hints",
        "_python.lists", "_release.archive", "_release.plan", "_release.preparation", "_release.probe",
        "_release.repository", "_release.upgrade", "_release.web_access",
    ),
    "rollback_on_host": ("_process.watch", "_release.archive", "_release.repository"),
}  # fmt: skip
"""What a call must not load before it is needed. A host compiles what it is sent at every call, and most calls of a run over
several apps find nothing to do: all of this would be more than half of what they cost."""


@pytest.mark.parametrize("module", NOT_AT_ONCE)
def test_a_call_with_nothing_to_do_does_not_load_what_makes_a_release(module: str) -> None:
    loaded = closure(module, at_once=True)
    assert [
        name for name in sorted(loaded) if f"{name}.".startswith(tuple(f"{no}." for no in NOT_AT_ONCE[module]))
    ] == []


ACTING = tuple(f"_process.{name}" for name in ("base", "handover", "members", "turn", "watch", "web", "worker"))
NEVER = {
    "release_exec_on_host": ("_certificates", "_database", "_migration", "_mysql", "_postgres", *ACTING),
    "release_info_on_host": ("_migration", "_python", "_database.squawk", "_host.sandbox", "_release.request", *ACTING),
    "release_on_host": (
        "_certificates",
        "_mysql.check",
        "_mysql.reason",
        "_mysql.server",
        "_postgres.check",
        "_postgres.reason",
        "_python.uv_install",
    ),
    "rollback_on_host": ("_certificates", "_mysql.check", "_postgres.check", "_release.archive", "_release.repository"),
    "files_on_host": ("_app", "_process", "_python", "_release"),
}
"""What is not even sent: it has nothing to do with what the module does, and each host would be sent it at every call."""


@pytest.mark.parametrize("module", NEVER)
def test_a_host_is_not_sent_what_a_module_has_no_use_for(module: str) -> None:
    sent = closure(module)
    assert [name for name in sorted(sent) if f"{name}.".startswith(tuple(f"{no}." for no in NEVER[module]))] == []


MOST = {
    "kept_half": 4_500,
    "release_on_host": 384_000,
    "rollback_on_host": 255_000,
    "release_info_on_host": 186_000,
    "release_exec_on_host": 65_500,
    "maintenance_on_host": 3_500,
    "files_on_host": 14_700,
}
"""Bytes of a module's own files as one compressed archive, with a few in a hundred to spare. `kept_half` is what a deploy, a
rollback and a status send; their own module follows only where the host has not kept that version of it yet."""


def size(module: str) -> int:
    """Return the bytes of the archive of MODULE's files."""
    files = [f"modules/{module}.py", *(f"module_utils/{name.replace('.', '/')}.py" for name in closure(module))]
    with zipfile.ZipFile(target := io.BytesIO(), "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(files):
            archive.write(PLUGINS / file, file)
    return len(target.getvalue())


@pytest.mark.parametrize("module", MOST)
def test_a_call_sends_no_more_than_it_did(module: str) -> None:
    assert MOST[module] * 0.8 < size(module) <= MOST[module]


ASKS_FOR_KEPT = ("plugin_utils._action import kept", "import ReleaseAction", "import DeployAction")
"""What an action imports that asks the host first whether it has kept the half's code."""


@pytest.mark.parametrize("action", sorted((PLUGINS / "action").glob("*.py")), ids=lambda path: path.stem)
def test_a_half_whose_code_is_asked_for_keeps_it_and_no_other_does(action: Path) -> None:
    """One that doesn't would be asked for in vain at every call."""
    asked = any(words in action.read_text() for words in ASKS_FOR_KEPT)
    half = PLUGINS / f"modules/{action.stem}_on_host.py"
    assert asked == (half.exists() and "code.keep)" in half.read_text())
