# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The WSGI entry: what the source's own files name, else the module that makes an app; whatever is named must be there."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from describe.app import TODO, App
from describe.code import at_import, bound, called, full, text
from describe.commands import words
from describe.tree import ASIDE, Module

FLASK = re.compile(
    r"(^|\.)(Flask|Quart|FastAPI|Starlette|OpenAPI|APIFlask|Eve|connexion\.(App|FlaskApp|AsyncApp)|FlaskApp|Sanic)$"
)
ASGI = re.compile(r"\b(Quart|FastAPI|Starlette|Sanic|WsgiToAsgi|AsyncApp)\s*\(")
FACTORY = re.compile(
    r"^_?(create|make|build|get|init|setup)_?(flask_?|wsgi_?|web_?)?(app|application|server)$|^(app_factory|create)$"
)
OBJECTS = ("app", "application", "wsgi", "server", "wsgi_app", "webapp", "web_app", "flask_app", "api")
SERVED = re.compile(r"(?P<module>[A-Za-z_][\w.]*?)(?:\.py)?:(?P<object>[A-Za-z_][\w.]*)(?P<call>\([^)]*\))?")
Candidate = tuple[str, str]
"""(entry, why)"""


def find(app: App) -> None:
    """Say `wsgi`."""
    missing = []
    for entry, why in [*named(app), *inferred(app)]:
        entry, problem = checked(app, entry)
        if not problem:
            app.say("wsgi", entry, why)
            say_kind(app, entry)
            return
        missing.append(f"{entry} ({why}) {problem}")
    tried = "; ".join(missing[:2])
    django = " It looks like a Django project." if "manage.py" in app.tree.files and app.has("django") else ""
    app.say(
        "wsgi", f"{TODO}: module:app or package:create_app()", f"no module makes a WSGI app.{django} {tried}".strip()
    )


def say_kind(app: App, entry: str) -> None:
    """Say `worker_class` of an ASGI app."""
    module = app.tree.by_name.get(entry.partition(":")[0])
    if module and (made := ASGI.search(app.tree.text(module.path))):
        app.say("worker_class", "asgi", f"{module.path} {made[1]}")


def named(app: App) -> Iterator[Candidate]:
    """Yield what the source's own files name."""
    for process, command, where in app.commands:
        if process in ("", "web", "app", "server", "flask", "backend", "api") or "gunicorn" in command:
            yield from ((entry, where) for entry in of_command(command))
    for path in app.tree.called("gunicorn.conf.py", "gunicorn_config.py", "gunicorn.py"):
        match = re.search(r"^\s*wsgi_app\s*=\s*[\"']([^\"']+)[\"']", app.tree.text(path), re.MULTILINE)
        if match:
            yield match[1], f"{path} wsgi_app"
    for path in app.tree.called("uwsgi.ini", "wsgi.ini", "app.ini"):
        found = dict(re.findall(r"^\s*(module|wsgi|wsgi-file|callable)\s*=\s*(\S+)", app.tree.text(path), re.MULTILINE))
        module = (
            found.get("module") or found.get("wsgi") or found.get("wsgi-file", "").removesuffix(".py").replace("/", ".")
        )
        if module:
            yield module if ":" in module else f"{module}:{found.get('callable', 'application')}", path
    for path in (".flaskenv", ".env", ".env.example", ".env.sample"):
        match = re.search(r"^\s*(?:export\s+)?FLASK_APP\s*=\s*[\"']?([^\s\"'#]+)", app.tree.text(path), re.MULTILINE)
        if match:
            yield from ((entry, f"{path} FLASK_APP") for entry in of_flask(app, match[1]))
    yield from of_project(app)


def of_command(command: str) -> list[str]:
    """Return the entries that a command line of a WSGI server names."""
    given = words(command)
    if not given:
        return []
    program = given[0].rpartition("/")[2]
    if program == "flask":
        return []
    if not re.search(r"gunicorn|waitress|uwsgi|hypercorn|uvicorn|python", " ".join(given[:4])):
        return []
    chdir = next((re.sub(r"^--chdir=?", "", " ".join(given[i : i + 2]) if word == "--chdir" else word).strip()
                  for i, word in enumerate(given) if word.startswith("--chdir")), "")  # fmt: skip
    found = []
    for word in given[1:]:
        word = re.sub(r"^--(call|module|wsgi)=", "", word)
        match = SERVED.fullmatch(word.replace(" ", ""))
        if match and not word.startswith("-") and not re.match(r"^[\w.-]+:\d+$", word):
            found.append(f"{match['module']}:{match['object']}{match['call'] or ''}")
        elif program == "gunicorn" and re.fullmatch(r"[A-Za-z_][\w.]*", word) and word == given[-1]:
            found.append(f"{word}:application")
    prefix = chdir.strip("./").replace("/", ".")
    return [*found, *(f"{prefix}.{one}" for one in found if prefix)]


def of_flask(app: App, said: str) -> Iterator[str]:
    """Yield the entries that FLASK_APP may mean (flask.cli.locate_app)."""
    said = said.removeprefix("./")
    module, _, name = said.partition(":")
    module = re.sub(r"(/__init__)?\.py$", "", module).replace("/", ".").rstrip(".")
    if name:
        yield f"{module}:{name}"
        return
    inside = app.tree.by_name.get(module)
    yield from of_module(app, inside) if inside else ()


def of_project(app: App) -> Iterator[Candidate]:
    """Yield what pyproject.toml or setup.cfg registers as an app's entry."""
    for path in ("pyproject.toml", "setup.cfg", "setup.py"):
        match = re.search(
            r"(?:paste\.app_factory|wsgi_app|flask\.app)[^\n]*\n?[^\n]*?=\s*[\"']?([\w.]+:\w+)", app.tree.text(path)
        )
        if match:
            yield match[1], path


def inferred(app: App) -> list[Candidate]:
    """Return the entries of modules that make an app, the likeliest first."""
    found: list[tuple[int, Candidate]] = []
    for module in app.tree.all:
        if ASIDE.search(module.path) and module.path.count("/"):
            continue
        base = module.path.rpartition("/")[2]
        for rank, entry in enumerate(of_module(app, module)):
            why = f"{module.path}:{line_of(module, entry)}"
            score = {
                "wsgi.py": 0,
                "app.py": 4,
                "main.py": 5,
                "run.py": 5,
                "application.py": 5,
                "passenger_wsgi.py": 40,
            }.get(base, 6 if entry.endswith(")") else 8)
            if entry.endswith((":application", ":app")) and made_by_factory(module, entry):
                score -= 14  # it knows the factory's arguments
            score += 10 * module.path.removeprefix(app.tree.home).count("/") - (10 if module.package else 0) + rank
            score += (
                30
                if re.search(
                    r"dev|debug|local|test|example|manage|cli|create_?db|init_?db|seed|populate|script|worker|task|celery|worker|make_celery",
                    module.path,
                )
                else 0
            )
            found.append((score, (entry, f"{why} {'makes the app' if not entry.endswith(')') else 'is its factory'}")))
    return [candidate for _, candidate in sorted(found, key=lambda one: one[0])]


def made_by_factory(module: Module, entry: str) -> bool:
    """Tell whether an object is what a function of the app's returns, not a bare one that something must finish."""
    value = getattr(bound(module).get(entry.partition(":")[2]), "value", None)
    return isinstance(value, ast.Call) and not FLASK.search(called(module, value))


def line_of(module: Module, entry: str) -> int:
    name = re.sub(r"\(.*", "", entry.partition(":")[2]).partition(".")[0]
    return getattr(bound(module).get(name), "lineno", 1)


def of_module(app: App, module: Module) -> list[str]:
    """Return the entries of a module: objects that are made when it is imported, then factories."""
    objects, factories = [], []
    for name, node in bound(module).items():
        if (
            isinstance(node, (ast.Assign, ast.AnnAssign))
            and isinstance(node.value, ast.Call)
            and makes_app(app, module, node.value)
            or isinstance(node, (ast.Assign, ast.AnnAssign))
            and name in ("application", "wsgi_app")
            and at_import(module, node)
            or isinstance(node, ast.ImportFrom)
            and name in ("app", "application")
            and re.search(r"(^|/)wsgi\.py$", module.path)
        ):
            objects.append(name)
        elif isinstance(node, ast.FunctionDef):
            wsgi = [one.arg for one in node.args.args][:2] in (["environ", "start_response"], ["env", "start_response"])
            if wsgi:
                objects.append(name)
            elif is_factory(module, node):
                factories.append(name + call(app, module, node))
    objects.sort(key=lambda name: OBJECTS.index(name) if name in OBJECTS else len(OBJECTS))
    factories.sort(key=lambda name: not FACTORY.match(name.partition("(")[0]))
    bare = [
        name
        for name in objects
        if FLASK.search(called(module, getattr(bound(module)[name], "value", None) or ast.Pass()))
    ]
    if bare and factories and factories[0].startswith("create_app"):  # which finishes the bare object
        objects = [name for name in objects if name not in bare]
    return [f"{module.name or '__init__'}:{name}" for name in [*objects, *factories]]


def makes_app(app: App, module: Module, value: ast.Call) -> bool:
    """Tell whether a call makes a WSGI app: Flask's class, one of the app's that is derived from it, or a factory."""
    name = called(module, value)
    last = name.rpartition(".")[2]
    return bool(FLASK.search(name) or FACTORY.match(last) or derived(app, name))


def derived(app: App, name: str, depth: int = 0) -> bool:
    package, _, last = name.rpartition(".")
    module = app.tree.by_name.get(package)
    made = bound(module).get(last) if module else None
    if not module or not isinstance(made, ast.ClassDef) or depth > 5:
        return False
    return any(FLASK.search(full(module, base)) or derived(app, full(module, base), depth + 1) for base in made.bases)


def is_factory(module: Module, node: ast.FunctionDef) -> bool:
    """Tell whether a function makes an app and returns it."""
    returned = [one for one in ast.walk(node) if isinstance(one, ast.Return) and one.value is not None]
    made = any(FLASK.search(called(module, one)) for one in ast.walk(node) if isinstance(one, ast.Call))
    hint = node.returns is not None and bool(FLASK.search(full(module, node.returns)))
    return bool(returned) and (made or hint or bool(FACTORY.match(node.name)))


def call(app: App, module: Module, node: ast.FunctionDef) -> str:
    """Return the arguments for a factory: none where it needs none, else the name of its production settings."""
    needed = node.args.args[: len(node.args.args) - len(node.args.defaults)]
    needed += [one for one, default in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True) if default is None]
    if not needed:
        return "()"
    if len(needed) == 1 and re.search(r"config|env|settings|mode|name", needed[0].arg):
        for other in app.tree.modules:
            for one in other.nodes:
                if isinstance(one, ast.Dict):
                    keys = [text(key) for key in one.keys if key is not None]
                    production = next((key for key in keys if re.fullmatch(r"(?i)prod(uction)?", key)), "")
                    if production and len(keys) > 1:
                        return f"({production!r})".replace('"', "'")
    return f"({', '.join(f'{TODO}_{one.arg}' for one in needed)})"


def checked(app: App, entry: str) -> tuple[str, str]:
    """Return an entry as Slipway takes it, and why it can't be one, "" if it can."""
    module_name, _, name = entry.partition(":")
    module = app.tree.by_name.get(module_name) or app.tree.by_name.get(module_name.removeprefix("src."))
    if module is None:
        return entry, "is not in the source"
    first = re.sub(r"\(.*", "", name).partition(".")[0]
    made = bound(module).get(first)
    if made is None:
        return entry, f"has no {first}"
    if isinstance(made, ast.FunctionDef) and not name.endswith(")") and is_factory(module, made):
        name += call(app, module, made)
    return f"{module.name or '__init__'}:{name}", "" if f"{TODO}_" not in name else "needs arguments that only you know"
