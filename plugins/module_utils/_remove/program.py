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
from ansible_collections.slipway.flask.plugins.module_utils._remove import beside, journal
from ansible_collections.slipway.flask.plugins.module_utils._remove.error import RemoveError
from ansible_collections.slipway.flask.plugins.module_utils._remove.removal import Removal

BY = "slipway-previews, on its end date"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="slipway-previews", description="Removes previews whose end date has come.")
    parser.add_argument("command", choices=["list", "expire"])
    parser.add_argument("name", nargs="*", help="of previews; all of them when none is named")
    asked = parser.parse_args(arguments)
    if asked.command == "list":
        for text in previews.said():
            print(text)
        return 0
    return expire(time.time(), asked.name)


def expire(now: float, names: Collection[str] = ()) -> int:
    """Remove each preview whose end is not after NOW, of NAMES only, where there are any.

    One that can't be removed is told, and tried again the next time. The service that only looks has a unit beside it do it.
    """
    failed = False
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


def remove(preview: Preview, by: str) -> None:
    """Remove all of a PREVIEW: its backups are none, and it may come again. Raises RemoveError, ReleaseError, OSError."""
    removal = Removal(preview.name, by)
    removal.stop()
    removal.remove()
    found = journal.read(preview.name)
    if found and not found.under_way and not found.left:
        with suppress(FileNotFoundError):
            found.path.unlink()  # it need not be said that it is wanted again
    preview.forget()
