# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What of the code is dangerous on the internet; each with its place and what to do."""

from __future__ import annotations

import ast
import re

from describe import config, settings
from describe.app import App
from describe.code import argument, at_import, called, dotted, is_main
from describe.routes import all_of

FORMS = re.compile(r"request\.(form|files|values)")


def find(app: App) -> None:
    """Collect the dangers."""
    at_start(app, str(app.value("wsgi") or ""))
    _debug(app)
    _cors(app)
    _csrf(app)
    _code(app)


def _debug(app: App) -> None:
    for one in config.of(app, "DEBUG", "TESTING"):
        value = app.values.of(one.module, one.value)
        names = [scope.name for scope in one.module.above(one.node) if isinstance(scope, ast.ClassDef)]
        aside = any(settings.ELSEWHERE.search(name) for name in [*names, one.module.path.rpartition("/")[2]])
        if value is True and not aside and not any(is_main(above) for above in one.module.above(one.node)):
            app.dangers.append(
                f"{one.where} switches {one.key} on: its error pages run anybody's code on the host; leave it out"
            )
            return
    for module in app.tree.modules:
        for node in module.nodes:
            if (
                isinstance(node, ast.Assign)
                and dotted(node.targets[0]).endswith("app.debug")
                and app.values.of(module, node.value) is True
            ):
                app.dangers.append(f"{module.where(node)} switches debugging on; leave it out")


def _cors(app: App) -> None:
    for module in app.tree.modules:
        for node in module.nodes:
            if isinstance(node, ast.Call) and re.search(
                r"(^|\.)CORS$|cross_origin$|cors\.init_app$", called(module, node)
            ):
                code = ast.unparse(node)
                if "origins" not in code or re.search(r"origins['\"]?\s*[:=]\s*\[?['\"]\*['\"]", code):
                    worse = ", with cookies" if "supports_credentials=True" in code else ""
                    app.dangers.append(
                        f"{module.where(node)} lets every other site read the answers (CORS *){worse}: name the origins"
                    )
                    return
            sockets = isinstance(node, ast.Call) and argument(node, -1, "cors_allowed_origins")
            if isinstance(sockets, ast.Constant) and sockets.value == "*":
                app.dangers.append(
                    f"{module.where(node)} lets every other site open sockets (cors_allowed_origins='*'): name the origins"
                )
                return


def _csrf(app: App) -> None:
    """Forms without a token: only where the app has sessions and takes forms."""
    if app.imports("flask_wtf", "flask_seasurf", "wtforms.csrf", "flask_security") or app.has(
        "flask-wtf", "flask-seasurf"
    ):
        return
    sessions = app.imports("flask_login") or any(
        isinstance(node, ast.Subscript) and dotted(node.value) == "session"
        for module in app.tree.modules
        for node in module.nodes
    )
    posts = next(
        (route for route in all_of(app) if route.function is not None and FORMS.search(ast.unparse(route.function))),
        None,
    )
    if sessions and posts:
        app.dangers.append(
            f"{posts.where} takes a form and nothing checks a CSRF token: CSRFProtect(app) of Flask-WTF does"
        )


def _code(app: App) -> None:
    for module in app.tree.modules:
        for node in module.nodes:
            name = called(module, node)
            if name == "render_template_string" or name == "flask.render_template_string":
                first = argument(node, 0, "source") if isinstance(node, ast.Call) else None
                if isinstance(first, ast.JoinedStr):
                    app.dangers.append(
                        f"{module.where(node)} puts values into a template's text, which runs what a visitor writes"
                    )
                    return
            if (
                name in ("pickle.loads", "yaml.load", "eval", "exec")
                and isinstance(node, ast.Call)
                and "request." in ast.unparse(node)
            ):
                app.dangers.append(f"{module.where(node)} gives what a visitor sends to {name}, which runs it")
                return


def at_start(app: App, entry: str) -> None:
    """Say what happens when the module of the entry is imported that should not."""
    seen: set[str] = set()
    waiting = [entry.partition(":")[0]]
    while waiting and len(seen) < 300:
        module = app.tree.by_name.get(waiting.pop())
        if module is None or module.path in seen:
            continue
        seen.add(module.path)
        for node in module.nodes:
            if isinstance(node, (ast.ImportFrom, ast.Import)) and at_import(module, node):
                base = [module.base(node)] if isinstance(node, ast.ImportFrom) else []
                waiting += [*base, *(f"{base[0]}.{one.name}" if base else one.name for one in node.names)]
            served = (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in ("run", "serve_forever")
            )
            if served and isinstance(node, ast.Call) and at_import(module, node):
                whose = called(module, node).rpartition(".")[0]
                if re.search(r"(^|\.)(app|application|socketio|server)$", whose) or argument(node, -1, "debug", "port"):
                    app.dangers.append(
                        f"{module.where(node)} runs {whose}.run() when it is imported, so no WSGI server gets further: put it "
                        'under `if __name__ == "__main__":`'
                    )
