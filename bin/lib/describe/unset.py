# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Settings that the app's code looks up in `app.config` and that nothing in the source gives a value."""

from __future__ import annotations

import ast
import re

from describe import config
from describe.app import TODO, App
from describe.code import dotted, text
from describe.settings import NAME, aside, optional

OTHERS = re.compile(
    r"(SQLALCHEMY|WTF|MAIL|CACHE|BABEL|SECURITY|JWT|CELERY|SESSION|RATELIMIT|REDIS|DEBUG|UPLOADED|RECAPTCHA|OIDC|LDAP|ADMIN"
    r"|BOOTSTRAP|CORS|OPENAPI|API|SWAGGER|SCHEDULER|RQ|MONGO(DB)?|ELASTICSEARCH|PAGEDOWN|FLASK|BUNDLE_ERRORS|MSEARCH|COMPRESS"
    r"|TALISMAN|SOCKETIO|OAUTH\w*|DROPZONE|CKEDITOR|GRAPHQL|APISPEC|RESTFUL|ASSETS|HUEY|DRAMATIQ|SENTRY|LOGGING)(_\w+)?"
)
"""What extensions set by themselves."""
FLASK = re.compile(
    r"DEBUG|TESTING|PROPAGATE_EXCEPTIONS|SECRET_KEY\w*|USE_X_SENDFILE|SERVER_NAME|APPLICATION_ROOT|TRUSTED_HOSTS|MAX_\w+"
    r"|SEND_FILE_MAX_AGE_DEFAULT|TRAP_\w+|EXPLAIN_TEMPLATE_LOADING|PREFERRED_URL_SCHEME|TEMPLATES_AUTO_RELOAD|ENV"
    r"|PERMANENT_SESSION_LIFETIME|PROVIDE_AUTOMATIC_OPTIONS|JSON\w*|PRESERVE_CONTEXT_ON_EXCEPTION"
)
"""Flask's own (flask.app.Flask.default_config), of today and former."""
EXAMPLE = re.compile(
    r"(cfg|conf|config|settings)[\w.-]*[.-](example|sample|dist|template)$|(example|sample)[\w.-]*\.cfg$|settings_example\.py$"
)
SHOWN = 12


STARTING = re.compile(r"create|make_app|build|init|setup|configure|register|factory|load")
"""Functions that run when the app starts: what they look up must be there, what a page looks up may be."""


def find(app: App) -> None:
    """Say the settings that are lacking: in the settings file where the app has one of its own, or as variables."""
    lacking = names(app)
    must = [name for name, (_, starting) in lacking.items() if starting][:SHOWN]
    own, start = config.own_file(app), config.prefix(app)
    file = own.path if own and own.path in app.inner.get("files", {}) else ""
    if lacking:
        listed = ", ".join(f"{name} ({where})" for name, (where, _) in list(lacking.items())[:SHOWN])
        app.notes.append(
            f"Settings that the code looks up and nothing gives a value{', for ' + file if file else ''}: {listed}"
        )
    example = next((path for path in app.tree.files if EXAMPLE.search(path)), "")
    if file and example:
        app.notes.append(f"{example} is an example of {file}")
    if file and must:
        name = app.vaulted("settings", "")
        app.vault[name] = f'{TODO} = "set {", ".join(must)} below, and remove this line"\n' + app.vault[name]
    elif start is not None:
        for name in must:
            app.also("environment", start + name, f"{TODO}: {name.lower().replace('_', ' ')}", lacking[name][0])


def names(app: App) -> dict[str, tuple[str, bool]]:
    """Return the settings that are looked up and never set: name -> where, and whether the app does so when it starts."""
    known = {one.key for one in config.sets(app)}
    every = "\n".join(module.text for module in app.tree.modules)
    found: dict[str, tuple[str, bool]] = {}
    for module in app.tree.modules:
        for node in module.nodes:
            looked = isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load)
            if not (looked and isinstance(node, ast.Subscript) and dotted(node.value).endswith("app.config")):
                continue
            name = text(node.slice)
            mine = (
                NAME.fullmatch(name) and name not in known and not OTHERS.fullmatch(name) and not FLASK.fullmatch(name)
            )
            if not mine or aside(module, node) or optional(module, node):
                continue
            if re.search(rf"[\"']{name}[\"'] (not )?in\b|setdefault\([\"']{name}", every):
                continue
            scopes = [one.name for one in module.above(node) if isinstance(one, ast.FunctionDef)]
            starting = all(STARTING.search(scope) for scope in scopes)
            if name not in found or (starting and not found[name][1]):
                found[name] = (module.where(node), starting)
    return found
