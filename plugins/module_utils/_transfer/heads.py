# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A release and a database that is not yet the app's: where the migrations of both are, and the release's run in it.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._app import command as app_command
from ansible_collections.slipway.flask.plugins.module_utils._host import environment_file
from ansible_collections.slipway.flask.plugins.module_utils._release import probe as release_probe
from ansible_collections.slipway.flask.plugins.module_utils._release.commands import with_scheme_of
from ansible_collections.slipway.flask.plugins.module_utils._release.context import Context
from ansible_collections.slipway.flask.plugins.module_utils._release.migrations import commands_of, migrates
from ansible_collections.slipway.flask.plugins.module_utils._transfer.statements import DumpError

FOLDER = Path("/run/slipway")


@dataclass
class Beside(Context):
    """A release whose commands get another environment file than it serves with."""

    environment: Path = Path()

    @property
    def environment_file(self) -> Path:
        return self.environment


@contextmanager
def beside(context: Context, database: str) -> Iterator[Beside]:
    """Give the release of CONTEXT with the DATABASE in the place of its own, on the same server."""
    text = context.environment_file.read_text()
    variable = context.request.migrations.variable
    own, direct = environment_file.environment_of(text).get(variable, ""), context.request.database.direct_url
    url = renamed(with_scheme_of(own, direct) if direct else own, database)
    FOLDER.mkdir(mode=0o755, exist_ok=True)
    path = FOLDER / f"{context.paths.app}-{os.getpid()}.environment"
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(f"{text.rstrip()}\n{environment_file.text_of({variable: url}, {})}")
    try:
        same = {one.name: getattr(context, one.name) for one in fields(Context) if one.name != "request"}
        asked = replace(context.request, database=replace(context.request.database, direct_url=""))
        yield Beside(request=asked, **same, environment=path)
    finally:
        path.unlink(missing_ok=True)


def renamed(url: str, database: str) -> str:
    """Return the URL of a database with the name of another one in it."""
    return re.sub(r"\A([^:/]+://[^/?#]*)(?:/[^?#]*)?", lambda found: f"{found[1]}/{database}", url, count=1)


def of_release(context: Context, commands: Sequence[str]) -> list[str] | None:
    """Return the migration heads of the release of CONTEXT, None for one without migrations. Raises DumpError."""
    answer = release_probe.ask(context, commands_of([app_command.split(text) for text in commands]))
    if answer.failed:
        raise DumpError(f"where the release's migrations are can't be read: {answer.failed}")
    return list(answer.probe.heads) if answer.probe.heads else None


def bring(context: Context, database: str, commands: Sequence[str], keep: bool) -> str:
    """Compare the migrations of the release of CONTEXT with those of DATABASE, and run the release's COMMANDS if need be.

    Returns what there is to tell. Raises DumpError for a database that the release can't serve; KEEP leaves it as it is.
    """
    every = [app_command.split(text) for text in commands]
    upgrades = [argv for argv in every if migrates(argv)]
    with beside(context, database) as there:
        answer = release_probe.ask(there, commands_of(every))
        found = answer.probe
        if found.heads is None or not found.heads:
            return "the release has no migrations to compare with"
        if answer.failed or found.current is None:
            raise DumpError(f"where its migrations are can't be read: {answer.failed or found.note}")
        heads, current = ", ".join(found.heads), ", ".join(found.current)
        if found.at_head:
            return f"its migration head is the release's ({heads})"
        if keep:
            return f"its migration head is {current or 'none'}, the release's {heads}: left as it is"
        if found.unknown:
            raise DumpError(
                f"it is ahead of the release {context.record.id}: it is at {', '.join(found.unknown)}, which the release "
                "does not have. First deploy the code that it comes from, or pass -e import_schema=keep"
            )
        if not current:
            raise DumpError(
                f"it has no migration head (no rows in alembic_version), so it is not known which of the release's "
                f"migrations it has; the release is at {heads}. Run `flask db stamp` where it comes from and dump it again, "
                "or pass -e import_schema=keep"
            )
        if not upgrades:
            raise DumpError(f"it is at {current}, the release at {heads}, and no release command migrates")
        for argv in upgrades:
            there.command(argv, "release")
        after = release_probe.ask(there, commands_of(every)).probe
        if not after.at_head:
            raise DumpError(f"it is at {', '.join(after.current or ())} after the release's migrations, not at {heads}")
        return f"it was at {current}; the release's migrations upgraded it to {heads}"
