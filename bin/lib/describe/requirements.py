# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What the app needs: the file that lists its packages, their names, its Python, and packages of the system."""

from __future__ import annotations

import ast
import configparser
import json
import re
from typing import Any

import tomllib
from ansible_collections.slipway.flask.plugins.module_utils._python import project, versions

from describe.app import TODO, App
from describe.code import argument, called
from describe.system import BUILT, RUN, Packages
from describe.tree import TEXT_BYTES

LINE = re.compile(r"^\s*([A-Za-z0-9][\w.-]*)\s*(?:\[[^\]]*\])?\s*(?:(?:===?|~=)\s*([\w.!+-]+))?")


def find(app: App) -> None:
    """Say `requirements`, `python` and `system_packages`; fill `app.packages`."""
    main = _list(app)
    for path in main:
        read(app, path)
    for path in ("pyproject.toml", "setup.cfg", "setup.py"):
        if path in app.tree.files and path not in main and not app.packages:
            read(app, path)
    _python(app)


def _list(app: App) -> list[str]:
    """Return the files that list the app's packages."""
    try:
        if any(app.tree.files.get(name, 0) > TEXT_BYTES for name, _ in project.CANDIDATES):
            raise ValueError("a list of packages is too large to be one")
        found = project.detect(app.tree.root, [])
    except (project.ProjectError, OSError, ValueError, RecursionError) as error:
        return _other(app, str(error))
    names = [str(path.relative_to(app.tree.root)) for path in found.main]
    app.say("requirements", names, "found by itself; its lock or list of packages", off=True)
    return names


def _other(app: App, error: str) -> list[str]:
    """Return lists under other names, and say them."""
    names = [
        path for path in app.tree.files
        if re.search(r"require|^reqs?[\w-]*\.(txt|in)$|/reqs?\.txt$", path) and re.search(r"\.(txt|in|pip)$", path)
        and path.count("/") < 3 and not re.search(r"dev|test|doc|lint|build|ci\b|example", path)
    ]  # fmt: skip
    names.sort(key=lambda path: (not re.search(r"prod|deploy|main|base|app", path), path.count("/"), path))
    if names:
        app.say(
            "requirements",
            names[:1],
            "the only list with a name like that" if len(names) == 1 else f"or {', '.join(names[1:3])}",
        )
        return names[:1]
    if app.value("source") and "package" in app.value("source"):
        return []
    where = error.partition("; ")[2]
    app.say(
        "requirements",
        [f"{TODO}: a file that lists the packages"],
        where or "no lock, requirements.txt or pyproject.toml is there",
    )
    return []


def read(app: App, path: str, depth: int = 0) -> None:
    """Add the packages that a file names."""
    text, base = app.tree.text(path), path.rpartition("/")[2]
    try:
        if base.endswith(".lock") and base != "Pipfile.lock" or base == "pylock.toml":
            for one in tomllib.loads(text).get("package", tomllib.loads(text).get("packages", [])):
                app.packages[project.normalised(str(one.get("name", "")))] = str(one.get("version", ""))
        elif base == "Pipfile.lock":
            for name, one in json.loads(text).get("default", {}).items():
                app.packages[project.normalised(name)] = str(one.get("version", "")).lstrip("=")
        elif base == "pyproject.toml":
            _project(app, tomllib.loads(text))
        elif base == "setup.cfg":
            parser = configparser.ConfigParser(interpolation=None, strict=False)
            parser.read_string(text)
            add(app, parser.get("options", "install_requires", fallback="").splitlines())
        elif base == "setup.py":
            _setup(app, text)
        else:
            _requirements(app, path, text, depth)
    except (ValueError, AttributeError, TypeError, configparser.Error, RecursionError):
        app.tree.unread.append(f"{path}: no list of packages that can be read")


def _requirements(app: App, path: str, text: str, depth: int) -> None:
    folder = path.rpartition("/")[0]
    for line in text.splitlines():
        include = re.match(r"\s*(?:-r|--requirement)[\s=]*(\S+)", line)
        if include and depth < 5:
            inner = f"{folder}/{include[1]}".lstrip("/").replace("/./", "/")
            read(app, inner.removeprefix("./"), depth + 1)
        elif re.match(r"\s*(-e\s+)?\.(\[|\s|$)", line) and depth < 5:
            read(app, "pyproject.toml" if "pyproject.toml" in app.tree.files else "setup.py", depth + 1)
        else:
            add(app, [line])


def _project(app: App, data: dict[str, Any]) -> None:
    listed = data.get("project", {})
    add(app, listed.get("dependencies", []))
    poetry = data.get("tool", {}).get("poetry", {}).get("dependencies", {})
    add(
        app,
        [
            name
            for name, said in poetry.items()
            if name != "python" and not (isinstance(said, dict) and said.get("optional"))
        ],
    )
    if "dependencies" in listed.get("dynamic", []):
        said = data.get("tool", {}).get("setuptools", {}).get("dynamic", {}).get("dependencies", {}).get("file", [])
        for name in [said] if isinstance(said, str) else said:
            read(app, name, 1)
        if "setup.py" in app.tree.files and not said:
            read(app, "setup.py", 1)


def _setup(app: App, text: str) -> None:
    """Add what setup.py gives as install_requires: a list, or a file that it reads."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    module = next((one for one in app.tree.all if one.path == "setup.py"), None)
    found: list[str] = []
    for node in ast.walk(tree):
        value = argument(node, -1, "install_requires") if isinstance(node, ast.Call) else None
        if isinstance(value, ast.Name):
            assigned = [one.value for one in ast.walk(tree) if isinstance(one, ast.Assign)
                        and any(isinstance(t, ast.Name) and t.id == value.id for t in one.targets)]  # fmt: skip
            value = assigned[0] if assigned else None
        if isinstance(value, (ast.List, ast.Tuple)):
            found += [one.value for one in value.elts if isinstance(one, ast.Constant) and isinstance(one.value, str)]
    add(app, found)
    if not found and module is not None:
        for name in re.findall(r"[\"']([\w./-]*require[\w./-]*\.(?:txt|in))[\"']", text):
            read(app, name.removeprefix("./"), 1)


def add(app: App, lines: list[str]) -> None:
    """Add the packages of requirement lines; those that only another system or an extra has are left out."""
    for line in lines:
        match = LINE.match(str(line).split("#")[0])
        if match and not re.search(
            r"extra\s*==|sys_platform\s*==\s*['\"](win|darwin)|platform_system\s*==\s*['\"](Win|Dar)", str(line)
        ):
            app.packages.setdefault(project.normalised(match[1]), match[2] or "")


def _python(app: App) -> None:
    """Suggest a Python that only a Dockerfile names: Slipway reads the other files by itself."""
    for path in app.tree.called("dockerfile"):
        match = re.search(
            r"^\s*FROM\s+(?:--\S+\s+)?(?:\S+/)?python:(3\.\d+)", app.tree.text(path), re.MULTILINE | re.IGNORECASE
        )
        said = any((app.tree.root / name).is_file() and name in app.tree.files for name, _, _ in versions.WISHES)
        if match and not said:
            app.say(
                "python", match[1], f"{path} FROM python:{match[1]}; without this line, the distribution's", off=True
            )
            return


def system(app: App) -> None:
    """Say `system_packages` for what is compiled or calls a program, and what the sandbox must open."""
    _add(app, BUILT, ["build-essential", "python3-dev"])
    _add(app, RUN, [])
    for name, need in (("playwright", "browser"), ("selenium", "browser"), ("pyppeteer", "browser"), ("numba", "runtime_code"),
                       ("torch", "runtime_code")):  # fmt: skip
        if app.has(name) and app.imports(name):
            app.also("sandbox", need, True, f"{name}, {app.imports(name)}")
    if app.has("psutil") and (where := metrics(app)):
        app.also("sandbox", "host_metrics", True, f"psutil, {where}")


def _add(app: App, table: Packages, compiler: list[str]) -> None:
    for package, needed in table.items():
        if package not in app.packages:
            continue
        modules = needed.modules
        where = app.imports(*modules) if modules else ""
        if modules and not where:
            continue
        for name in [*compiler, *needed.system]:
            app.more("system_packages", name, f"{package} {needed.why}")


def metrics(app: App) -> str:
    """Return where the app asks psutil for something of the host, "" when it only looks at its own process."""
    for module in app.tree.modules:
        for node in module.nodes:
            name = called(module, node)
            if name.startswith("psutil.") and not re.search(r"Process$|pid_exists|Error|NoSuch", name):
                return module.where(node)
    return ""
