# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""An app's Redis: instances on the host, or any server that a URL leads to.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._redis import names
from ansible_collections.slipway.flask.plugins.module_utils._redis import url as redis_url
from ansible_collections.slipway.flask.plugins.module_utils._source.url_parts import UrlError
from ansible_collections.slipway.flask.plugins.plugin_utils._connection import redis as connection
from ansible_collections.slipway.flask.plugins.plugin_utils._gunicorn.problems import variable_problem
from ansible_collections.slipway.flask.plugins.plugin_utils._schema.key import Key
from ansible_collections.slipway.flask.plugins.plugin_utils._service.base import App

VARIABLE = "REDIS_URL"
SCHEMES = (
    (re.compile(r"CELERY|BROKER|RESULT_BACKEND|MESSAGE_QUEUE"), "redis+socket"),
    (re.compile(r"RATELIMIT|RATE_LIMIT|LIMITER"), "redis+unix"),
)
"""What a variable is called -> the scheme of a socket's URL in the library that reads it: kombu (Celery), limits
(Flask-Limiter). All others take redis-py's."""
SCHEME = "unix"
PURPOSES = names.PURPOSES
ENTRY = {
    "purpose": Key(str, "queue", "Which instance the URL points to.", PURPOSES),
    "scheme": Key(str, "", "Scheme of the URL. If empty, it follows from the variable's name."),
}
KEYS = {
    "redis": Key(str, "none", "`local` runs Redis for the app on the host, `url` uses `redis_url`, `none` is "
                              "for apps without Redis; see docs/redis.md.", ("local", "url", "none")),
    "redis_url": Key(str, "", "URL of an existing Redis, such as `rediss://:password@host:6379/0` (secret)."),
    "redis_ca": Key(str, "", "Certificate authority (PEM) that must have issued the certificate of the server "
                             "in `redis_url`."),
    "redis_purpose": Key(str, "queue", "What the app uses Redis for: `queue` keeps all data, even across "
                                       "restarts; `cache` evicts the least recently used keys.", PURPOSES),
    "redis_variable": Key(str, VARIABLE, "Environment variable that holds the URL."),
    "redis_scheme": Key(str, "", "Scheme of that URL: `unix` (redis-py, RQ, …), `redis+socket` (Celery), "
                                 "`redis+unix` (Flask-Limiter). If empty, it follows from the variable's name."),
    "redis_variables": Key(dict, {}, "More environment variables with a URL, e.g. `{CELERY_BROKER_URL: queue, "
                                     "CACHE_REDIS_URL: cache}`. Each purpose has its own instance.", of=(str, dict), keys=ENTRY,
                           place="variable"),
    "redis_queue_mb": Key(int, 0, "Memory limit of the local queue in MiB; 0 means an eighth of the host's "
                                  "memory.", range=(0, 1048576)),
    "redis_queue_fsync": Key(str, "always", "When the local queue is written to disk: `always` does so before "
                                            "each answer, so that nothing is lost; `everysec` is many times "
                                            "faster but can lose the last two seconds.",
                             ("always", "everysec")),
    "redis_cache_mb": Key(int, 0, "Memory limit of the local cache in MiB; 0 means a sixteenth of the host's "
                                  "memory.", range=(0, 1048576)),
}  # fmt: skip
OF_MEMORY = ("redis_queue_mb", "redis_cache_mb")
OF_LOCAL = (*OF_MEMORY, "redis_queue_fsync")
OF_URL = ("redis_url", "redis_ca")


class Redis:
    """The member of `known.SERVICES` for the keys above; its role is redis_server."""

    name = "redis"

    def keys(self) -> dict[str, Key]:
        return KEYS

    def problems(self, given: App) -> Iterator[str]:
        kind = given.get("redis", "none")
        if kind == "url" and not given.get("redis_url"):
            yield "'redis' is 'url' but 'redis_url' is empty; give the URL of the server"
        for name, key in KEYS.items():
            only = "local" if name in OF_LOCAL else "url" if name in OF_URL else ""
            if (
                given.get(name, key.default) != key.default
                and name != "redis"
                and (kind == "none" or only not in ("", kind))
            ):
                yield f"'{name}' is given but 'redis' is '{kind}'; set `redis: {only or 'local'}`, or remove it"
        if kind == "none":
            return
        yield from entry_problems(given.get("redis_variables", {}))
        taken = {**given.get("environment", {}), **given.get("secrets", {})}
        for variable in _names(given):
            if variable in taken:
                yield f"{variable} is set by 'redis'; remove it from 'environment' and 'secrets', or set `redis: none`"
        if given.get("redis_variable", VARIABLE) in given.get("redis_variables", {}):
            yield f"{given.get('redis_variable', VARIABLE)} is in 'redis_variables' and is 'redis_variable'; keep one"

    def refusals(self, app: App) -> Iterator[str]:
        if app["redis"] == "none":
            return
        for variable, (_, scheme) in variables(app).items():
            if problem := variable_problem(variable, "x"):
                yield f"the variable '{variable}' of 'redis': {problem.rstrip('.')}"
            if scheme not in redis_url.SOCKET_SCHEMES:
                yield f"the scheme '{scheme}' of {variable} must be one of {', '.join(redis_url.SOCKET_SCHEMES)}"
        for key in OF_MEMORY:
            if 0 < app[key] < names.LEAST_MEMORY_MB:
                yield f"'{key}' is {app[key]}; it must be {names.LEAST_MEMORY_MB} or more, or 0 for a part of the host's"
        for problem in connection.problems(connections(app) if app["redis"] == "url" else []):
            yield "'redis_url': " + problem.partition(": ")[2].removeprefix("url ")

    def variables(self, given: App) -> dict[str, str]:
        if given.get("redis", "none") == "none":
            return {}
        return {variable: given.get("redis_url", "") for variable in _names(given)}

    def release_commands(self, given: App) -> list[str]:
        return []

    def packages(self, app: App) -> list[str]:
        return []

    def environment(self, app: App) -> dict[str, str]:
        if app["redis"] == "none":
            return {}
        return {variable: url(app, purpose, scheme) for variable, (purpose, scheme) in variables(app).items()}

    def after_units(self, app: App) -> list[str]:
        """The app's own instances; of another Redis on the same host, the distribution's unit."""
        if app["redis"] == "local":
            return [names.unit(instance["name"]) for instance in instances(app)]
        return ["redis-server.service"] if app["redis"] == "url" and _is_local(app) else []

    def accounts(self, app: App) -> dict[str, str]:
        return {names.account(one["name"]): names.comment(one["name"]) for one in instances(app)}

    def documents(self, app: App) -> dict[str, list[dict[str, Any]]]:
        found = {"redis_server_instances": instances(app), "redis_server_connections": connections(app)}
        return {variable: entries for variable, entries in found.items() if entries}


def entry_problems(entries: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with the values of `redis_variables`."""
    for variable, entry in entries.items():
        if isinstance(entry, Mapping):
            for key in sorted(set(map(str, entry)) - set(ENTRY)):
                yield f"unknown key '{key}' of '{variable}' in 'redis_variables': keys are {', '.join(ENTRY)}"
            if not isinstance(entry.get("scheme", ""), str):
                yield f"'scheme' of '{variable}' in 'redis_variables' must be text such as redis+socket"
            entry = entry.get("purpose", "queue")
        if entry not in PURPOSES:
            yield f"'{variable}' in 'redis_variables' is '{entry}'; it must be one of {', '.join(PURPOSES)}"


def _names(given: App) -> list[str]:
    return list(
        dict.fromkeys([str(given.get("redis_variable", VARIABLE)), *map(str, given.get("redis_variables", {}))])
    )


def _is_local(app: App) -> bool:
    try:
        return redis_url.parse_url(app["redis_url"]).is_local
    except UrlError:
        return False


def scheme_of(variable: str) -> str:
    """Return the scheme of a socket's URL that the library understands which reads a VARIABLE of that name."""
    return next((scheme for pattern, scheme in SCHEMES if pattern.search(variable)), SCHEME)


def variables(app: App) -> dict[str, tuple[str, str]]:
    """Return the app's variables, each with the purpose and the scheme of its URL."""
    main = {"purpose": app["redis_purpose"], "scheme": app["redis_scheme"]}
    entries = {app["redis_variable"]: main, **app["redis_variables"]}
    found = {}
    for variable, entry in entries.items():
        whole = {"purpose": "queue", "scheme": "", **({"purpose": entry} if isinstance(entry, str) else entry)}
        found[str(variable)] = (str(whole["purpose"]), str(whole["scheme"]) or scheme_of(str(variable)))
    return found


def instance_name(app: App, purpose: str) -> str:
    return f"{app['name']}-{purpose}"


def url(app: App, purpose: str, scheme: str) -> str:
    """Return the URL of the app's Redis for a PURPOSE; SCHEME is for one that leads to a socket."""
    if app["redis"] == "local":
        return f"{scheme}://{names.socket(instance_name(app, purpose))}"
    given = str(app["redis_url"])
    if redis_url.parse_url(given).path:
        return f"{scheme}://{given.partition('://')[2]}"
    return redis_url.with_options(given, connection.ca_path(app["name"]) if app["redis_ca"] else "")


def instances(app: App) -> list[dict[str, Any]]:
    """Return the app's entries for the role redis_server: one for each purpose of its local Redis."""
    if app["redis"] != "local":
        return []
    wanted = {purpose for purpose, _ in variables(app).values()}
    of_queue = {} if app["redis_queue_fsync"] == "always" else {"settings": {"appendfsync": app["redis_queue_fsync"]}}
    return [
        {"name": instance_name(app, purpose), "purpose": purpose, "users": [app["name"]],
         "memory_mb": app[f"redis_{purpose}_mb"], **(of_queue if purpose == "queue" else {})}
        for purpose in PURPOSES if purpose in wanted
    ]  # fmt: skip


def connections(app: App) -> list[dict[str, Any]]:
    """Return the app's connections for the role redis_server, which are tried as the app's user."""
    if app["redis"] == "url":
        entry = {"name": app["name"], "url": app["redis_url"], "user": app["name"], "purpose": app["redis_purpose"]}
        return [{**entry, "ca": app["redis_ca"]} if app["redis_ca"] else entry]
    return [
        {"name": one["name"], "url": url(app, one["purpose"], SCHEME), "user": app["name"], "purpose": one["purpose"]}
        for one in instances(app)
    ]
