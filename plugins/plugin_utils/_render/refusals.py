# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a target can't do with an app: a refusal where the app would be another one, a hint where only a comfort is missing.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from ansible_collections.slipway.flask.plugins.plugin_utils._app.keys import KEYS
from ansible_collections.slipway.flask.plugins.plugin_utils._render.meanings import MEANINGS, NONE, TARGETS, YOURS
from ansible_collections.slipway.flask.plugins.plugin_utils._render.times import Untranslatable, times

App = Mapping[str, Any]
TITLES = {"compose": "Compose", "swarm": "Docker Swarm", "kubernetes": "Kubernetes"}


class Rule(NamedTuple):
    """That some values of a KEY are refused on some TARGETS; TEXT says why, and what to do."""

    key: str
    targets: tuple[str, ...]
    refused: Callable[[App], bool]
    text: str


RULES = (
    Rule(
        "database",
        TARGETS,
        lambda app: app["database"] == "mariadb",
        "'database' is 'mariadb', which is set up on hosts only: run a server of your own, and set `database: url`",
    ),
    Rule(
        "database",
        TARGETS,
        lambda app: app["database"] == "url" and str(app["database_url"]).startswith("sqlite:"),
        "'database_url' is SQLite's: a file that only one container can have; use PostgreSQL",
    ),
    Rule(
        "database",
        ("kubernetes",),
        lambda app: app["database"] == "local",
        "'database' is 'local', and a database in a cluster is an operator's (CloudNativePG) or a provider's: set `database: url`, "
        "with its URL in 'database_url'",
    ),
    Rule(
        "redis",
        ("kubernetes",),
        lambda app: app["redis"] == "local",
        "'redis' is 'local', and a Redis in a cluster is an operator's or a provider's: set `redis: url`, with its URL in "
        "'redis_url'",
    ),
    Rule(
        "database_pool",
        TARGETS,
        lambda app: app["database_pool"] != "none",
        "'database_pool' is 'pgbouncer', which runs on hosts only: run a pooler of your own, and set `database: url`",
    ),
    Rule(
        "shared_folders",
        ("swarm",),
        lambda app: bool(app["shared_folders"]),
        "'shared_folders' would be another folder on each node: keep uploads in object storage, and remove the key",
    ),
    Rule(
        "writable_paths",
        ("swarm",),
        lambda app: bool(app["writable_paths"]),
        "'writable_paths' would be another folder on each node: keep files in object storage, and remove the key",
    ),
    Rule(
        "protected_downloads",
        TARGETS,
        lambda app: bool(app["protected_downloads"]),
        "'protected_downloads' needs a web server that reads the app's folders: send the files with the app, or with a signed "
        "URL of an object storage, and remove the key",
    ),
    Rule(
        "hooks",
        TARGETS,
        lambda app: bool(app["hooks"]),
        "'hooks' are tasks of Ansible, which nothing runs there: use a job of the engine, and remove the key",
    ),
)


def problems(app: App, target: str) -> list[str]:
    """Return one sentence for each thing that TARGET can't do with APP, which has all its keys."""
    found = [rule.text for rule in RULES if target in rule.targets and rule.refused(app)]
    return [f"slipway_apps, app '{app['name']}': {text}" for text in (*found, *_schedules(app, target))]


def _schedules(app: App, target: str) -> Iterator[str]:
    for name, entry in app["processes"].items():
        if not entry["schedule"]:
            if entry["ready"] == "notify":
                yield (
                    f"process '{name}' has `ready: notify`, a message to systemd, which is not there: use `alive` or a command"
                )
            continue
        try:
            whole = times(entry["schedule"])
            if target == "kubernetes":
                whole.cron()
        except Untranslatable as error:
            yield (
                f"process '{name}': the schedule '{entry['schedule']}' {error}, which only systemd can keep: write it in whole "
                "minutes, hours, days, months and weekdays"
            )


def without_effect(app: App, target: str) -> list[str]:
    """Return the keys that APP sets and that nothing comes of on TARGET, each with the reason."""
    found = []
    for name, key in KEYS.items():
        text: str = getattr(MEANINGS[name], target)
        if text.startswith(f"{NONE}: ") and app[name] not in (key.default, "off"):
            found.append(f"{name} ({text.removeprefix(f'{NONE}: ')})")
    return found


def notes(app: App, target: str) -> list[str]:
    """Return what a person should know about APP on TARGET, one sentence each."""
    found = [f"without effect: {text}" for text in without_effect(app, target)]
    yours = [
        name for name, key in KEYS.items() if getattr(MEANINGS[name], target) == YOURS and app[name] != key.default
    ]
    if yours:
        found.append(f"yours to do, in the Ingress or Gateway or in the app: {', '.join(yours)}")
    own = [url for url, entry in app["static"].items() if url != "/static/" or not _is_flasks(entry["folder"])]
    if own and target in TARGETS:
        found.append(f"the app itself must answer {', '.join(own)}: no web server sees its files")
    if once := [entry["command"] for entry in app["release_commands"] if entry["once"]]:
        found.append(
            f"`once`: nobody there knows whether {' and '.join(map(repr, once))} has run, so it is left out. Run "
            "`slipway-migrate --once` in a container of the app, once in its life"
        )
    if app["setup_commands"] and (app["shared_folders"] or app["writable_paths"]):
        found.append(
            "setup_commands have run when the image was made, and volumes start empty: what they make there is yours to make, "
            "with `slipway-run -- COMMAND` in a container of the app"
        )
    if app["certificate"] == "acme" and target != "kubernetes":
        found.append(
            "certificate: a self-signed one until you put yours into secrets/tls-certificate and secrets/tls-key"
        )
    return found


def _is_flasks(folder: str) -> bool:
    """Tell whether Flask serves a FOLDER by itself: the one called static in the app's package."""
    return folder.strip("/").rpartition("/")[2] == "static"


def table() -> str:
    """Return the table of docs/targets.md."""
    rows = [["Key", *TITLES.values()], ["---"] * 4]
    rows += [[f"`{name}`", *MEANINGS[name]] for name in KEYS if name in MEANINGS]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n"
