# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""`slipway-migrate` in a container of an app's image: its release commands, judged and locked as a deploy on a host does it.

It is run once before the containers of a new version start. What differs from a host: there is no place for a dump, so none
is made, and none for what has run once, so commands with `once` run only with `--once`.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._app import command as app_command
from ansible_collections.slipway.flask.plugins.module_utils._host import environment_file
from ansible_collections.slipway.flask.plugins.module_utils._host.environment_file import environment_of
from ansible_collections.slipway.flask.plugins.module_utils._image import entry, places
from ansible_collections.slipway.flask.plugins.module_utils._release.context import Context
from ansible_collections.slipway.flask.plugins.module_utils._release.record import Paths, Record, ReleaseError
from ansible_collections.slipway.flask.plugins.module_utils._release.request import Command, Migrations, Request
from ansible_collections.slipway.flask.plugins.module_utils._release.upgrade import Upgrade

ALLOW = "SLIPWAY_ALLOW_MIGRATIONS"
"""Variable with the revisions, separated by commas, that may do what they do, for one run."""
OWNER = "SLIPWAY_OWNER_URL"
"""Variable with the URL of the schema's owner, if the app's own role may not change it."""
OTHERWISE = {
    "-e allow_migrations=": f"{ALLOW}=",
    " for this deploy": " for this run",
    "; to undo the newer migrations first, roll back with rollback.yml -e rollback_schema=downgrade": "",
}
"""Words of a deploy on a host, and what stands for them here."""
ONCE = "--once"
TIMED_OUT = 124
"""What timeout(1) ends with."""


class Inside(Context):
    """The release that an image is. ROOM is a folder of this run's own, in memory."""

    room: Path
    with_once = False

    @property
    def here(self) -> Path:
        return self.room

    @property
    def src(self) -> Path:
        return places.SRC

    @property
    def environment_file(self) -> Path:
        return self.room / environment_file.NAME

    @property
    def processes(self) -> tuple[()]:
        return ()

    @property
    def places(self) -> list[str]:
        return [str(places.SHARED)]

    def save(self) -> None:
        """Nothing is kept of a run."""

    def write(self, path: Path, content: str | bytes, uid: int, gid: int, bits: int) -> None:
        """Write a file for this process's user, whoever was meant: there is no other one."""
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode())

    def run(
        self, argv: list[str], purpose: str, writable: list[str] | None = None, more_files: Sequence[Path] = ()
    ) -> subprocess.CompletedProcess[str]:
        """Run ARGV with the container's environment and that in MORE_FILES; return what it printed."""
        variables = dict(os.environ)
        for file in more_files:
            variables |= environment_of(file.read_text())
        return _run(argv, variables, self.request.command_seconds)

    def look(self, argv: list[str], seconds: int) -> subprocess.CompletedProcess[str]:
        """Run ARGV for SECONDS at most; that it writes nothing is up to the script that it runs (_migration/guard.py)."""
        return _run(argv, dict(os.environ), seconds + 15)

    def once(self) -> Any:
        return Once(self.request.release_commands, self.with_once)


def _run(argv: Sequence[str], variables: Mapping[str, str], seconds: int) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            ["/usr/bin/env", *argv], cwd=places.SRC, env=variables, text=True, errors="replace", capture_output=True,
            stdin=subprocess.DEVNULL, timeout=seconds, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        parts = [part if isinstance(part, str) else (part or b"").decode(errors="replace")
                 for part in (error.stdout, error.stderr)]  # fmt: skip
        said = f"{parts[1]}\nit did not end within {seconds} s and was stopped"
        return subprocess.CompletedProcess(list(argv), TIMED_OUT, parts[0], said)


class Once:
    """Commands that run once in the life of an app: nobody here knows whether they have, so a person says."""

    def __init__(self, commands: Iterable[Command], wanted: bool) -> None:
        self.unnamed: dict[str, str] = {}
        self.ran = {} if wanted else {one.known_as: "left out" for one in commands if one.once}

    def has_run(self, entry: Command) -> str:
        return entry.known_as if entry.known_as in self.ran else ""

    def add(self, entry: Command) -> None:
        """Nothing is kept."""


def request_of(app: Mapping[str, Any], given: Mapping[str, str]) -> Request:
    """Return what is asked for the APP that an image describes; GIVEN are the container's variables."""
    asked = dict(app["migrations"])
    allowed = (*asked.pop("allow"), *filter(None, given.get(ALLOW, "").split(",")))
    return Request(
        app=app["app"], wsgi=app["wsgi"], user=app["app"], root=str(places.ROOT), settings_folder=str(places.ROOT),
        migrations=Migrations(**asked, allow=allowed, dump=False, owner_url=given.get(OWNER, "")),
        release_commands=tuple(Command(**one) for one in app["release_commands"]),
        check_seconds=int(app["check_seconds"]), writes_at_import=bool(app["writes_at_import"]),
    )  # fmt: skip


def upgrade(context: Inside) -> bool:
    """Judge the release commands and run them; tell whether the database was where it should be before.

    Raises ReleaseError; notes of CONTEXT get what a person should know.
    """
    work = Upgrade(context)
    work.connections.check = lambda probe: None  # type: ignore[method-assign]  # how many containers there will be, nobody here knows
    work.check()
    was_there = work.probed.at_head
    if any(one.destroys for one in work.migrations.findings):
        context.notes.append("there is no dump from before this: an image makes none")
    work.migrate()
    return was_there


def in_an_image(text: str) -> str:
    """Return what a deploy on a host says as it is true of an image."""
    for host, here in OTHERWISE.items():
        text = text.replace(host, here)
    return text


def main() -> None:
    """Run the release commands of the image's app; exit with 1 when one of them fails or may not run."""
    os.umask(0o077)
    try:
        app = entry.described()
        if unknown := [word for word in sys.argv[1:] if word != ONCE]:
            raise entry.EntryError(f"unknown argument '{unknown[0]}'; usage: {places.MIGRATE} [{ONCE}]", entry.USAGE)
        found = entry.environment(app, os.environ)
        os.environ.clear()
        os.environ.update(found)
    except entry.EntryError as error:
        print(f"{places.MIGRATE}: {error}", file=sys.stderr)
        sys.exit(error.status)
    request = request_of(app, os.environ)
    record = Record(str(app["release"]), str(app["app"]), str(app["revision"]), "")
    context = Inside(request, Paths(request.app, places.ROOT, places.ROOT), record, os.getuid(), os.getgid())
    context.with_once = ONCE in sys.argv
    with tempfile.TemporaryDirectory(prefix="slipway-") as room:
        context.room = Path(room)
        context.write(context.environment_file, environment_file.text_of({}, variables(os.environ)), 0, 0, 0o600)
        failed, was_there = "", False
        try:
            was_there = upgrade(context)
        except ReleaseError as error:
            failed = in_an_image(str(error))
    for note in context.notes:
        print(f"note: {note}", file=sys.stderr)
    if failed:
        print(f"{places.MIGRATE}: {failed}", file=sys.stderr)
        sys.exit(1)
    print(told(record, request, was_there, context.with_once))


def variables(given: Mapping[str, str]) -> dict[str, str]:
    """Return those of the GIVEN variables whose values may be secret: all that say nothing of how a program runs."""
    usual = {*app_command.RUNTIME, "PWD", "HOSTNAME", "LANG", "RUNTIME_DIRECTORY", "PORT"}
    return {
        name: value
        for name, value in given.items()
        if name not in usual and not name.startswith(("PYTHON", "KUBERNETES_"))
    }


def told(record: Record, request: Request, was_there: bool, with_once: bool) -> str:
    """Return what has been done, in a sentence; the database WAS_THERE where the code wants it, before anything ran."""
    before, after = (", ".join(heads or []) for heads in (record.heads_before, record.heads_after))
    text = "the release commands have run" if request.release_commands else "there are no release commands"
    if was_there and after:
        text = f"the database is at {after}, nothing to migrate"
    elif after and after != before:
        text = f"the database was migrated from {before or 'nothing'} to {after}"
    left = [one.known_as for one in request.release_commands if one.once and not with_once]
    if left:
        text += f"; left out, as they run once: {', '.join(left)} ({places.MIGRATE} {ONCE} runs them)"
    return f"{request.app} {record.id}: {text}"
