# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What is wrong with an app's `preview`. PRIVATE to the collection: it may change without notice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._app import commands, nested
from ansible_collections.slipway.flask.plugins.plugin_utils._schema import names

MUST: dict[Any, str] = {str: "text", int: "a whole number", list: "a list", dict: "a mapping"}

AS_IT_IS = "none"
"""The value of `anonymize` that says that nothing is made anonymous."""
ELSEWHERE = {
    "url": "the app's database is elsewhere (`database: url`), and only PostgreSQL on the host can be copied",
    "mariadb": "the app's database is MariaDB, and only PostgreSQL on the host can be copied",
    "none": "the app has no database (`database: none`)",
}
"""Values of the app's `database` of which there is no copy, and why."""


def problems(app: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with `preview` of APP, whose keys have been checked for their types."""
    given = app.get("preview")
    if not given:
        return
    where = "in 'preview'"
    for key, value in given.items():
        known = nested.PREVIEW.get(key)
        if known is None:
            yield f"unknown key '{key}' {where}{names.nearest(str(key), nested.PREVIEW)}"
        elif not isinstance(value, known.kind) or (isinstance(value, bool) and known.kind is int):
            yield f"'{key}' {where} must be {MUST[known.kind]}"
        elif known.range and isinstance(value, int) and not known.range[0] <= value <= known.range[1]:
            yield f"'{key}' {where} is {value}; it must be from {known.range[0]} to {known.range[1]}"
        elif known.choices and value not in known.choices:
            yield f"'{key}' {where} is '{value}'; it must be one of {', '.join(known.choices)}"
    yield from _database_problems(app, given, where)
    domain = given.get("domain", "")
    if not (isinstance(domain, str) and domain.startswith("*.") and names.is_full_domain(domain)):
        yield f"'domain' {where} is '{domain}'; it must be a wildcard such as *.preview.example.org, below which each preview is"
    if "access" not in given and "access" not in app:
        yield (
            f"'access' is missing {where}: anybody could see the previews. Add `access: [{{path: /, basic_auth: {{team: HASH}}}}]` "
            "with a hash from `openssl passwd -6`; `access: []` leaves them open"
        )


def _database_problems(app: Mapping[str, Any], given: Mapping[str, Any], where: str) -> Iterator[str]:
    """Yield what is in the way of a copy of the database."""
    line, kind = given.get("anonymize", ""), app.get("database", "local")
    if not isinstance(line, str):
        return
    if given.get("database") != "copy":
        if line:
            yield f"'anonymize' {where} is given, but 'database' {where} is not 'copy'; set `database: copy`, or remove it"
        return
    if kind in ELSEWHERE:
        yield f"'database' {where} is 'copy', but {ELSEWHERE[kind]}; set `database: empty` {where}"
    if not line.strip():
        yield (
            f"'anonymize' is missing {where}: the code of any branch could read what the app's database has. Give the command that "
            "makes the copy anonymous, e.g. `anonymize: flask anonymize`; `anonymize: none` copies it as it is"
        )
    elif line != AS_IT_IS:
        secrets = {**app.get("secrets", {}), **given.get("secrets", {})}
        variables = [
            *app.get("environment", {}),
            *given.get("environment", {}),
            *given.get("secrets", {}),
            *_variables(app),
        ]
        yield from commands.of_line(f"'anonymize' {where}", line, variables, secrets)


def _variables(app: Mapping[str, Any]) -> list[str]:
    return [app.get("secret_key_variable", "SECRET_KEY"), app.get("database_variable", "DATABASE_URL")]
