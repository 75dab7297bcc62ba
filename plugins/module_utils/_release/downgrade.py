# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The stages of a rollback before the release starts, check and migrate: what becomes of the database's schema.

An old release can run neither `upgrade` nor `downgrade` on a database that is ahead of it ("Can't locate revision"); the
newer release's code can. So the newer one is asked, and runs the downgrade when one is wanted.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from ansible_collections.slipway.flask.plugins.module_utils._host import systemd
from ansible_collections.slipway.flask.plugins.module_utils._migration import probe as migration_probe
from ansible_collections.slipway.flask.plugins.module_utils._release import probe as release_probe
from ansible_collections.slipway.flask.plugins.module_utils._release import restore_point
from ansible_collections.slipway.flask.plugins.module_utils._release.context import Context
from ansible_collections.slipway.flask.plugins.module_utils._release.migrations import Migrations
from ansible_collections.slipway.flask.plugins.module_utils._release.record import ReleaseError, number

SQL_LINES = 40


class Downgrade:
    """Brings the schema down to what a release was made for, when that is wanted. CONTEXT is that of the release."""

    def __init__(self, context: Context) -> None:
        self.context, self.request, self.paths = context, context.request, context.paths
        self.probed = migration_probe.Probe()
        self.revision = ""
        """The one that the database is to go down to before the release starts."""
        self.judged: Migrations | None = None
        """Those that are to be undone."""
        self.undone: Migrations | None = None
        """Those that have been."""

    def resume(self) -> None:
        """Know again what an earlier call has undone."""
        record = self.context.record
        if record.heads_after != record.heads_before:
            self.undone = Migrations(self._newer())

    def check(self) -> None:
        """Find out whether and where to the database goes down. Raises ReleaseError when the schema stands in the way."""
        newer, target, wanted = self._newer(), self.context.record, self._wanted()
        self._probe(newer)
        current = newer.record.heads_after if self.probed.current is None else list(self.probed.current)
        target.heads_before = target.heads_after = current
        if wanted is None or current is None or current == wanted or self.request.schema == "keep":
            return
        if number(target.id) > number(newer.record.id):
            raise ReleaseError(
                f"the database is at {', '.join(current) or 'base'}, and release {target.id} is a newer one, made for "
                f"{', '.join(wanted) or 'base'}: deploy its revision again, which migrates (or rollback_schema=keep)"
            )
        self.judged = Migrations(newer, down=True)
        if self.request.schema == "downgrade" and len(wanted) < 2:
            self.judged.judge_down(self.probed)
            self.revision = wanted[0] if wanted else "base"
            return
        raise ReleaseError(self._explain(current, wanted))

    def migrate(self) -> None:
        """Have the live release undo its revisions, when that is wanted."""
        if not self.revision or not self.judged:
            return
        self.undone = self.judged
        self.undone.run(self._command("downgrade", self.revision), self.probed)
        self.context.record.heads_after = [] if self.revision == "base" else [self.revision]

    def undo_migrate(self) -> str:
        """Bring the schema up again for the live release on; return what to say when that fails."""
        if not self.undone:
            return ""
        try:
            if self.request.resume:
                self._probe(self.undone.context)
            upgrade = self._command("upgrade")
            self.undone.run([*upgrade, "head"] if upgrade[0] == "alembic" else upgrade, self.probed)
        except ReleaseError as error:
            return f"\nAnd the schema could not be brought up again: {error}"
        return ""

    def _newer(self) -> Context:
        """Return the live release until the switch: it is the newer one and knows every revision."""
        serving = self.paths.record(self.context.record.previous)
        if serving is None:
            raise ReleaseError(f"release {self.context.record.previous} is gone")
        return Context(self.request, self.paths, serving, self.context.uid, self.context.gid, self.context.notes)

    def _wanted(self) -> list[str] | None:
        """Return the heads that the release was made for."""
        made = self.paths.record(self.context.record.id)
        return made.heads_after if made else None

    def _probe(self, newer: Context) -> None:
        """Ask the live release where the database is, and what undoing its revisions would run."""
        question = {"lower": self._wanted() or [], "sql": True, "own": True}
        self.probed = release_probe.ask(newer, question).probe

    def _command(self, what: str, *more: str) -> list[str]:
        """Return the command that migrates WHAT way (upgrade, downgrade): Flask-Migrate's, or plain Alembic's."""
        plain = any("alembic" in place["argv"] for place in self.probed.places)
        return [*(("alembic",) if plain else ("flask", "db")), what, *more]

    def _explain(self, current: list[str], wanted: list[str]) -> str:
        """Return what stands between the two releases, and then the ways on, each as a command."""
        between = [f"- {step}" for step in self.probed.between or ()] or ["(unknown to the live code)"]
        sql = systemd.tail("\n".join(one.sql for one in self.probed.pending), SQL_LINES)
        harm = cast(Migrations, self.judged).harm(self.probed)  # `check` has made it
        allow = f" -e allow_migrations={','.join(dict.fromkeys(one.revision for one in harm))}" if harm else ""
        run, target = "ansible-playbook playbooks/rollback.yml", self.context.record.id
        run = f"{run} -e app={self.paths.app} -e release={target} -e rollback_schema="
        saved = f" ({self._saved()} before)" if any(one.destroys for one in harm) else ""
        return (
            f"the database is at {', '.join(current) or 'base'}, release {target} was made for "
            f"{', '.join(wanted) or 'base'}. Nothing was changed."
            + _under("In between:", between)
            + _under("Undoing these revisions would run:", sql.splitlines() or ["(it can't be written as SQL)"])
            + (
                _under("What that would do:", [line for one in harm for line in f"- {one}".splitlines()])
                if harm
                else ""
            )
            + "\nChoose one:"
            + _under(f"- The code of {target} works with the newer schema:", [f"{run}keep"], 2)
            + _under(f"- Have the live release undo the revisions first{saved}:", [f"{run}downgrade{allow}"], 2)
            + self._way_back()
        )

    def _saved(self) -> str:
        """Return how the data would be kept from what destroys."""
        return "a restore point is made" if restore_point.is_kept(self.paths.app) else "the database is dumped"

    def _way_back(self) -> str:
        """Return how a restore brings the data back as it was for the release, "" where no point was made."""
        records = filter(None, map(self.paths.record, self.paths.release_ids()))
        return restore_point.way_back(self.paths.app, self.context.record.id, records)


def _under(head: str, lines: Sequence[str], indent: int = 0) -> str:
    """Return LINES under a HEAD, which begins a line of its own."""
    shift = " " * indent
    return "".join([f"\n{shift}{head}", *(f"\n{shift}  {line}" for line in lines)])
