# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""How settings reach the app: where each is set, a settings file of one's own, the secret key."""

from __future__ import annotations

import ast
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from describe import settings
from describe.app import App
from describe.code import SOURCE, argument, dotted, inside, text
from describe.settings import Read
from describe.tree import Module


@dataclass(frozen=True, eq=False)
class Set:
    """A place where the app gives a setting of Flask's a value."""

    key: str
    module: Module
    node: ast.AST
    value: ast.expr

    @property
    def where(self) -> str:
        return self.module.where(self.value)


@cache
def reads_by_node(app: App) -> dict[int, Read]:
    return {id(read.node): read for read in settings.reads(app)}


@cache
def reads_by_name(app: App) -> dict[tuple[str, str], Read]:
    """Return the reads that a name is assigned: (path of the module, name) -> the read."""
    found: dict[tuple[str, str], Read] = {}
    for read in settings.reads(app):
        made = next((above for above in read.module.above(read.node) if isinstance(above, ast.Assign)), None)
        if made and dotted(made.targets[0]):
            found.setdefault((read.module.path, dotted(made.targets[0])), read)
    return found


@cache
def sets(app: App) -> list[Set]:
    """Return every place where a setting in capitals gets its value, those for production first."""
    found = [one for module in app.tree.modules for node in module.nodes for one in _set(module, node)]

    def rank(one: Set) -> tuple[bool, bool]:
        names = [
            scope.name for scope in one.module.above(one.node) if isinstance(scope, (ast.ClassDef, ast.FunctionDef))
        ]
        names.append(one.module.path)
        return any(settings.ELSEWHERE.search(name) for name in names), not any("rod" in name for name in names)

    return sorted(found, key=rank)


def _set(module: Module, node: ast.AST) -> Iterator[Set]:
    if isinstance(node, ast.Assign):
        for target in node.targets:
            if isinstance(target, ast.Name) and settings.NAME.fullmatch(target.id):
                yield Set(target.id, module, node, node.value)
            elif isinstance(target, ast.Subscript) and dotted(target.value).endswith("config") and text(target.slice):
                yield Set(text(target.slice), module, node, node.value)
            elif isinstance(target, ast.Attribute) and target.attr == "secret_key":
                yield Set("SECRET_KEY", module, node, node.value)
    elif (
        isinstance(node, ast.AnnAssign)
        and isinstance(node.target, ast.Name)
        and node.value
        and settings.NAME.fullmatch(node.target.id)
    ):
        yield Set(node.target.id, module, node, node.value)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        if node.func.attr in ("from_mapping", "update") or dotted(node.func).endswith("config.update"):
            for keyword in node.keywords:
                if keyword.arg and settings.NAME.fullmatch(keyword.arg):
                    yield Set(keyword.arg, module, node, keyword.value)
        if (
            node.func.attr == "setdefault"
            and len(node.args) == 2
            and "config" in dotted(node.func)
            and text(node.args[0])
        ):
            yield Set(text(node.args[0]), module, node, node.args[1])
    elif isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            if key is not None and settings.NAME.fullmatch(text(key)):
                yield Set(text(key), module, node, value)


def of(app: App, *keys: str) -> list[Set]:
    """Return where one of these settings gets its value."""
    return [one for one in sets(app) if one.key in keys]


def variable(app: App, one: Set) -> Read | None:
    """Return the environment variable that a setting's value comes from, None for none."""
    reads = reads_by_node(app)
    found = next((reads[id(node)] for node in ast.walk(one.value) if id(node) in reads), None)
    # SECRET_KEY = key, where key = os.environ[...]
    return found or reads_by_name(app).get((one.module.path, dotted(one.value)))


def prefix(app: App) -> str | None:
    """Return the prefix of the variables that the app takes all its settings from, None when it does not."""
    for module in app.tree.modules:
        for node in module.nodes:
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr == "from_prefixed_env"
            ):
                said = argument(node, 0, "prefix")
                return f"{text(said) or 'FLASK'}_"
    return None


@dataclass(frozen=True)
class OwnFile:
    """A settings file that the app reads where it is there: its PATH, and the VARIABLE that names it, "" for none."""

    path: str
    variable: str
    where: str


@cache
def own_file(app: App) -> OwnFile | None:
    """Return the settings file in which somebody who runs the app says what is different there."""
    relative = any(
        isinstance(value := argument(node, -1, "instance_relative_config"), ast.Constant) and value.value is True
        for module in app.tree.modules for node in module.nodes if isinstance(node, ast.Call)
    )  # fmt: skip
    for module in sorted(
        app.tree.modules, key=lambda module: bool(re.search(r"cli|manage|__main__|command", module.path))
    ):
        for node in module.nodes:
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args):
                continue
            first = node.args[0]
            if node.func.attr == "from_envvar" and text(first):
                return OwnFile(f"{app.name}.cfg", text(first), module.where(node))
            if node.func.attr in ("from_pyfile", "from_file"):
                read = variable(app, Set("", module, node, first))
                if read:
                    return OwnFile(f"{app.name}.cfg", read.name, module.where(node))
                value = app.values.of(module, first)
                if not isinstance(value, str):
                    continue
                folder = "instance" if relative else module.path.rpartition("/")[0]
                path = inside(value if value.startswith("/") else f"{SOURCE}/{folder}/{value}")
                if path and path not in app.tree.files and node.func.attr == "from_pyfile":
                    return OwnFile(path, "", module.where(node))
    return None


def find(app: App) -> None:
    """Say what holds the key that signs sessions."""
    found = of(app, "SECRET_KEY")
    read = next((read for one in found if (read := variable(app, one))), None)
    read = read or next(
        (one for one in settings.reads(app) if one.name in ("SECRET_KEY", "FLASK_SECRET_KEY", "APP_SECRET_KEY")), None
    )
    start = prefix(app)
    key = secrets.token_hex(32)
    if read:
        app.secret(read.name, key, f"{read.where} signs sessions with it; fresh")
        if read.name != "SECRET_KEY":
            app.say("secret_key_variable", read.name, read.where)
        return
    if start is not None:
        app.secret(f"{start}SECRET_KEY", key, f"settings come from {start}…; fresh")
        app.say("secret_key_variable", f"{start}SECRET_KEY", f"app.config.from_prefixed_env takes {start}…")
        return
    own = own_file(app)
    if own:
        value = "SECRET_KEY = " + repr(key) + "\n"
        put_file(app, own, value)
        app.say("secret_key_variable", "", f"it is in {own.path}, {own.where}")
        return
    constant = next((one for one in found if isinstance(app.values.of(one.module, one.value), (str, bytes))), None)
    if constant:
        app.dangers.append(
            f"{constant.where} has the secret key in the code, so that who reads it can log in as anybody: "
            'SECRET_KEY = os.environ["SECRET_KEY"]'
        )
        app.say("secret_key_variable", "", f"{constant.where} has it in the code")
        return
    random = next((one for one in found if re.search(r"urandom|token_|uuid|random", ast.unparse(one.value))), None)
    if random:
        app.dangers.append(
            f"{random.where} makes a new secret key at each start and in each worker process, which logs everybody out: "
            'SECRET_KEY = os.environ["SECRET_KEY"]'
        )
    app.say("secret_key_variable", "", random.where if random else "nothing in the code sets SECRET_KEY")


def put_file(app: App, own: OwnFile, content: str) -> None:
    """Say a settings file with CONTENT, kept in the vault, and the variable that names it."""
    name = app.vaulted("settings", "")
    app.vault[name] += content
    app.also("files", own.path, "{{ " + name + " }}", f"{own.where} reads it: settings of this host")
    if own.variable:
        app.also("environment", own.variable, f"{{release_folder}}/src/{own.path}", own.where)
