# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Names, folders, databases and ports of a host that somebody else has: what is said of each, and the ways on.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._host.service_user import NO_LOGIN
from ansible_collections.slipway.flask.plugins.module_utils._mysql import databases as mysql
from ansible_collections.slipway.flask.plugins.module_utils._mysql.names import pattern
from ansible_collections.slipway.flask.plugins.module_utils._postgres.names import identifier
from ansible_collections.slipway.flask.plugins.module_utils._remove import journal as removal
from ansible_collections.slipway.flask.plugins.plugin_utils._app.checks import SYSTEM_FOLDERS
from ansible_collections.slipway.flask.plugins.plugin_utils._service import known, mariadb

App = Mapping[str, Any]
Facts = Mapping[str, str]

AS_POSTGRES = "runuser -u postgres -- psql"


def databases(facts: Facts) -> list[str]:
    """Return the databases of PostgreSQL that the host has."""
    return sorted(key.removeprefix("database:") for key in facts if key.startswith("database:"))


def names(app: App, facts: Facts, own: bool) -> Iterator[str]:
    """Yield a sentence for each user, group, unit and folder called as the app and not Slipway's; none for an OWN app."""
    name = app["name"]
    if own:
        return
    account = facts.get(f"user:{name}", "").split(":")
    if len(account) == 7:
        uid, shell = account[2], account[6]
        service = shell in NO_LOGIN and 100 <= int(uid) < 1000
        if not (service and app["adopt"]):
            way = ", or set `adopt: true` if it is this app's own" if service else ""
            yield (
                f"there is a user '{name}' already (uid {uid}, {shell}), which Slipway did not create. Choose another name "
                f"for the app{way}"
            )
    elif f"group:{name}" in facts:
        yield (
            f"there is a group '{name}' without a user of that name: it belongs to something else. Choose another name, "
            f"or run `groupdel {name}` if it is a leftover"
        )
    for key in facts:
        if not key.startswith(f"path:{name}:"):
            continue
        path = key.removeprefix(f"path:{name}:")
        if path == f"/run/{name}" and app["adopt"]:
            continue
        if path == f"/etc/systemd/system/{name}.service":
            if not app["adopt"]:
                yield (
                    f"there is a service {name}.service ({path}), which Slipway did not write. Choose another name, set "
                    f"`adopt: true` if it is this app's old service, or remove it: "
                    f"`systemctl disable --now {name}.service && rm {path}`"
                )
        elif path.endswith((".service", f"init.d/{name}")):
            if not (path.endswith("/lib/systemd/system/" + path.rpartition("/")[2]) and not path.startswith("/usr")):
                yield f"the name is another service's ({path}). Choose another name"
        elif path.startswith("/run/"):
            yield f"{path} is another program's. Choose another name"
        else:
            yield (
                f"{path} exists, and Slipway did not create it. Choose another name, or move it away: "
                f"`mv {path} {path}.old`"
            )


def removed(app: App, facts: Facts, own: bool, anew: str) -> Iterator[str]:
    """Yield a sentence for an app that was removed from the host, and that a list which is older than that would bring back empty.

    OWN: it is set up again since; ANEW: which app is meant to be.
    """
    try:
        found = removal.of(json.loads(facts.get(f"removed:{app['name']}", "")))
    except (ValueError, TypeError):
        return
    if found.under_way:
        yield removal.killed(found)
    elif not own and anew != app["name"]:
        yield removal.gone(found)


def folders(app: App, facts: Facts) -> Iterator[str]:
    """Yield a sentence for each writable path that exists and is not the app's: nothing is ever re-owned."""
    for path in app["writable_paths"]:
        owner = facts.get(f"owner:{path}")
        if owner is None:
            continue
        real = facts.get(f"real:{path}", path)
        if SYSTEM_FOLDERS.fullmatch(real):
            yield f"'{path}' in 'writable_paths' leads to {real}, which belongs to the system"
        elif owner != app["name"] and (owner != "root" or f"full:{path}" in facts):
            yield (
                f"'{path}' in 'writable_paths' belongs to {owner} on the host and is not empty. Name a folder "
                f"inside it, such as {path.rstrip('/')}/{app['name']}, which is created for the app"
            )


def accounts(app: App, facts: Facts) -> Iterator[str]:
    """Yield a sentence for each user of a service of the app's that somebody else has made."""
    for name, comment in known.accounts(app).items():
        entry = facts.get(f"account:{name}", "").split(":")
        if len(entry) == 7 and entry[4] != comment:
            yield (
                f"there is a user '{name}' already (uid {entry[2]}, {entry[6]}), which Slipway did not create, and the app's Redis "
                "would run as it. Choose another name for the app, or rename that user"
            )


def database(app: App, facts: Facts, own: bool) -> Iterator[str]:
    """Yield a sentence when the local database or role called as the app can't be the app's."""
    name = app["name"]
    if app["database"] == mariadb.LOCAL:
        yield from mysql.conflicts([mysql.Database(name, name)], in_mariadb(name, facts))
    if app["database"] != "local":
        return
    if f"superuser:{name}" in facts:
        yield (
            f"PostgreSQL's role '{name}' is a superuser, which could read every app's data. Choose another name, or run "
            f"`{AS_POSTGRES} -c 'ALTER ROLE {identifier(name)} NOSUPERUSER'`"
        )
    owner = facts.get(f"database:{name}")
    if owner is None:
        return
    if owner != name:
        yield f"the database '{name}' exists and belongs to {owner}. Choose another name, or {hand_over(name, owner, facts)}"
    elif not (own or app["adopt"] or "cluster" in facts):
        yield (
            f"the database '{name}' already exists, and Slipway did not create it. Choose another name, or set "
            "`adopt: true` if it is this app's (docs/adopt.md)"
        )


def left_behind(app: App, facts: Facts, moved: str) -> Iterator[str]:
    """Yield a sentence when the app works with a database on this host, and the inventory has it on another one by now.

    MOVED is the app whose data was moved there; the database here is left as it is then.
    """
    name, other = app["name"], app.get("database_host")
    if other and moved != name and f"socket:{name}" in facts and facts.get(f"database:{name}") == name:
        yield (
            f"its data is in a database on this host, but the inventory has the database on {other}, where it would be empty. "
            f"Close the site and export the data first (docs/fleet.md), then run this again with `-e moved={name}`, and import it"
        )


def in_mariadb(name: str, facts: Facts) -> mysql.State:
    """Return what the host's MariaDB has of an app's NAME."""
    state = mysql.State()
    if f"mariadb:{name}" in facts:
        state.databases[name] = "utf8mb4"
    if facts.get(f"mariadb:{name}") == "1":
        state.grants.append({"user": name, "host": "localhost", "database": pattern(name), "whole": True})
    if f"login:{name}" in facts:
        state.accounts.append(mysql.Account(name, "localhost", facts[f"login:{name}"] == "1"))
    return state


def hand_over(name: str, owner: str, facts: Facts) -> str:
    """Return the commands by which the database NAME becomes the app's; OWNER gets in as before."""
    if f"superuser:{owner}" in facts:
        # What a superuser owns can't be reassigned as a whole: the system's own would be part of it.
        return (
            f"put it aside and copy it after provisioning: `{AS_POSTGRES} -c 'ALTER DATABASE {identifier(name)} RENAME TO "
            f"{identifier(name + '-old')}'` (docs/adopt.md)"
        )
    role, former = identifier(name), identifier(owner)
    steps = [f"-c 'GRANT {role} TO {former}'", f"-c 'ALTER DATABASE {role} OWNER TO {role}'"]
    steps.append(f"-c 'REASSIGN OWNED BY {former} TO {role}'")
    return f"hand it over: `{AS_POSTGRES} -d {name} -c 'CREATE ROLE {role} LOGIN' {' '.join(steps)}`"


def cluster(apps: Sequence[App], facts: Facts) -> Iterator[str]:
    """Yield a sentence when the host's PostgreSQL is somebody else's and has databases that its settings would shut out."""
    local = [app for app in apps if app["database"] == "local"]
    if not local or "hba" not in facts or "cluster" in facts or any(app["adopt"] for app in local):
        return
    taken = {app["name"] for app in local}
    others = databases(facts)
    others = [name for name in others if name not in taken]
    if others:
        yield (
            f"PostgreSQL on the host has the databases {', '.join(others)}, and provisioning would write {facts['hba']} anew "
            "and close its network port. Use it as it is with `database: url`, or say how the others get in "
            "(`postgres_server_hba`, `postgres_server_settings`) and set `adopt: true` for the app (docs/adopt.md)"
        )


def ports(facts: Facts) -> Iterator[str]:
    """Yield a sentence for each of the ports of HTTP and HTTPS that something else than Debian's nginx has."""
    holders: dict[tuple[str, str], list[str]] = {}
    for port in ("80", "443"):
        program, _, unit = facts.get(f"port:{port}", "").partition(" ")
        if program and unit != "nginx.service":
            holders.setdefault((program, unit), []).append(port)
    for (program, unit), taken in holders.items():
        service = unit.endswith(".service")
        way = f"`systemctl disable --now {unit}`" if service else "end it"
        yield (
            f"port {' and '.join(taken)} belongs to {program}{f' ({unit})' if service else ''}, and nginx needs it. Move that "
            f"server to another port and let nginx pass its sites on (docs/adopt.md), or {way}, which ends its sites"
        )
