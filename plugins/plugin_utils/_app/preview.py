# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A preview of an app: the app that a branch of its repository becomes, with a name, a domain and data of its own.

The branch is a stranger's: nothing of it but its letters and a hash gets into a name, and of the app's own description only what
the code needs to run, no secret among it.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._app import choice, description, nested, stage
from ansible_collections.slipway.flask.plugins.plugin_utils._app.choice import ChoiceError
from ansible_collections.slipway.flask.plugins.plugin_utils._service import mariadb, redis
from ansible_collections.slipway.flask.plugins.plugin_utils._source.description import REF

SHARED = (
    "wsgi", "subfolder", "python", "requirements", "extra_packages", "constraints", "overrides", "system_packages",
    "environment", "secret_key_variable", "database_variable", "database_scheme", "database_extensions", "build_commands",
    "setup_commands", "release_commands", "migrations", "migrations_lock_timeout_seconds",
    "migrations_statement_timeout_seconds", "check_seconds", "writes_at_import", "static", "shared_folders", "health_path",
    "health_status", "health_timeout_seconds", "metrics_path", "body_size_mb", "header_kb", "streaming",
    "protected_downloads", "handover", "processes", "worker_class", "threads", "timeout_seconds", "headers", "redis_variable",
    "redis_purpose", "redis_scheme", "redis_variables", "audit",
)  # fmt: skip
"""Keys that a preview has from its app: how the code is built and run. All others are left out or set here."""
KEPT = {
    *SHARED, "name", "domains", "source", "stage", "access", "environment", "secrets", "secret_key_variable", "database",
    "certificate", "memory_max_mb", "workers", "handover", "keep_releases", "watch_seconds", "redis",
    *redis.OF_MEMORY,
}  # fmt: skip
"""Keys of what a host keeps of a preview: none of them names a file of the controller's."""
SOURCE = {"git": "https://git.invalid/preview.git"}
LONGEST_BRANCH = 200
HASH_DIGITS, OF_APP, OF_BRANCH, OF_DOMAIN = 8, 10, 11, 40
"""Letters of a name: of the hash, of the app, of the branch; and of the branch in a domain. A name has 31 at most (names.APP)."""
REDIS_MB = 32


def slug(text: str, longest: int) -> str:
    """Return the letters and digits of TEXT, with hyphens between words, LONGEST at most; "" when there are none."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:longest].strip("-")


def named(app: str, branch: str) -> tuple[str, str]:
    """Return the name of the preview of APP at BRANCH, and its label below the domain; another branch has others."""
    digest = hashlib.sha256(f"{app}\0{branch}".encode()).hexdigest()[:HASH_DIGITS]
    parts = [slug(app, OF_APP), slug(branch, OF_BRANCH), digest]
    label = [slug(branch, OF_DOMAIN), digest]
    return "-".join(filter(None, parts)), "-".join(filter(None, label))


def of(apps: Sequence[Mapping[str, Any]], app: str, branch: str) -> dict[str, Any]:
    """Return the description of the preview of the one of APPS called APP at BRANCH. Raises ChoiceError."""
    if wrong := description.problems(apps) or choice.problems(apps, app, one=True):
        raise ChoiceError("\n".join(wrong))
    parent = parent_of(apps, app)
    wanted = parent.get("preview")
    if not wanted:
        raise ChoiceError(f"app '{parent['name']}' has no 'preview', which says below which domain its previews are")
    if not parent["source"].get("git"):
        raise ChoiceError(f"app '{parent['name']}' has no 'git' source, and a preview is a branch of one")
    if not branch or len(branch) > LONGEST_BRANCH or not REF.fullmatch(branch) or not branch.isprintable():
        raise ChoiceError(
            f"branch is {branch[:LONGEST_BRANCH]!r}; it must be the name of a branch: -e branch=feature/search"
        )
    whole = description.normalise(parent)
    name, label = named(parent["name"], branch)
    variable = whole["secret_key_variable"]
    secret = str(whole["secrets"].get(variable, "") or whole["environment"].get(variable, ""))
    made = {
        **{key: parent[key] for key in SHARED if key in parent},
        "name": name,
        "domains": [wanted["domain"].replace("*", label, 1)],
        "source": {**parent["source"], "version": branch},
        "stage": stage.STAGING,
        "access": wanted.get("access", parent.get("access", [])),
        "environment": {**parent.get("environment", {}), stage.VARIABLE: "preview", **wanted.get("environment", {})},
        "secrets": {**({variable: key_of(secret, name)} if variable else {}), **wanted.get("secrets", {})},
        "database": database_of(whole),
        "certificate": "acme" if whole["certificate"] == "acme" else "self_signed",
        "memory_max_mb": wanted.get("memory_max_mb", nested.PREVIEW["memory_max_mb"].default),
        "workers": 1,
        "handover": parent.get("handover") or "overlap",
        "keep_releases": 2,
        "watch_seconds": 0,
    }
    made["environment"].pop(variable, None)
    if whole["redis"] != "none":
        purposes = {one["purpose"] for one in redis.instances({**whole, "redis": "local"})}
        made |= {"redis": "local", **{f"redis_{purpose}_mb": REDIS_MB for purpose in purposes}}
    return made


def parent_of(apps: Sequence[Mapping[str, Any]], app: str) -> Mapping[str, Any]:
    """Return the one of APPS called APP, the only one for ""; `of` has found that there is one."""
    return next(one for one in apps if app in ("", one["name"]))


def key_of(secret: str, name: str) -> str:
    """Return the key that signs the sessions of the preview NAME: always the same, and nobody learns its app's SECRET from it."""
    return hmac.new(secret.encode(), f"slipway preview {name}".encode(), hashlib.sha256).hexdigest()


def database_of(app: Mapping[str, Any]) -> str:
    """Return what `database` of a preview of APP, a whole description, is: one on the host that speaks the same language."""
    if app["database"] == "none":
        return "none"
    return "mariadb" if mariadb.is_used(app) else "local"


def copies(parent: Mapping[str, Any]) -> bool:
    """Tell whether previews of PARENT, an app as it is described, have a copy of its database."""
    return bool(parent["preview"].get("database", nested.PREVIEW["database"].default) == "copy")


def kept(preview: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the host keeps of a PREVIEW, so that it stays in what is set up for all apps: no secret, no credentials."""
    return {**preview, "source": SOURCE, "secrets": {}, "secret_key_variable": ""}


def is_kept(told: Mapping[str, Any]) -> bool:
    """Tell whether what a host has TOLD is what `kept` had it keep: one that is not ours any more could name others' files."""
    closed = (
        told.get("source") == SOURCE and not told.get("secrets") and told.get("certificate") in ("acme", "self_signed")
    )
    return closed and told.keys() <= KEPT
