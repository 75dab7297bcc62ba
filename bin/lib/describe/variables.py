# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The keys `environment` and `secrets`: what must be there, what has a default, and what examples say of it."""

from __future__ import annotations

import re
import secrets

from describe import settings
from describe.app import TODO, App
from describe.code import SOURCE, UNKNOWN
from describe.settings import Read

EXAMPLES = (
    ".env.example",
    ".env.sample",
    ".env.dist",
    "env.example",
    ".env.template",
    "example.env",
    "sample.env",
    ".env-example",
)
PROXIES = re.compile(r"\w*(PROXY_HOPS|PROXY_COUNT|NUM_PROXIES|PROXIES_COUNT|PROXY_FIX_X_FOR|TRUSTED_PROXY_COUNT)")
FILE = re.compile(r"(CONFIG|CONF|SETTINGS|CFG|INI)(_FILE|_PATH|_FILENAME|_LOCATION)?$")
SHOWN, MORE = 12, 42
"""Most variables with a default that get a line, and most that are named; the others are counted."""


def find(app: App) -> None:
    """Say each variable that no other part has said."""
    taken = set(app.inner.get("environment", {})) | set(app.inner.get("secrets", {}))
    taken |= set(app.inner.get("redis_variables", {}))
    taken |= {str(app.value(key)) for key in ("database_variable", "redis_variable") if app.value(key)}
    if app.value("database") != "none" and not app.value("database_variable"):
        taken.add("DATABASE_URL")
    if app.value("redis") == "local" and not app.value("redis_variable"):
        taken.add("REDIS_URL")
    examples, rest = _examples(app), list[str]()
    by_name: dict[str, list[Read]] = {}
    for read in settings.reads(app):
        if (
            PROXIES.fullmatch(read.name)
            and read.default in ("0", 0, "", UNKNOWN, None)
            and (where := app.imports("werkzeug.middleware.proxy_fix"))
        ):
            app.also("environment", read.name, 1, f"{where} ProxyFix, {read.where}: nginx is the one proxy")
        elif read.name not in taken and not settings.GIVEN.fullmatch(read.name):
            by_name.setdefault(read.name, []).append(read)
    for name, reads in by_name.items():
        _variable(app, name, reads, examples.get(name, ""), rest)
    if len(rest) > SHOWN:
        more = f" and {len(rest) - MORE} others" if len(rest) > MORE else ""
        app.notes.append(f"Also read, each with a default or optional: {', '.join(rest[SHOWN:MORE])}{more}")


def _variable(app: App, name: str, reads: list[Read], example: str, rest: list[str]) -> None:
    """Say one variable; add it to the REST when it may be left out, of which the first are shown."""
    first = next((one for one in reads if one.required), reads[0])
    required = any(one.required for one in reads)
    secret = bool(settings.SECRET.search(name)) and not settings.NOT_SECRET.search(name)
    signing = bool(settings.SIGNING.search(name))
    example = f"; e.g. {example}" if example and not secret else ""
    if signing and (required or isinstance(first.default, str)):
        app.secret(name, secrets.token_hex(32), f"{first.where}; fresh")
    elif required and secret:
        app.secret(name, f"{TODO}", f"{first.where} must have it: its value goes into the vault")
    elif required:
        app.also("environment", name, f"{TODO}: {_meaning(name)}", f"{first.where} has no default{example}")
    elif FILE.search(name) and first.default in (UNKNOWN, None, "") and not example:
        path = f"{{release_folder}}/src/{app.name}.cfg"
        app.also(
            "environment",
            name,
            path,
            f"{first.where}: a settings file, if you have one; its content goes into `files`",
            off=True,
        )
    elif secret:
        rest.append(name)
        if len(rest) <= SHOWN:
            app.also(
                "secrets",
                name,
                "{{ " + app.vault_name(name) + " }}",
                f"{first.where}, optional",
                off=True,
            )
    else:
        rest.append(name)
        if len(rest) <= SHOWN:
            value = "" if first.default is UNKNOWN or first.default is None else first.default
            value = value.replace(SOURCE, "{release_folder}/src") if isinstance(value, str) else value
            value = value if isinstance(value, (str, int, bool)) and len(str(value)) < 60 else ""
            app.also(
                "environment",
                name,
                value,
                f"{first.where}, {'its default' if value != '' else 'optional'}{example}",
                off=True,
            )


def _meaning(name: str) -> str:
    """Return a few words that say what a variable is, made of its name."""
    return name.lower().replace("_", " ")


def _examples(app: App) -> dict[str, str]:
    """Return the values that an example file gives."""
    found: dict[str, str] = {}
    for path in EXAMPLES:
        for line in app.tree.text(path).splitlines():
            match = re.fullmatch(
                r"\s*(?:export\s+)?([A-Z_][A-Z0-9_]*)\s*=\s*[\"']?([^\"'#]{1,60}?)[\"']?\s*(?:#.*)?", line
            )
            if match and match[2].strip():
                found.setdefault(match[1], match[2].strip())
    return found
