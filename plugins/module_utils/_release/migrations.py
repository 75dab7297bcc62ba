# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The migrations of one release: judged before anything runs, run alone, and with a dump where they destroy.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._app import command
from ansible_collections.slipway.flask.plugins.module_utils._database import known
from ansible_collections.slipway.flask.plugins.module_utils._migration import lint
from ansible_collections.slipway.flask.plugins.module_utils._migration import probe as migration_probe
from ansible_collections.slipway.flask.plugins.module_utils._migration.probe import Probe
from ansible_collections.slipway.flask.plugins.module_utils._release import probe as release_probe
from ansible_collections.slipway.flask.plugins.module_utils._release import restore_point
from ansible_collections.slipway.flask.plugins.module_utils._release.context import Context
from ansible_collections.slipway.flask.plugins.module_utils._release.dump import Dump
from ansible_collections.slipway.flask.plugins.module_utils._release.judgement import Judgement
from ansible_collections.slipway.flask.plugins.module_utils._release.migration_alone import Alone
from ansible_collections.slipway.flask.plugins.module_utils._release.record import ReleaseError

UPGRADE = ["flask", "db", "upgrade"]


def migrates(argv: Sequence[str]) -> bool:
    """Tell whether a release command is a migration: `flask db upgrade`, `alembic upgrade head` and the like."""
    return "upgrade" in argv


MIGRATING = re.compile(r"migrat|upgrade|alembic|schema|init[-_]?db|syncdb|create[-_](all|db|tables)", re.IGNORECASE)
"""What a command that changes a schema has in its words, where nothing better is known of it."""


def commands_of(commands: Iterable[Sequence[str]]) -> dict[str, Any]:
    """Return what the question to an app has to know of the release COMMANDS."""
    every = [list(argv) for argv in commands]
    upgrades = [argv for argv in every if migrates(argv)]
    return {"commands": upgrades, "own": len(upgrades) < len(every)}


def named(commands: Iterable[Sequence[str]]) -> str:
    """Return commands for a message."""
    return ", ".join(f"`{command.label(argv)}`" for argv in commands)


class Migrations:
    """What one release does to the database's schema; DOWN is for revisions that are to be undone."""

    def __init__(self, context: Context, down: bool = False) -> None:
        self.context, self.asked = context, context.request.migrations
        self.alone = Alone(context)
        self.judgement = Judgement(context, down)
        self.expected: list[str] | None = None
        self.dump: Dump | None = None
        self.dumped = False
        self.pointed = self.needs_point = False
        """Whether the restore point is made, and whether it stands in for the dump before what destroys."""
        self.upgrades: list[list[str]] = []
        self.others: list[list[str]] = []

    @property
    def findings(self) -> list[lint.Finding]:
        """What was found dangerous, allowed or not."""
        return self.judgement.findings

    # ---- before anything runs ----------------------------------------------------------------------------------

    def judge(self, probe: Probe, commands: Iterable[Sequence[str]]) -> None:
        """Refuse what the release COMMANDS, and the app's import, can't or must not do to the database.

        Raises ReleaseError.
        """
        every = [list(argv) for argv in commands]
        self.upgrades = [argv for argv in every if migrates(argv)]
        self.others = [argv for argv in every if not migrates(argv)]
        if any(lint.rules_of(what) for what, _ in probe.wrote):
            self.expect_anything()
        if probe.heads is None:
            self._unknown(probe)
        elif self.upgrades or probe.wrote:
            split = probe.split or (probe.heads if len(probe.heads) > 1 and len(probe.places) < 2 else ())
            if split and not any("heads" in argv for argv in self.upgrades):
                heads = " ".join(split)
                raise ReleaseError(
                    f"the code's migrations have {len(split)} heads ({', '.join(split)}), so it is not clear "
                    f"which is the last. Merge them in your repository: `flask db merge -m 'Merge heads' {heads}`, "
                    f"and commit the file"
                )
            if probe.unknown:
                raise ReleaseError(
                    f"the database is ahead of this code: it is at {', '.join(probe.unknown)}, which this revision does not "
                    "have. Deploy the newer code (or merge it into yours); to undo the newer migrations first, "
                    "roll back with rollback.yml -e rollback_schema=downgrade"
                )
            self._judge(probe)
        elif self.others and probe.pending:
            self._judge(probe)
            self.context.notes.append(
                f"{len(probe.pending)} migrations are pending and none of the release commands is `flask db upgrade`; "
                f"{named(self.others)} may run them, so they were checked as if it did"
            )

    def judge_again(self, probe: Probe) -> None:
        """Judge what release commands have made pending that was not when `judge` looked. Raises ReleaseError."""
        if probe.heads is None:
            return
        notes, seen = list(self.context.notes), {str(one) for one in self.findings}
        self._judge(probe)
        new = [note for note in self.context.notes[len(notes) :] if not any(told in note for told in seen)]
        self.context.notes[:] = notes + [note for note in new if note not in notes]

    def takes(self, argv: Sequence[str], probe: Probe) -> bool:
        """Tell whether a release command is run as a migration: alone, and with a dump before what destroys."""
        own = not self.upgrades and bool(probe.pending) and list(argv) in self.others
        return probe.heads is not None and (migrates(argv) or own)

    def _unknown(self, probe: Probe) -> None:
        """Say of commands that migrate that they could not be looked at; stop for those of Alembic's."""
        if self.asked.mode == "off":
            return
        if self.upgrades and probe.note:
            told = f"the migrations of {named(self.upgrades)} can't be read: {probe.note}"
            if self.asked.mode == "guarded":
                raise ReleaseError(
                    f"{told}\nNothing was run. Fix that, or set `migrations: report` to run them unchecked"
                )
            self.context.notes.append(told)
            return
        known = [argv for argv in [*self.upgrades, *self.others] if argv[:2] != ["flask", "db"]]  # it fails by itself
        strange = [argv for argv in known if MIGRATING.search(" ".join(argv))]
        if strange:
            self.context.notes.append(
                f"{named(strange)} was not checked, and no dump is made before it: the app has no Flask-Migrate and no alembic.ini"
            )

    def _judge(self, probe: Probe) -> None:
        """Look at the pending revisions, and at what the import would write."""
        self.expected = None if probe.current is None else list(probe.current)
        self.judgement.findings = []
        if self.asked.mode == "off":
            return
        if probe.current is None:
            self._unseen(
                f"the database does not say which revision it is at: {probe.note}",
                "It must be up, and the service's role must be allowed to read Alembic's table (GRANT SELECT). "
                "To migrate unchecked, set `migrations: report`",
            )
        elif not probe.at_head and probe.current and probe.pending:
            self._look_or_dump(probe)

    def _look_or_dump(self, probe: Probe) -> None:
        """Judge the revisions that PROBE has as pending, or make ready for a dump where nothing can. Raises ReleaseError."""
        dialect = known.named(probe.dialect)
        if dialect.is_judged:
            self._look(probe)
        elif dialect.dump(self.alone.url):
            self._unjudged(probe)

    def _unjudged(self, probe: Probe) -> None:
        """Make ready for a dump before what nothing here can judge, and say so. Raises ReleaseError."""
        title = known.named(probe.dialect).title
        told = f"nothing checks beforehand what a migration does to {title}: check yourself for statements that lock"
        if self.asked.dump and not self.dumped:
            self.dump = Dump(self.context, known.named(probe.dialect), self.alone.url, probe.server)
            self.dump.check()
            told += " a table or destroy data. The database is dumped first"
        else:
            told += " a table or destroy data"
        self.context.notes.append(told)

    def _unseen(self, told: str, ways: str) -> None:
        """Refuse what can't be judged, with the WAYS on, or note it where it is to be reported only. Raises ReleaseError."""
        if self.asked.mode == "guarded":
            raise ReleaseError(f"{told}\n{ways}")
        self.context.notes.append(told)

    def judge_down(self, probe: Probe) -> None:
        """Judge the revisions that are to be undone, which PROBE has as pending. Raises ReleaseError."""
        self.expected = None if probe.current is None else list(probe.current)
        if self.asked.mode == "off":
            return
        if probe.between is None:
            self._unseen(
                f"the downgrade's statements can't be checked: {probe.note or probe.error}",
                "Nothing was run. Roll back without it (rollback_schema=keep), or set `migrations: report`",
            )
            self.expect_anything()
        elif probe.pending:
            self._look_or_dump(probe)

    def harm(self, probe: Probe) -> list[lint.Finding]:
        """Return what undoing PROBE's revisions would do, for a message: nothing is refused or noted."""
        notes = list(self.context.notes)
        with suppress(ReleaseError):
            self.judge_down(probe)
        self.context.notes[:] = notes
        return self.findings

    def expect_anything(self) -> None:
        """Make ready for an import that nobody could look at beforehand: there is a dump before it."""
        dialect = self.alone.dialect
        if self.asked.dump and dialect.dump(self.alone.url):
            self.dump = Dump(self.context, dialect, self.alone.url, {})
            self.dump.check()

    def _look(self, probe: Probe) -> None:
        """Judge the revisions that PROBE has as pending; make ready for a dump before one that destroys. Raises ReleaseError."""
        self.judgement.judge(probe)
        destroys = self.asked.dump and not self.dumped and any(one.destroys for one in self.findings)
        self.needs_point = destroys and restore_point.is_kept(self.context.paths.app)
        if destroys and not self.needs_point:
            self.dump = Dump(self.context, known.named(probe.dialect), self.alone.url, probe.server)
            self.dump.check()

    # ---- the run -----------------------------------------------------------------------------------------------

    def run(self, argv: list[str], probe: Probe) -> Probe:
        """Run a migration command alone, and return PROBE as it is afterwards. Raises ReleaseError with what is known."""
        place = next((one for one in probe.places if one["argv"] == argv), None)
        several = len(probe.places) > 1
        wanted = place["heads"] if place else None if several else list(probe.heads or ())
        expected = place["current"] if place and several else None if several else self.expected
        if probe.pending:
            self._point()
        ran, _ = self.alone.run(
            command.argv(argv),
            f"`{command.label(argv)}`",
            probe,
            self._dump(),
            place=argv,
            wanted=wanted if argv == UPGRADE or place else None,
            expected=expected,
        )
        if not ran.ran:
            self.context.notes.append(
                "another deploy has migrated the database meanwhile: there was nothing left to do"
            )
        if several:
            return replace(
                probe, current=tuple(sorted({*(probe.current or ()), *(ran.after or ())} - {*(ran.before or ())}))
            )
        self.expected = ran.after
        return probe if ran.after is None else replace(probe, current=tuple(ran.after))

    def _point(self) -> None:
        """Make a restore point, once. Raises ReleaseError when there is none and it stands in for a dump."""
        if (
            not self.pointed and self.context.paths.current_id()
        ):  # before the first release there is nothing to go back to
            self.pointed = True
            context = self.context
            context.notes += restore_point.before_migration(context.paths.app, context.record, self.needs_point)

    def _dump(self) -> Dump | None:
        """Return the dump that is due, once: one before the first that migrates is enough for a run."""
        dump, self.dump = self.dump, None
        self.dumped = self.dumped or dump is not None
        return dump

    def import_once(self, probe: Probe) -> Probe:
        """Import an app that writes when it is imported, alone; return what it says of itself. Raises ReleaseError."""
        context = self.context
        question = {**release_probe.common(context), **commands_of(self.upgrades), "write": True}
        argv = ["python", "-c", release_probe.script(context), context.request.wsgi, json.dumps(question)]
        _, output = self.alone.run(
            argv, "the import of the app", probe, self._dump(), place=None, wanted=None, expected=None
        )
        return migration_probe.read(output)[0]
