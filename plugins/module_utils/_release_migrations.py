# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The migrations of one release: judged before anything runs, run alone, and with a dump where they destroy.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils import (
    _app_command,
    _gunicorn_systemd,
    _host,
    _migration_lint,
    _migration_run,
    _python_uv,
    _squawk,
)
from ansible_collections.slipway.flask.plugins.module_utils._app_probe import Probe
from ansible_collections.slipway.flask.plugins.module_utils._migration_dump import Dump
from ansible_collections.slipway.flask.plugins.module_utils._postgres_url import (
    DatabaseUrl,
    UrlError,
    add_options,
    parse_url,
    redact,
)
from ansible_collections.slipway.flask.plugins.module_utils._release import ReleaseError
from ansible_collections.slipway.flask.plugins.module_utils._release_context import Context

UPGRADE = ["flask", "db", "upgrade"]


def migrates(argv: Sequence[str]) -> bool:
    """Tell whether a release command is a migration: `flask db upgrade`, `alembic upgrade head` and the like."""
    return "upgrade" in argv


class Migrations:
    """What one release does to the database's schema. FINDINGS are what `judge` found dangerous, allowed or not."""

    def __init__(self, context: Context) -> None:
        self.context, self.settings = context, context.settings["migrations"]
        self.findings: list[_migration_lint.Finding] = []
        self.expected: list[str] | None = None
        self.dump: Dump | None = None

    # ---- before anything runs ----------------------------------------------------------------------------------

    def judge(self, probe: Probe, commands: Iterable[Sequence[str]]) -> None:
        """Refuse what the release COMMANDS can't or must not do to the database. Raises ReleaseError."""
        upgrades = [argv for argv in commands if migrates(argv)]
        if probe.heads is None or not upgrades:
            return
        if len(probe.heads) > 1 and not any("heads" in argv for argv in upgrades):
            heads = " ".join(probe.heads)
            raise ReleaseError(
                f"the code's migrations have {len(probe.heads)} heads ({', '.join(probe.heads)}), so nobody can say which "
                f"comes last. Join them in your repository: `flask db merge -m 'Merge heads' {heads}`, and commit the file"
            )
        if probe.unknown:
            raise ReleaseError(
                f"the database is ahead of this code: it is at {', '.join(probe.unknown)}, which this revision does not "
                "have. Deploy the newer code (or merge it into yours); to undo the newer migrations first, go back with "
                "rollback.yml -e rollback_schema=downgrade"
            )
        self.expected = None if probe.current is None else list(probe.current)
        if self.settings["mode"] == "off" or probe.at_head:
            return
        if probe.current is None:
            told = f"the database does not tell where its schema is: {probe.note}"
            if self.settings["mode"] == "guarded":
                raise ReleaseError(
                    f"{told}\nIt must be up, and the service's role must be allowed to read Alembic's table (GRANT SELECT). "
                    "To migrate without having seen what it does, set `migrations: report`"
                )
            self.context.notes.append(told)
        elif probe.current and probe.dialect == "postgresql" and probe.pending:
            self._lint(probe)
            self._decide(probe)

    def _lint(self, probe: Probe) -> None:
        """Find what is dangerous in the pending revisions; those allowed as a whole need no linter."""
        unread = [one for one in probe.pending if one.problem]
        for one in unread:
            self.context.notes.append(
                f"revision {one.title} looks at the database, so its SQL can't be written beforehand and was judged only "
                f"in part ({one.problem})"
            )
        path = self.context.here / "migrations.sql"
        text, _ = _migration_lint.script(probe.pending)
        self.context.write(path, text, 0, self.context.gid, 0o640)
        try:
            report = self._squawk(path, probe.server.get("version", 0))
            self.findings = _migration_lint.findings(probe.pending, report)
        except (_python_uv.EnvironmentError_, ValueError) as error:
            if self.settings["mode"] == "guarded" and not {p.revision for p in probe.pending} <= self._allowed():
                raise ReleaseError(
                    f"the pending migrations can't be judged, because squawk can't be used: {error}\n"
                    f"Mend that, or allow them by name ({allowing([p.revision for p in probe.pending])})"
                ) from error
            self.context.notes.append(f"the pending migrations were not judged: {error}")
        finally:
            path.unlink()

    def _squawk(self, path: Path, version: int) -> str:
        """Return squawk's report of the SQL in PATH; it runs with the app's rights, for the SQL is the app's."""
        settings = self.context.settings
        index = _python_uv.Index(
            settings["index_url"] or "", tuple(settings["extra_index_urls"] or ()), settings["ca_bundle"]
        )
        squawk = _squawk.ensure(_python_uv.Uv(settings["uv"], index))
        server = ["--pg-version", f"{version // 10000}.{version % 10000}"] if version else []
        done = self.context.run([str(squawk), "--reporter", "json", *server, str(path)], "check")
        if not done.stdout.lstrip().startswith("["):
            raise ValueError(f"squawk said: {_host.tail(done.stdout + done.stderr, 3)}")
        return done.stdout

    def _allowed(self) -> set[str]:
        return {name.strip() for name in self.settings["allow"] if name.strip()}

    def _decide(self, probe: Probe) -> None:
        """Stop for findings that nobody has allowed; make ready for a dump before one that destroys."""
        stopping = [one for one in self.findings if not one.allowed(self._allowed())]
        if stopping and self.settings["mode"] == "guarded":
            what = "a statement" if len(stopping) == 1 else f"{len(stopping)} statements"
            raise ReleaseError(
                f"{what} of the pending migrations would harm the site while it serves:\n"
                + "\n".join(f"- {one}" for one in stopping)
                + f"\nNothing was run. Change the migration, or allow it: {allowing([one.revision for one in stopping])}"
            )
        self.context.notes += [f"{'allowed' if one not in stopping else 'reported'}: {one}" for one in self.findings]
        if self.settings["dump"] and any(one.destroys for one in self.findings):
            self.dump = Dump(self.context, self._url(), probe.server)
            self.dump.check()

    # ---- the run -----------------------------------------------------------------------------------------------

    def run(self, argv: list[str], probe: Probe) -> Probe:
        """Run a migration command alone, and return PROBE as it is afterwards. Raises ReleaseError with what is known."""
        context, command = self.context, _app_command.label(argv)
        file = context.environment_file.with_name("migration")
        dump = self.dump if migrates(argv) else None
        ask = {
            "argv": _app_command.argv(argv),
            "wanted": list(probe.heads or ()) if argv == UPGRADE else None,
            "expected": self.expected,
            "dump": dump.prepare() if dump else None,
            "lock": _migration_run.LOCK,
            "prefix": _migration_run.DUMP_PREFIX,
        }
        context.write(file, _gunicorn_systemd.environment_file({}, self._variables(dump)), 0, 0, 0o600)
        try:
            python = ["python", "-c", _migration_run.SCRIPT, context.settings["wsgi"], json.dumps(ask)]
            done = context.run(python, "release", [str(dump.path.parent)] if dump else None, [file])
        finally:
            file.unlink(missing_ok=True)
        said = _host.masked(f"{done.stdout}\n{done.stderr}", context.environment_file)
        url = self._url()
        ran, output = _migration_run.read(redact(said, url.password if url else ""), done.returncode)
        if ran.before is not None:
            context.record.heads_before = ran.before
        context.record.heads_after = ran.after
        if dump:
            context.notes += dump.finish(kept=ran.ran)
        if ran.failed or done.returncode:
            told = _migration_run.failure(command, ran, output, probe.pending, self.settings)
            raise ReleaseError(f"{told}\nIts last lines:\n{_host.tail(output)}")
        if ran.waited >= 1:
            context.notes.append(f"waited {ran.waited:.0f} s for another migration of this database")
        if not ran.ran:
            context.notes.append("another deploy has migrated the database meanwhile: there was nothing left to do")
        self.expected = ran.after
        return probe if ran.after is None else replace(probe, current=tuple(ran.after))

    def _variables(self, dump: Dump | None) -> dict[str, str]:
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
        url, own = self._url(), self._owner_url() or environment.get(self._variable, "")
        if own and url and url.parameters.get("options"):  # it goes before PGOPTIONS
            found[self._variable] = add_options(own, options)
        elif own and self.settings["owner_url"]:
            found[self._variable] = own
        if dump and url:
            found |= {f"{_migration_run.DUMP_PREFIX}{name}": text for name, text in url.environment().items()}
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
        return _host.environment_of(self.context.environment_file.read_text())

    def _url(self) -> DatabaseUrl | None:
        """Return the URL that migrations use, None when there is none or it can't be read."""
        try:
            found = parse_url(self.settings["owner_url"] or self._environment().get(self._variable, ""))
        except UrlError:
            return None
        return found if found.is_postgres else None


def allowing(revisions: Iterable[str]) -> str:
    """Return how a person allows REVISIONS."""
    names = list(dict.fromkeys(revisions))
    quoted = ", ".join(f'"{name}"' for name in names)
    return f"-e allow_migrations={','.join(names)} for this deploy, or `migrations_allow: [{quoted}]` of the app"


def newer_schema(before: list[str] | None, after: list[str] | None) -> str:
    """Return what to say of a release that migrated and then failed, "" when the schema is where it was."""
    if after is None or before == after:
        return ""
    return (
        f"\nThe database was migrated before that, from {_migration_run.state(before)} to {_migration_run.state(after)}, and "
        "stays so: what serves was made for the older schema. The next deploy goes on from there"
    )
