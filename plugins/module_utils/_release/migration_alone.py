# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A command that changes the schema, run by the host alone: as the owner, with timeouts, after a dump.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._database import known
from ansible_collections.slipway.flask.plugins.module_utils._database.base import Dialect
from ansible_collections.slipway.flask.plugins.module_utils._host import environment_file, systemd
from ansible_collections.slipway.flask.plugins.module_utils._migration import failure
from ansible_collections.slipway.flask.plugins.module_utils._migration import probe as migration_probe
from ansible_collections.slipway.flask.plugins.module_utils._migration import run as migration_run
from ansible_collections.slipway.flask.plugins.module_utils._migration.probe import Probe
from ansible_collections.slipway.flask.plugins.module_utils._release import probe as release_probe
from ansible_collections.slipway.flask.plugins.module_utils._release.commands import with_scheme_of
from ansible_collections.slipway.flask.plugins.module_utils._release.context import Context
from ansible_collections.slipway.flask.plugins.module_utils._release.dump import Dump
from ansible_collections.slipway.flask.plugins.module_utils._release.record import ReleaseError


class Alone:
    """How the commands of one release that change the schema run."""

    def __init__(self, context: Context) -> None:
        self.context, self.asked = context, context.request.migrations

    def run(
        self, argv: list[str], command: str, probe: Probe, dump: Dump | None, **more: Any
    ) -> tuple[migration_run.Ran, str]:
        """Run ARGV under the lock of the database, after DUMP; return what became of it and what it printed.

        command: how it is called in a message; more: what the script has to know beyond. Raises ReleaseError.
        """
        context = self.context
        file = context.environment_file.with_name("migration")
        ask = {
            "argv": argv,
            **more,
            **release_probe.common(context),
            "seconds": context.request.check_seconds,
            "dump": dump.prepare() if dump else None,
            "prefix": migration_run.DUMP_PREFIX,
        }
        context.write(file, environment_file.text_of({}, self.variables(dump)), 0, 0, 0o600)
        try:
            python = ["python", "-c", migration_run.SCRIPT, context.request.wsgi, json.dumps(ask)]
            done = context.run(python, "release", [str(dump.path.parent)] if dump else None, [file])
        finally:
            file.unlink(missing_ok=True)
        ran, output = migration_run.read(f"{done.stdout}\n{done.stderr}", done.returncode)
        said = environment_file.masked(self.dialect.secret(self.url)(output), context.environment_file)
        if ran.before is not None:
            context.record.heads_before = ran.before
        context.record.heads_after = ran.after
        if dump:
            context.notes += dump.finish(kept=ran.ran)
        if ran.failed or done.returncode:
            half = "" if self.dialect.undoes_ddl else self.dialect.title
            told = failure.failure(command, ran, said, probe.pending, self.asked, half) + self.context.hint(said)
            raise ReleaseError(f"{told}\nIts last lines:\n{systemd.tail(without_answers(said))}")
        if ran.waited >= 1:
            context.notes.append(f"waited {ran.waited:.0f} s for another migration of this database")
        return ran, output

    def variables(self, dump: Dump | None) -> dict[str, str]:
        """Return the environment that a migration has beyond the service's; it may hold the owner's password."""
        environment = self._environment()
        timeouts = {
            "lock": self.asked.lock_timeout_seconds,
            "statement": self.asked.statement_timeout_seconds,
        }
        found: dict[str, str] = {}
        for dialect in known.KNOWN:
            found |= dialect.session(environment, f"slipway {self.context.record.id}", timeouts)
        own = self._owner_url() or environment.get(self._variable, "")
        limited = self.dialect.limited(own, timeouts)
        if limited != environment.get(self._variable, ""):
            found[self._variable] = limited
        if dump:
            found |= {f"{migration_run.DUMP_PREFIX}{name}": text for name, text in dump.environment().items()}
        return found

    @property
    def _variable(self) -> str:
        return self.asked.variable

    def _owner_url(self) -> str:
        """Return the owner's URL with the scheme of the app's own in this release, which follows the app's driver."""
        return with_scheme_of(self._environment().get(self._variable, ""), self.asked.owner_url)

    def _environment(self) -> Mapping[str, str]:
        return environment_file.environment_of(self.context.environment_file.read_text())

    @property
    def url(self) -> str:
        """The URL that migrations use, "" when there is none."""
        return self.asked.owner_url or self._environment().get(self._variable, "")

    @property
    def dialect(self) -> Dialect:
        """The kind of database of that URL."""
        return known.of(self.url)


def without_answers(text: str) -> str:
    """Return TEXT without the lines that are meant for us."""
    return "\n".join(row for row in text.splitlines() if not row.startswith(migration_probe.MARK))
