# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What makes and changes the database's tables: `release_commands`."""

from __future__ import annotations

import ast
import re

from describe.app import App
from describe.code import argument, at_import, called, dotted, is_main, text
from describe.tree import Module


def find(app: App, default: bool) -> None:
    """Say `release_commands`: what makes and changes the tables. DEFAULT: Slipway runs `flask db upgrade` unless told."""
    migrate = app.imports("flask_migrate") if not app.imports("flask_migrate").startswith("manage.py") else ""
    scripts = [
        path.removesuffix("/env.py")
        for path in app.tree.files
        if path.endswith("/env.py") and f"{path[:-7]}/versions" in app.tree.folders
    ]
    scripts.sort(key=lambda path: path.count("/"))
    if itself := _upgrades(app):
        app.say("release_commands", [], f"{itself} brings the tables up to date whenever the app starts")
        return
    if migrate and scripts:
        folder = scripts[0]
        command = "flask db upgrade" + ("" if folder == "migrations" or _directory(app) else f" --directory {folder}")
        app.say(
            "release_commands",
            [command],
            f"{migrate} Flask-Migrate, revisions in {folder}/",
            off=default and command == "flask db upgrade",
        )
        return
    ini = next((path for path in app.tree.called("alembic.ini")), "")
    if scripts and ini and (app.has("alembic") or app.imports("alembic")):
        app.say(
            "release_commands",
            ["alembic upgrade head" if ini == "alembic.ini" else f"alembic -c {ini} upgrade head"],
            f"{ini}",
        )
        return
    command, where, once = _maker(app)
    if command:
        app.say("release_commands", [{"command": command, "once": True}] if once else [command], where)
    elif where:
        app.say("release_commands", [], where)
    elif default:
        app.say("release_commands", [], "no migrations are in the source, and nothing that makes the tables was found")


def _upgrades(app: App) -> str:
    """Return where the app runs its migrations by itself, "" when it does nowhere."""
    for module in app.tree.modules:
        for node in module.nodes:
            if called(module, node) in ("flask_migrate.upgrade", "alembic.command.upgrade"):
                scopes = [one for one in module.above(node) if isinstance(one, ast.FunctionDef)]
                if not any(is_main(one) for one in module.above(node)) and all(_in_factory(one) for one in scopes):
                    return module.where(node)
    return ""


def _directory(app: App) -> bool:
    """Tell whether the code itself names the folder of the migrations."""
    for module in app.tree.modules:
        for node in module.nodes:
            if isinstance(node, ast.Call) and argument(node, -1, "directory") is not None:
                name = called(module, node)
                if name.endswith("Migrate") or (name.endswith("init_app") and "migrat" in name.lower()):
                    return True
    return False


def _maker(app: App) -> tuple[str, str, bool]:
    """Return (command, where, once) of what makes the tables; "" for the command when the app does it by itself."""
    main: tuple[str, str, bool] = ("", "", False)
    for module in app.tree.all:
        if re.search(r"(^|/)(tests?|docs?|examples?)(/|_)", module.path):
            continue
        for node in module.nodes:
            if not _makes(node):
                continue
            scope = next((one for one in module.above(node) if isinstance(one, ast.FunctionDef)), None)
            command = of_flask(app, module, scope) if scope else ""
            if command:
                return f"flask {command}", f"{module.where(node)} makes the tables; once, since it may empty them", True
            if not any(is_main(one) for one in module.above(node)) and (
                at_import(module, node) or (scope and _in_factory(scope))
            ):
                return "", f"{module.where(node)} makes the tables when the app starts", False
            if any(is_main(one) for one in module.above(node)) and ast.unparse(node) == "db.create_all()":
                wsgi = str(app.value("wsgi") or "")
                name, _, made_by = wsgi.partition(":")
                if name == module.name and not made_by.endswith(")") and made_by.isidentifier():
                    code = f"from {name} import {made_by}, db; {made_by}.app_context().push(); db.create_all()"
                    main = (
                        f'python -c "{code}"',
                        f"{module.where(node)} makes them only under `python {module.path}`",
                        False,
                    )
    return main


def _makes(node: ast.AST) -> bool:
    """Tell whether NODE is a call that makes tables."""
    if not isinstance(node, ast.Call):
        return False
    schema = isinstance(node.func, ast.Attribute) and node.func.attr == "executescript"
    return schema or dotted(node.func).endswith((".create_all", ".create_tables"))


def _in_factory(scope: ast.FunctionDef) -> bool:
    return bool(re.search(r"create_app|make_app|init_app|register|setup|before_first|configure", scope.name))


def of_flask(app: App, module: Module, scope: ast.FunctionDef, depth: int = 0) -> str:
    """Return the command of Flask's that a function is, or that calls it, "" for none."""
    for decorator in scope.decorator_list:
        call = decorator if isinstance(decorator, ast.Call) else None
        name = dotted(call.func if call else decorator)
        if re.search(r"(^|\.)(cli\.)?command$", name):
            said = (text(argument(call, 0, "name")) if call else "") or scope.name.replace("_", "-").removesuffix(
                "-command"
            ).removesuffix("-cmd")
            group = _group(app, module, name)
            return "" if group is None else f"{group} {said}".strip()
    if registered := re.search(rf"cli\.command\(['\"]([\w-]+)['\"]\)\({scope.name}\)", module.text):
        return registered[1]
    if depth < 2:
        for other in app.tree.modules:
            for one in other.nodes:
                if (
                    isinstance(one, ast.FunctionDef)
                    and one is not scope
                    and any(
                        isinstance(inner, ast.Call) and dotted(inner.func).rpartition(".")[2] == scope.name
                        for inner in ast.walk(one)
                    )
                    and (found := of_flask(app, other, one, depth + 1))
                ):
                    return found
    return ""


def _group(app: App, module: Module, decorator_name: str) -> str | None:
    """Return the words before a command of `flask`, "" for none, None when it is no command of `flask`."""
    name = decorator_name.partition(".")[0]
    for node in module.nodes:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            if not any(re.search(rf"\.add_command\({name}\b|cli\.group", other.text) for other in app.tree.modules):
                return None  # a program of its own
            for decorator in node.decorator_list:
                if isinstance(decorator, ast.Call) and dotted(decorator.func).endswith("group"):
                    return text(argument(decorator, 0, "name")) or name.replace("_", "-")
        if (
            isinstance(node, ast.Assign)
            and dotted(node.targets[0]) == name
            and isinstance(node.value, ast.Call)
            and called(module, node.value).endswith(("Group", "Blueprint"))
        ):
            return text(argument(node.value, 0, "name"))
    return ""
