# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A command that changes the schema, run by the host alone: as the owner, with timeouts, after a dump.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._host import gunicorn, systemd
from ansible_collections.slipway.flask.plugins.module_utils._migration import probe as migration_probe
from ansible_collections.slipway.flask.plugins.module_utils._migration import run as migration_run
from ansible_collections.slipway.flask.plugins.module_utils._migration.probe import Probe
from ansible_collections.slipway.flask.plugins.module_utils._postgres.url import (
    DatabaseUrl,
    UrlError,
    add_options,
    parse_url,
    redact,
)
from ansible_collections.slipway.flask.plugins.module_utils._release import probe as release_probe
from ansible_collections.slipway.flask.plugins.module_utils._release.context import Context
from ansible_collections.slipway.flask.plugins.module_utils._release.dump import Dump
from ansible_collections.slipway.flask.plugins.module_utils._release.record import ReleaseError


class Alone:
    """How the commands of one release that change the schema run."""

    def __init__(self, context: Context) -> None:
        self.context, self.settings = context, context.settings["migrations"]

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
            "seconds": context.settings["check_seconds"],
            "dump": dump.prepare() if dump else None,
            "lock": migration_run.LOCK,
            "prefix": migration_run.DUMP_PREFIX,
        }
        context.write(file, gunicorn.environment_file({}, self.variables(dump)), 0, 0, 0o600)
        try:
            python = ["python", "-c", migration_run.SCRIPT, context.settings["wsgi"], json.dumps(ask)]
            done = context.run(python, "release", [str(dump.path.parent)] if dump else None, [file])
        finally:
            file.unlink(missing_ok=True)
        url = self.url()
        ran, output = migration_run.read(f"{done.stdout}\n{done.stderr}", done.returncode)
        said = systemd.masked(redact(output, url.password if url else ""), context.environment_file)
        if ran.before is not None:
            context.record.heads_before = ran.before
        context.record.heads_after = ran.after
        if dump:
            context.notes += dump.finish(kept=ran.ran)
        if ran.failed or done.returncode:
            told = migration_run.failure(command, ran, said, probe.pending, self.settings)
            raise ReleaseError(f"{told}\nIts last lines:\n{systemd.tail(without_answers(said))}")
        if ran.waited >= 1:
            context.notes.append(f"waited {ran.waited:.0f} s for another migration of this database")
        return ran, output

    def variables(self, dump: Dump | None) -> dict[str, str]:
        """Return the environment that a migration has beyond the service's; it may hold the owner's password."""
        environment = self._environment()
        seconds = {
            "lock_timeout": self.settings["lock_timeout_seconds"],
            "statement_timeout": self.settings["statement_timeout_seconds"],
        }
        options = " ".join(f"-c {name}={value}s" for name, value in seconds.items() if value)
        found = {"PGAPPNAME": f"slipway {self.context.record.id}"}
        if options:
            found["PGOPTIONS"] = f"{environment.get('PGOPTIONS', '')} {options}".strip()
        url, own = self.url(), self._owner_url() or environment.get(self._variable, "")
        if own and url and url.parameters.get("options"):  # it goes before PGOPTIONS
            found[self._variable] = add_options(own, options)
        elif own and self.settings["owner_url"]:
            found[self._variable] = own
        if dump and url:
            found |= {f"{migration_run.DUMP_PREFIX}{name}": text for name, text in url.environment().items()}
        return found

    @property
    def _variable(self) -> str:
        return str(self.settings["variable"])

    def _owner_url(self) -> str:
        """Return the owner's URL with the scheme of the app's own in this release, which follows the app's driver."""
        scheme, there, _ = self._environment().get(self._variable, "").partition("://")
        url = str(self.settings["owner_url"])
        return f"{scheme}://{url.partition('://')[2]}" if url and there else url

    def _environment(self) -> Mapping[str, str]:
        return systemd.environment_of(self.context.environment_file.read_text())

    def url(self) -> DatabaseUrl | None:
        """Return the URL that migrations use, None when there is none or it can't be read."""
        try:
            found = parse_url(self.settings["owner_url"] or self._environment().get(self._variable, ""))
        except UrlError:
            return None
        return found if found.is_postgres else None


def without_answers(text: str) -> str:
    """Return TEXT without the lines that are meant for us."""
    return "\n".join(row for row in text.splitlines() if not row.startswith(migration_probe.MARK))
