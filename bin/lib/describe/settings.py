# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Environment variables that the app reads: which must be set, which have a default, which are secret."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from describe.app import App
from describe.code import UNKNOWN, argument, called, dotted, full, is_main, text
from describe.tree import Module

NAME = re.compile(r"[A-Z_][A-Z0-9_]{1,80}")
SECRET = re.compile(
    r"(SECRET|PASSWORD|PASSWD|PASSPHRASE|TOKEN|SALT|CREDENTIAL|PRIVATE|_DSN$|(API|ACCESS|ENCRYPTION|FERNET|SIGNING|AUTH|LICENSE)_?KEY|_PASS$"
    r"|_PW$|_PWD$|^SENTRY|WEBHOOK)"
)
NOT_SECRET = re.compile(
    r"(EXPIRE|LIFETIME|MAX_AGE|TTL|_LENGTH|_ROUNDS|_URL_PATH|TIMEOUT|_NAME$|_FILE$|_PATH$|ALGORITHM|ENABLE|_HEADER|COOKIE_|LOCATION|RATE)"
)
SIGNING = re.compile(
    r"^(?!(AWS|STRIPE|GOOGLE|GITHUB|TWITTER|FACEBOOK|OAUTH|RECAPTCHA|HCAPTCHA|TURNSTILE|SLACK|DISCORD|TWILIO|S3|MINIO|AZURE|PAYPAL|PLAID)"
    r").*?((SECRET_?KEY|SALT|CSRF_SECRET|SESSION_SECRET|COOKIE_SECRET|JWT_SECRET|APP_SECRET|SIGNING_KEY|SECRET_TOKEN)|^SECRET)$"
)
GIVEN = re.compile(
    r"(PATH|HOME|USER(NAME)?|LOGNAME|SHELL|TZ|LANG(UAGE)?|LC_\w+|PWD|TMP|TEMP|TMPDIR|HOSTNAME|PORT|HOST|BIND|TERM|COLUMNS|EDITOR|NO_COLOR"
    r"|VIRTUAL_ENV|PYTHON\w*|FLASK_(APP|ENV|DEBUG|RUN_\w+|SKIP_DOTENV)|DEBUG|WERKZEUG_\w+|XDG_\w+|CI|DYNO|GITHUB_\w+|PYTEST_\w+|VERCEL\w*"
    r"|KUBERNETES_\w+|APPDATA|LOCALAPPDATA|PROGRAM\w*|USERPROFILE|COMPUTERNAME|SYSTEMROOT|SUDO_\w+|DISPLAY|SERVER_SOFTWARE|GUNICORN_\w+"
    r"|WEB_CONCURRENCY|RELEASE_ID|REVISION|(HTTPS?|NO|ALL)_PROXY|SSL_CERT_\w+|REQUESTS_CA_BUNDLE|INVOCATION_ID|JOURNAL_STREAM|NOTIFY_SOCKET"
    r"|LISTEN_\w+|HTTP_\w+|PATH_INFO|SCRIPT_NAME|REQUEST_\w+|SERVER_\w+|REMOTE_\w+|QUERY_STRING|CONTENT_(TYPE|LENGTH)|HEROKU_\w+|RENDER\w*|FLY_\w+|COVERAGE_\w+|BUILD\w*|READTHEDOCS|SNAP\w*|APPIMAGE|DOCKER\w*|FLATPAK\w*)"
)
"""What the host, systemd, gunicorn, Slipway or a shell sets, or only other places than a server do."""
PLUGIN = re.compile(r"(^|/)(plugins?|providers?|extensions|integrations?|backends?|notifiers?|drivers?)/"
                    r"|(^|/)(_?cli|manage|commands?|admin_tools?)(\.py$|/)")  # fmt: skip
"""Parts that only some hosts use, and commands: what they need is no must."""
ELSEWHERE = re.compile(r"(?i)(^|_)(dev|test|local|debug|staging)|develop|testing|^CI")


@dataclass(frozen=True, eq=False)
class Read:
    """A variable that the code reads. DEFAULT is UNKNOWN without one or when it can't be told."""

    name: str
    where: str
    default: Any
    required: bool
    module: Module
    node: ast.AST


@cache
def reads(app: App) -> list[Read]:
    """Return every read of a variable with a known name, in the order of the files."""
    found: list[Read] = []
    helpers = _helpers(app)
    for module in app.tree.modules:
        here: list[Read] = []
        if not re.search(r"environ|getenv|[Ee]nv\b|BaseSettings|decouple", module.text) and not any(
            name in module.text for name in helpers
        ):
            continue
        environs = {
            name
            for name, meant in module.aliases.items()
            if meant in ("environs.Env", "environ.Env", "decouple.config")
        }
        for node in module.nodes:
            here += _read(app, module, node, helpers, environs)
        found += sorted(here, key=lambda read: getattr(read.node, "lineno", 0))
    return [one for one in found if NAME.fullmatch(one.name)]


def is_environ(module: Module, node: ast.AST) -> bool:
    """Tell whether an expression is the environment, under whatever name."""
    name = full(module, node)
    return name in ("os.environ", "os.environb", "environ") or (bool(name) and dotted(node) in environments(module))


@cache
def environments(module: Module) -> set[str]:
    """Return the names that stand for os.environ."""
    return {
        dotted(one.targets[0])
        for one in module.nodes
        if isinstance(one, ast.Assign) and full(module, one.value).startswith("os.environ")
    } - {""}


def getter(module: Module, node: ast.AST) -> tuple[ast.expr | None, bool]:
    """Return the name's expression that a node reads from the environment, and whether it must be there."""
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load) and is_environ(module, node.value):
        return node.slice, True
    if isinstance(node, ast.Call):
        if called(module, node) in ("os.getenv", "os.environ.get", "os.environ.pop", "os.environ.setdefault"):
            return argument(node, 0, "key"), False
        if (
            isinstance(node.func, ast.Attribute)
            and node.func.attr in ("get", "pop")
            and is_environ(module, node.func.value)
        ):
            return argument(node, 0, "key"), False
    return None, False


def _helpers(app: App) -> dict[str, tuple[bool, int]]:
    """Return functions that read the variable that their first argument names: name -> must it be there, place of its default."""
    found: dict[str, tuple[bool, int]] = {}
    for module in app.tree.modules:
        for node in module.nodes:
            name, required = getter(module, node)
            if not isinstance(name, ast.Name):
                continue
            for one in module.above(node):
                if isinstance(one, ast.FunctionDef):
                    given = [arg.arg for arg in one.args.args if arg.arg not in ("self", "cls")]
                    if given[:1] == [name.id]:
                        place = next(
                            (number for number, arg in enumerate(given) if re.match("default|fallback|value", arg)), -1
                        )
                        found[one.name] = (required and len(given) < 2, place)
                    break
    return found


def _read(
    app: App, module: Module, node: ast.AST, helpers: dict[str, tuple[bool, int]], environs: set[str]
) -> Iterator[Read]:
    name, required = getter(module, node)
    default: Any = UNKNOWN
    if isinstance(node, ast.Call):
        default_node = argument(node, 1, "default")
        if name is None and node.args:
            last = called(module, node).rpartition(".")[2]
            first = dotted(node.func).partition(".")[0]
            if last in helpers and NAME.fullmatch(text(node.args[0])):
                needed, place = helpers[last]
                default_node = argument(node, place, "default", "fallback")
                name, required = node.args[0], needed and default_node is None
            elif first in environs or _is_env_object(module, first, environs):
                name, required = (
                    node.args[0],
                    default_node is None and not any(k.arg == "default" for k in node.keywords),
                )
        if default_node is not None:
            default = app.values.of(module, default_node)
    if isinstance(node, ast.ClassDef) and any(full(module, base).endswith("BaseSettings") for base in node.bases):
        yield from _pydantic(app, module, node)
    if name is None or not text(name):
        return
    where = module.where(node)
    if default is UNKNOWN:
        default = _other_default(app, module, node)
    if default is not UNKNOWN or optional(module, node):
        required = False
    elif not required:
        required = refused(module, node)
    yield Read(text(name), where, default, required and not aside(module, node), module, node)


def _is_env_object(module: Module, name: str, environs: set[str]) -> bool:
    return bool(environs and name) and any(
        isinstance(one, ast.Assign) and dotted(one.targets[0]) == name and isinstance(one.value, ast.Call)
        and dotted(one.value.func).partition(".")[0] in environs
        for one in module.nodes
    )  # fmt: skip


def _other_default(app: App, module: Module, node: ast.AST) -> Any:
    """Return the value after `or`, or the one that a wrapping conversion makes no difference to."""
    for one in module.above(node)[:4]:
        if isinstance(one, ast.BoolOp) and isinstance(one.op, ast.Or):
            value = app.values.of(module, one.values[-1])
            return value if value is not UNKNOWN else ""
        if isinstance(one, ast.IfExp) and not any(inner is node for inner in ast.walk(one.test)):
            return ""
        if isinstance(one, ast.stmt):
            break
    return UNKNOWN


def optional(module: Module, node: ast.AST) -> bool:
    """Tell whether the code looks first, or goes on without the variable."""
    for one in module.above(node):
        if isinstance(one, ast.Try) and any(inner is node for part in one.body for inner in ast.walk(part)):
            raised = any(isinstance(inner, ast.Raise) or called(module, inner).endswith("exit")
                         for handler in one.handlers for part in handler.body for inner in ast.walk(part))  # fmt: skip
            return not raised
        if isinstance(one, (ast.If, ast.IfExp)) and re.search(r"environ|getenv", ast.unparse(one.test)):
            return True
    return False


def refused(module: Module, node: ast.AST) -> bool:
    """Tell whether the code stops when a variable is empty: `if not X: raise`."""
    above = module.above(node)
    made = next((one for one in above if isinstance(one, ast.Assign)), None)
    name = dotted(made.targets[0]) if made else ""
    for one in module.nodes if name else []:
        tests = isinstance(one, ast.If) and re.fullmatch(
            rf"not {re.escape(name)}|{re.escape(name)} is None", ast.unparse(one.test)
        )
        if tests and isinstance(one, ast.If):
            return any(
                isinstance(inner, ast.Raise) or called(module, inner) in ("sys.exit", "exit")
                for part in one.body
                for inner in ast.walk(part)
            )
    return False


def aside(module: Module, node: ast.AST) -> bool:
    """Tell whether NODE only matters while developing or testing, or under `if __name__ == "__main__"`."""
    return bool(PLUGIN.search(module.path)) or any(
        is_main(one) or isinstance(one, (ast.ClassDef, ast.FunctionDef)) and ELSEWHERE.search(one.name)
        for one in module.above(node)
    )


def _pydantic(app: App, module: Module, node: ast.ClassDef) -> Iterator[Read]:
    prefix = next((match[1] for match in [re.search(r"env_prefix\s*=\s*'(\w*)'", ast.unparse(node))] if match), "")
    for one in node.body:
        if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name) and one.target.id != "model_config":
            field = one.value is not None and called(module, one.value).endswith("Field")
            inner = argument(one.value, 0, "default") if field and isinstance(one.value, ast.Call) else one.value
            value = app.values.of(module, inner) if inner is not None else UNKNOWN
            needed = inner is None and "None" not in ast.unparse(one.annotation)
            yield Read(f"{prefix}{one.target.id}".upper(), module.where(one), value, needed, module, one)
