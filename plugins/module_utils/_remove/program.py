# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The program `slipway-previews` on a host, for its timer and for people: removes the previews whose end date has come.

PRIVATE to the collection: it may change without notice. Exit status: 0 when all is well, 1 when one could not be removed.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Collection
from contextlib import suppress

from ansible_collections.slipway.flask.plugins.module_utils._app import previews
from ansible_collections.slipway.flask.plugins.module_utils._app.places import ReleaseError
from ansible_collections.slipway.flask.plugins.module_utils._app.previews import Preview
from ansible_collections.slipway.flask.plugins.module_utils._backup.error import BackupError
from ansible_collections.slipway.flask.plugins.module_utils._mysql import names as mysql
from ansible_collections.slipway.flask.plugins.module_utils._postgres import names as postgres
from ansible_collections.slipway.flask.plugins.module_utils._remove import (
    accounts,
    beside,
    databases,
    journal,
    services,
    trees,
)
from ansible_collections.slipway.flask.plugins.module_utils._remove.error import RemoveError
from ansible_collections.slipway.flask.plugins.module_utils._remove.removal import Removal
from ansible_collections.slipway.flask.plugins.module_utils._restore import preview_place

SERVERS = {"local": "postgres", "mariadb": "mariadb"}
"""Value of a preview's `database` -> the host's server that has it."""
BY = "slipway-previews, on its end date"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="slipway-previews", description="Removes previews whose end date has come.")
    parser.add_argument("command", choices=["list", "expire", "sweep"])
    parser.add_argument("name", nargs="*", help="of previews; all of them when none is named")
    asked = parser.parse_args(arguments)
    if asked.command == "list":
        for text in previews.said():
            print(text)
        return 0
    if asked.command == "sweep":
        return int(not swept())
    return expire(time.time(), asked.name)


def expire(now: float, names: Collection[str] = ()) -> int:
    """Remove each preview whose end is not after NOW, of NAMES only, where there are any.

    One that can't be removed is told, and tried again the next time. The service that only looks has a unit beside it do it.
    """
    failed = not swept()
    for name in [one.name for one in previews.all_of() if not names or one.name in names]:
        one = previews.read(name)  # again: while others were removed, somebody may have set it up anew
        if one is None or one.ends > now:
            continue
        try:
            if beside.service():
                beside.expire(one.name)
                continue
            remove(one, BY)
            print(f"{one.name}, a preview of {one.of}, was removed: it was to end at {one.until}")
        except (RemoveError, ReleaseError, OSError) as error:
            failed = True
            print(f"{one.name} could not be removed: {error}", file=sys.stderr)
    return int(failed)


def swept() -> bool:
    """Remove what a killed run has left of a copy of a database; tell whether that went well."""
    try:
        if beside.service() and preview_place.is_there():
            beside.sweep()
        else:
            preview_place.sweep()
    except (BackupError, RemoveError, OSError) as error:
        print(f"what is left of a copy of a database could not be removed: {error}", file=sys.stderr)
        return False
    return True


def remove(preview: Preview, by: str) -> None:
    """Remove all of a PREVIEW: its backups are none, and it may come again. Raises RemoveError, ReleaseError, OSError."""
    try:
        preview_place.sweep()
    except BackupError as error:
        raise RemoveError(str(error)) from None
    removal = Removal(preview.name, by)
    removal.stop()
    removal.remove()
    remove_begun(preview)
    found = journal.read(preview.name)
    if found and not found.under_way and not found.left:
        with suppress(FileNotFoundError):
            found.path.unlink()  # it need not be said that it is wanted again
    preview.forget()


def remove_begun(preview: Preview) -> None:
    """Remove what a run that was killed early has made of a PREVIEW: an app is known by its units, which come later.

    Raises RemoveError.
    """
    name = preview.name
    if services.is_ours(name):
        return
    cluster = postgres.find_cluster()
    claimed = {"postgres"} if cluster else set()
    claimed |= {"mariadb"} if mysql.find_client() else set()
    if server := claimed & {SERVERS.get(str(preview.description.get("database", "local")), "")}:
        data = databases.look(name, server)
        databases.remove(name, data.cluster, list(data.postgres), list(data.mariadb))
    made = services.accounts_of(name)
    for path in (f"/etc/{name}", f"/srv/{name}"):
        trees.remove(path)
    accounts.remove(made, [])
