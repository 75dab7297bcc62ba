# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""How the app's own commands run: in the release's folder, with its environment, in the sandbox of its service.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ansible_collections.slipway.flask.plugins.module_utils._app import command as app_command
from ansible_collections.slipway.flask.plugins.module_utils._host import environment_file, systemd
from ansible_collections.slipway.flask.plugins.module_utils._process import names
from ansible_collections.slipway.flask.plugins.module_utils._release.record import Paths, Record, ReleaseError
from ansible_collections.slipway.flask.plugins.module_utils._release.request import Request

if TYPE_CHECKING:
    from ansible_collections.slipway.flask.plugins.module_utils._host import sandbox

MISSING = 127
"""Status of env(1) when there is no such program."""
PURPOSES = ("build", "check", "release")
"""What an app's own commands are run for; a unit of its own each."""

LOOK = {"ProtectSystem": "strict", "PrivateTmp": "yes", "KillSignal": "SIGKILL"}
"""What a command that may write nothing has for certain, whatever the service's unit says."""

LOOK_GRACE_SECONDS = 15
"""What systemd gives such a command beyond its time: to start, and to say where it was."""


@dataclass
class Commands:
    """The commands of one release of one app. REQUEST is what the run is asked."""

    request: Request
    paths: Paths
    record: Record

    @property
    def here(self) -> Path:
        """The release's folder."""
        return self.paths.release(self.record.id)

    @property
    def src(self) -> Path:
        """The release's code."""
        return self.here / "src"

    @property
    def environment_file(self) -> Path:
        """The release's own environment file."""
        return self.paths.environment_file(self.record.id)

    @property
    def planned(self) -> Path:
        """Where a plan has what a deploy would make for good outside of the release's folder."""
        return self.here / "planned"

    def command(self, words: list[str], purpose: str, writable: list[str] | None = None) -> str:
        """Run one of the app's commands and return what it printed. Raises ReleaseError with its last lines."""
        done = self.run(app_command.argv(words), purpose, writable)
        output = environment_file.masked(f"{done.stdout}\n{done.stderr}", self.environment_file)
        if done.returncode:
            from ansible_collections.slipway.flask.plugins.module_utils._python import hints

            hint = hints.hint(output)
            raise ReleaseError(
                f"`{app_command.label(words)}` failed with status {done.returncode}.{hint}"
                + ("\n" if hint else " ")
                + f"Its last lines:\n{systemd.tail(output)}"
            )
        return output

    def run(
        self, argv: list[str], purpose: str, writable: list[str] | None = None, more_files: Sequence[Path] = ()
    ) -> subprocess.CompletedProcess[str]:
        """Run ARGV as the app's user, with the release's environment and that in MORE_FILES; return what it printed."""
        from ansible_collections.slipway.flask.plugins.module_utils._host import sandbox

        command = self._how(
            [*self.places, *(writable or [])],
            self.request.command_seconds,
            sandbox.BUILD if purpose == "build" else {},
        )
        with self._direct(purpose) as direct:
            command.more_files = [*direct, *more_files]
            done = command.run(["/usr/bin/env", *argv], command_unit(self.paths.app, purpose, self.record.id))
        if done.returncode == MISSING:
            from ansible_collections.slipway.flask.plugins.module_utils._python import console_scripts

            done.stderr += console_scripts.advice(self.src, done.stderr)
        return done

    @property
    def places(self) -> list[str]:
        """The folders that the app may write when it serves."""
        planned = [str(self.planned)] if self.planned.is_dir() else []
        return [str(self.paths.shared), *planned, *self.request.writable_paths]

    def look(self, argv: list[str], seconds: int) -> subprocess.CompletedProcess[str]:
        """Run ARGV as `run` does, but where nothing can be written, for SECONDS at most; return what it printed.

        What stands in for shared folders in a plan goes with it and may be written. What it has started is killed.
        """
        command = self._how([str(self.planned)] if self.planned.is_dir() else [], seconds + LOOK_GRACE_SECONDS, LOOK)
        with self._direct("check") as command.more_files:
            return command.run(["/usr/bin/env", *argv], command_unit(self.paths.app, "check", self.record.id))

    @contextmanager
    def _direct(self, purpose: str) -> Iterator[list[Path]]:
        """Give the file with the URL that leads a command past a pooler of the database, which a build does not ask."""
        url, variable = self.request.database.direct_url, self.request.migrations.variable
        if not url or purpose == "build":
            yield []
            return
        own = environment_file.environment_of(self.environment_file.read_text()).get(variable, "")
        text = environment_file.text_of({}, {variable: with_scheme_of(own, url)})
        file = self.environment_file.with_name("direct")
        file.unlink(missing_ok=True)
        file.touch(mode=0o600)
        file.write_text(text)
        try:
            yield [file]
        finally:
            file.unlink()

    def _how(self, writable: list[str], seconds: int, properties: Mapping[str, str | Sequence[str]]) -> sandbox.Command:
        from ansible_collections.slipway.flask.plugins.module_utils._host import sandbox

        return sandbox.Command(
            user=self.request.user,
            folder=self.src,
            environment_file=self.environment_file,
            environment=app_command.surroundings(str(self.here / "venv"), self.request.wsgi, self.record.id),
            writable=writable,
            seconds=seconds,
            service=names.unit(self.paths.app, names.FIRST, self.record.id),
            properties=properties,
        )


def with_scheme_of(own: str, url: str) -> str:
    """Return URL with the scheme of the app's OWN in this release, which follows the app's driver."""
    scheme, there, _ = own.partition("://")
    return f"{scheme}://{url.partition('://')[2]}" if url and there else url


def command_unit(app: str, purpose: str, release: str) -> str:
    """Return the name of the transient unit in which a command of a release runs."""
    return f"{app}-{purpose}-{release}.service"
