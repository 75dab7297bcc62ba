# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What is dangerous in revisions that are to be run or undone: found in their SQL, refused unless somebody has allowed it.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._database import known
from ansible_collections.slipway.flask.plugins.module_utils._migration import lint, linters
from ansible_collections.slipway.flask.plugins.module_utils._migration.probe import Probe
from ansible_collections.slipway.flask.plugins.module_utils._python import uv
from ansible_collections.slipway.flask.plugins.module_utils._release.context import Context
from ansible_collections.slipway.flask.plugins.module_utils._release.record import ReleaseError


class Judgement:
    """Judges revisions. FINDINGS are what is dangerous in them, allowed or not; DOWN is for those that are to be undone."""

    def __init__(self, context: Context, down: bool = False) -> None:
        self.context, self.asked = context, context.request.migrations
        self.findings: list[lint.Finding] = []
        self.what, self.run_of = ("pending migrations", "deploy") if not down else ("downgrade", "rollback")

    def judge(self, probe: Probe) -> None:
        """Judge the revisions that PROBE has as pending. Raises ReleaseError for what nobody has allowed."""
        self._look(probe)
        self._decide()

    def _look(self, probe: Probe) -> None:
        """Find what is dangerous in the pending revisions; those allowed as a whole need no linter."""
        for one in probe.pending:
            if one.problem:
                self.context.notes.append(
                    f"revision {one.title}: its SQL can't be generated beforehand ({one.problem}), so its source "
                    f"was checked instead"
                )
        path = self.context.here / "migrations.sql"
        text, _ = lint.script(probe.pending)
        self.context.write(path, text, 0, self.context.gid, 0o640)
        try:
            report = self._linted(path, probe)
            self.findings = lint.findings(probe.pending, report)
        except (uv.EnvironmentError_, ValueError) as error:
            if self.asked.mode == "guarded" and not {p.revision for p in probe.pending} <= self.asked.allowed:
                raise ReleaseError(
                    f"the {self.what} can't be checked, because {known.named(probe.dialect).linter} can't be used: {error}\n"
                    f"Fix that, or allow them by name ({allowing([p.revision for p in probe.pending], self.run_of)})"
                ) from error
            self.context.notes.append(f"the {self.what} were not checked: {error}")
        finally:
            path.unlink()

    def _linted(self, path: Path, probe: Probe) -> str:
        """Return the linter's report of the SQL in PATH; it runs with the app's rights, for the SQL is the app's."""
        asked = self.context.request.tools
        index = uv.Index(asked.index_url, asked.extra_index_urls, asked.ca_bundle)
        tools, run = uv.Uv(asked.uv, index), lambda argv: self.context.run(argv, "check")
        dialect = known.named(probe.dialect)
        return dialect.judge(path, probe.server, linters.ensure(dialect.linter, tools), run)

    def _decide(self) -> None:
        """Stop for findings that nobody has allowed, and note the others."""
        stopping = [one for one in self.findings if not one.allowed(self.asked.allowed)]
        if stopping and self.asked.mode == "guarded":
            what = "a statement" if len(stopping) == 1 else f"{len(stopping)} statements"
            raise ReleaseError(
                f"{what} of the {self.what} would harm the running site:\n"
                + "\n".join(f"- {one}" for one in stopping)
                + "\nNothing was run. Change the migration, or allow it: "
                + allowing([one.revision for one in stopping], self.run_of)
            )
        self.context.notes += [f"{'allowed' if one not in stopping else 'reported'}: {one}" for one in self.findings]


def allowing(revisions: Iterable[str], run: str) -> str:
    """Return how a person allows REVISIONS for a RUN (deploy, rollback), or for good."""
    names = list(dict.fromkeys(revisions))
    quoted = ", ".join(f'"{name}"' for name in names)
    return f"-e allow_migrations={','.join(names)} for this {run}, or `migrations_allow: [{quoted}]` of the app"
