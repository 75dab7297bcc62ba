# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The pages that the app answers, and which of them tells whether it is well: `health_path`, `health_status`, `streaming`."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from describe.app import TODO, App
from describe.code import argument, called, dotted, full, text
from describe.tree import Module

HEALTH = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"/(\w+/)*_{0,2}(readyz|ready|readiness)_{0,2}/?",
        r"/(\w+/)*_{0,2}(healthz|health|health[-_/]?check|healthy)_{0,2}/?",
        r"/(\w+/)*_{0,2}(livez|live|liveness|alive|heartbeat|lbheartbeat)_{0,2}/?",
        r"/(api/|v\d+/|api/v\d+/)*_{0,2}(status|ping|up|version)_{0,2}/?",
    )
]
LOGIN = re.compile(
    r"login|auth|required|permission|protect|jwt|token|admin|role|logged|secure|private|restrict|acl|access"
)
METHODS = ("get", "post", "put", "delete", "patch")


@dataclass(frozen=True, eq=False)
class Route:
    """A rule: its whole PATH, whether GET is answered, whether a login stands before it, what answers."""

    path: str
    get: bool
    guarded: bool
    where: str
    function: ast.AST | None

    @property
    def redirects(self) -> bool:
        """Whether the page does nothing but send its visitor elsewhere."""
        body = [
            one
            for one in getattr(self.function, "body", [])
            if not (isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant))
        ]
        last = body[-1] if body else None
        return (
            isinstance(last, ast.Return)
            and last.value is not None
            and len(body) < 4
            and "redirect(" in ast.unparse(last.value)
        )


@cache
def all_of(app: App) -> list[Route]:
    """Return every rule that decorators and `add_url_rule` give."""
    blueprints, guards = _blueprints(app), _guards(app)
    found: list[Route] = []
    for module in app.tree.modules:
        for node in module.nodes:
            for owner, path, get, function in _rules(module, node):
                name = (
                    f"{module.name}.{owner}"
                    if owner and owner not in module.aliases
                    else module.aliases.get(owner, owner)
                )
                start = blueprints.get(name, blueprints.get(f"{module.name}.{owner}", ""))
                decorators = getattr(function, "decorator_list", [])
                names = [dotted(one.func if isinstance(one, ast.Call) else one) for one in decorators]
                guarded = any(LOGIN.search(one.lower()) for one in names) or name in guards
                found.append(
                    Route(
                        (start.rstrip("/") + "/" + path.lstrip("/")) if start else path,
                        get,
                        guarded,
                        module.where(node),
                        function,
                    )
                )
    return found


def _rules(module: Module, node: ast.AST) -> Iterator[tuple[str, str, bool, ast.AST | None]]:
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        for decorator in node.decorator_list:
            if not isinstance(decorator, ast.Call) or not isinstance(decorator.func, ast.Attribute):
                continue
            method, path = decorator.func.attr, text(argument(decorator, 0, "rule", "path"))
            if path.startswith("/") and method in ("route", "expose", *METHODS):
                said = argument(decorator, -1, "methods")
                yield (
                    dotted(decorator.func.value),
                    path,
                    method in ("route", "get", "expose") and (said is None or "GET" in ast.unparse(said)),
                    node,
                )
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "add_url_rule":
        path, view = text(argument(node, 0, "rule")), argument(node, 2, "view_func")
        said = argument(node, -1, "methods")
        function = next(
            (
                one
                for one in module.nodes
                if isinstance(one, ast.FunctionDef) and isinstance(view, ast.Name) and one.name == view.id
            ),
            None,
        )
        if path.startswith("/"):
            yield dotted(node.func.value), path, said is None or "GET" in ast.unparse(said), function
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "add_resource":
        for one in node.args[1:]:
            if text(one).startswith("/"):
                yield dotted(node.func.value), text(one), True, None


def _blueprints(app: App) -> dict[str, str]:
    """Return the URL below which each blueprint's rules are, by the blueprint's dotted name."""
    found: dict[str, str] = {}
    registered: dict[str, str] = {}
    for module in app.tree.modules:
        for node in module.nodes:
            if (
                isinstance(node, ast.Assign)
                and re.search(r"Blueprint$|Namespace$", called(module, node.value))
                and isinstance(node.value, ast.Call)
            ):
                found[f"{module.name}.{dotted(node.targets[0])}"] = text(argument(node.value, -1, "url_prefix"))
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr == "register_blueprint"
                and node.args
            ):
                said = argument(node, 1, "url_prefix")
                name = full(module, node.args[0])
                name = name if name in module.aliases.values() or "." in name else f"{module.name}.{name}"
                if said is not None:
                    value = app.values.of(module, said)
                    registered[name] = value if isinstance(value, str) else f"/<{ast.unparse(said)[:20]}>"
    return {**found, **registered}


@cache
def _guards(app: App) -> set[str]:
    """Return the dotted names of blueprints (and "" for the app) whose pages all ask for a login first."""
    found = set()
    for module in app.tree.modules:
        for node in module.nodes:
            if not isinstance(node, ast.FunctionDef):
                continue
            for decorator in node.decorator_list:
                owner, _, kind = dotted(decorator.func if isinstance(decorator, ast.Call) else decorator).rpartition(
                    "."
                )
                if kind not in ("before_request", "before_app_request"):
                    continue
                code = ast.unparse(node)
                if re.search(r"login|unauthorized|abort\(40[13]\)|is_authenticated", code) and re.search(
                    r"redirect\(|abort\(|return ", code
                ):
                    found.add(
                        ""
                        if kind == "before_app_request" or owner in ("app", "application")
                        else f"{module.name}.{owner}"
                    )
    return found


def find(app: App) -> None:
    """Say which page tells that the app is well."""
    routes = [route for route in all_of(app) if route.get and "<" not in route.path]
    everywhere = "" in _guards(app)
    for pattern in HEALTH:
        for route in routes:
            if pattern.fullmatch(route.path) and not route.guarded:
                app.say("health_path", route.path, f"{route.where}, no login")
                if route.redirects:
                    app.say("health_status", [200, 302], "it redirects")
                return
    _page(app, routes, everywhere)


def _page(app: App, routes: list[Route], everywhere: bool) -> None:
    """Say a page of the app's own, where it has none for its health."""
    first = next((route for route in routes if route.path == "/" and not route.guarded), None) or next(
        (route for route in routes if route.path == "/"), None
    )
    login = next(
        (route for route in routes if re.fullmatch(r"/(\w+/)*(log-?in|sign-?in)/?", route.path) and not route.guarded),
        None,
    )
    if first and not first.guarded and not everywhere:
        app.say("health_path", "/", f'{first.where}; no page for its health, say @app.get("/healthz")', off=True)
        body = ast.unparse(first.function) if first.function else ""
        if "redirect(" in body:
            app.say("health_status", [200, 302], f"{first.where} may redirect")
    elif login:
        app.say("health_path", login.path, f"{login.where}; / asks for a login")
    elif first or everywhere:
        app.say("health_path", "/", "it asks for a login; no page for its health")
        app.say("health_status", [200, 302, 401], f"{first.where if first else 'before_request'} sends to the login")
    elif other := next(
        (route for route in routes if not route.guarded and not re.search(r"logout|delete|reset", route.path)), None
    ):
        app.say("health_path", other.path, f"{other.where}; nothing answers at /")
    elif all_of(app):
        app.say(
            "health_path",
            f"{TODO}: a page that answers 200 without a login",
            "no page without arguments or a login was found",
        )
    else:
        app.say("health_path", "/", "no routes were found; it may answer otherwise", off=True)


def streaming(app: App) -> None:
    """Say the paths of event streams and WebSockets."""
    for route in all_of(app):
        if route.function is not None and "event-stream" in ast.unparse(route.function):
            app.more(
                "streaming", re.sub(r"<.*", "", route.path).rstrip("/") or "/", f"{route.where} is an event stream"
            )
    if app.has("flask-sock") or app.imports("flask_sock"):
        for route in all_of(app):
            decorators = [ast.unparse(one) for one in getattr(route.function, "decorator_list", [])]
            if any(one.startswith("sock") for one in decorators):
                app.more(
                    "streaming", re.sub(r"<.*", "", route.path).rstrip("/") or "/", f"{route.where} is a WebSocket"
                )
