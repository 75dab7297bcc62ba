# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Back to a release that is still on the host, with the settings it had, and with an eye on the database's schema.

An old release can run neither `upgrade` nor `downgrade` on a database that is ahead of it ("Can't locate revision"); the
newer release's code can. So the newer one is asked, and runs the downgrade when one is wanted.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import cast

from ansible_collections.slipway.flask.plugins.module_utils._host import systemd
from ansible_collections.slipway.flask.plugins.module_utils._migration import probe as migration_probe
from ansible_collections.slipway.flask.plugins.module_utils._release import probe as release_probe
from ansible_collections.slipway.flask.plugins.module_utils._release.context import Context
from ansible_collections.slipway.flask.plugins.module_utils._release.lease import Lease
from ansible_collections.slipway.flask.plugins.module_utils._release.migrations import Migrations
from ansible_collections.slipway.flask.plugins.module_utils._release.record import (
    Record,
    ReleaseError,
    now,
    number,
)
from ansible_collections.slipway.flask.plugins.module_utils._release.run import Outcome, Run
from ansible_collections.slipway.flask.plugins.module_utils._release.stages import AFTER
from ansible_collections.slipway.flask.plugins.module_utils._release.traffic import Traffic

SQL_LINES = 40


class Rollback(Run):
    """One rollback of one app. SETTINGS are the parameters of slipway.flask.rollback."""

    what = "rollback"
    probed = migration_probe.Probe()
    downgrade = ""
    """The revision that the database is to go down to before the release starts."""
    migrations: Migrations | None = None
    """Those of the release that serves, once it has undone some."""
    judged: Migrations | None = None
    """Those that are to be undone."""

    def roll_back(self) -> Outcome:
        """Make an older release serve. Raises ReleaseError; the release that served before then still does."""
        self._find_user()
        if self.check:
            return self._plan()
        with self._alone():
            if self.settings["resume"]:
                return self._run_stages(self._held(Record.read(self.paths.under_way)))
            self._recover()
            serving, target = self._serving(), self._target()
            if target.id == serving.id:
                return Outcome(False, serving, notes=self.context.notes, previous=serving.id)
            self.context.record = replace(
                target, by=self.settings["by"], started=now(), previous=serving.id, seconds={}, outcome="unfinished"
            )
            return self._run_stages()

    def _plan(self) -> Outcome:
        serving, target = self._serving(), self._target()
        return Outcome(target.id != serving.id, target, previous=serving.id)

    def _serving(self) -> Record:
        found = self.paths.record(self.paths.current_id())
        if found is None:
            raise ReleaseError("nothing has been deployed yet, so there is nothing to go back from", "check")
        return found

    def _target(self) -> Record:
        """Return the release to go back to: the one that is named, or the one that served before this one."""
        serving = self._serving()
        there = [release for release in self.paths.release_ids() if release != serving.id]
        known = ", ".join(reversed(there)) or "none"
        named = self.settings["to"]
        if named == serving.id:
            return serving
        if named and named not in there:
            raise ReleaseError(f"release '{named}' is not on the host; these are: {known}", "check")
        older = [release for release in there if number(release) < number(serving.id)]
        wanted = named or (serving.previous if serving.previous in there else (older or [""])[-1])
        found = self.paths.record(wanted) if wanted else None
        if found is None:
            others = f"name one of those on the host: {known}" if there else "it is the only one on the host"
            raise ReleaseError(f"there is no release before {serving.id} to go back to; {others}", "check")
        return found

    def _run_stages(self, lease: Lease | None = None) -> Outcome:
        """Run the stages up to the next hook, or to the end; LEASE says at which hook an earlier call has stopped."""
        record, traffic = self.context.record, Traffic(self.context)
        traffic.switched = self.paths.current_id() == record.id
        stages: dict[str, Callable[[], None]] = {
            "check": self._compare_schema, "migrate": self._migrate, "start": partial(self._start, traffic), "gate": traffic.gate,
            "switch": traffic.switch, "verify": traffic.verify, "watch": partial(traffic.watch, record.previous),
            "drain": partial(traffic.drain, record.previous),
        }  # fmt: skip
        if lease and record.heads_after != record.heads_before:
            self.migrations = Migrations(self._newer())
        try:
            due = self._due(list(stages), lease)
            if lease and due[:1] == ["migrate"]:
                self._compare_schema()  # what it found is gone with the call that found it
            for name in due:
                with self._stage(name):
                    stages[name]()
        except ReleaseError as error:
            if error.stage in AFTER:
                self._finish()
            else:
                traffic.switch_back(record.previous)
                self._give_up(error)
            raise
        if self.settings["until"]:
            return self._pause(lease)
        self._finish()
        return Outcome(True, record, notes=self.context.notes, previous=record.previous, draining=self._draining())

    def _pause(self, before: Lease | None) -> Outcome:
        """Stop for the tasks of a hook. What the release itself knows is of its deploy and stays as it is."""
        record = self.context.record
        record.notes, record.stage = self.context.notes, self.settings["until"]
        record.write(self.paths.under_way)
        return Outcome(True, record, notes=record.notes, previous=record.previous, hook=self._hold(before))

    def _finish(self) -> None:
        """Write down that the release serves."""
        record = self.context.record
        record.outcome, record.stage, record.ended = "rolled back", "", now()
        self._enter(record)

    def _newer(self) -> Context:
        """Return the release that serves until the switch: it is the newer one and knows every revision."""
        serving = self.paths.record(self.context.record.previous)
        if serving is None:
            raise ReleaseError(f"release {self.context.record.previous} is gone")
        return Context(self.settings, self.paths, serving, self.context.uid, self.context.gid, self.context.notes)

    def _wanted(self) -> list[str] | None:
        """Return the heads that the release was made for."""
        made = self.paths.record(self.context.record.id)
        return made.heads_after if made else None

    def _probe(self, newer: Context) -> None:
        """Ask the release that serves where the database is, and what undoing its revisions would run."""
        question = {"lower": self._wanted() or [], "sql": True, "own": True}
        self.probed = release_probe.ask(newer, question).probe

    def _command(self, what: str, *more: str) -> list[str]:
        """Return the command that migrates WHAT way (upgrade, downgrade): Flask-Migrate's, or plain Alembic's."""
        plain = any("alembic" in place["argv"] for place in self.probed.places)
        return [*(("alembic",) if plain else ("flask", "db")), what, *more]

    def _migrate(self) -> None:
        """Have the release that serves undo its revisions, when that is wanted."""
        if not self.downgrade or not self.judged:
            return
        self.migrations = self.judged
        self.migrations.run(self._command("downgrade", self.downgrade), self.probed)
        self.context.record.heads_after = [] if self.downgrade == "base" else [self.downgrade]

    def _compare_schema(self) -> None:
        """Find out whether and where to the database goes down. Raises ReleaseError when the schema stands in the way."""
        newer, target, wanted = self._newer(), self.context.record, self._wanted()
        self._probe(newer)
        current = newer.record.heads_after if self.probed.current is None else list(self.probed.current)
        target.heads_before = target.heads_after = current
        if wanted is None or current is None or current == wanted or self.settings["schema"] == "keep":
            return
        if number(target.id) > number(newer.record.id):
            raise ReleaseError(
                f"the database is at {', '.join(current) or 'base'}, and release {target.id} is a newer one, made for "
                f"{', '.join(wanted) or 'base'}: deploy its revision again, which migrates (or rollback_schema=keep)"
            )
        self.judged = Migrations(newer, down=True)
        if self.settings["schema"] == "downgrade" and len(wanted) < 2:
            self.judged.judge_down(self.probed)
            self.downgrade = wanted[0] if wanted else "base"
            return
        raise ReleaseError(self._explain(current, wanted))

    def _explain(self, current: list[str], wanted: list[str]) -> str:
        """Return what stands between the two releases, and the two ways on."""
        between = (
            "\n".join(f"  - {step}" for step in self.probed.between or ()) or "  (unknown to the code that serves)"
        )
        sql = "\n".join(one.sql for one in self.probed.pending)
        shown = systemd.tail(sql, SQL_LINES) or "the downgrade can't be written as SQL"
        harm = cast(Migrations, self.judged).harm(self.probed)  # `_compare_schema` has made it
        allow = f" -e allow_migrations={','.join(dict.fromkeys(one.revision for one in harm))}" if harm else ""
        return (
            f"the database is at {', '.join(current) or 'base'}, release {self.context.record.id} was made for "
            f"{', '.join(wanted) or 'base'}. In between:\n{between}\n"
            "Either say that its code works with the newer schema (rollback_schema=keep), or have the release that serves "
            f"undo these revisions first (-e rollback_schema=downgrade{allow}), which would run:\n{shown}"
            + "".join(f"\n- {one}" for one in harm)
            + ("\nThe database would be dumped before" if any(one.destroys for one in harm) else "")
        )

    def _give_up(self, error: ReleaseError) -> None:
        """Stop what was started, bring the schema back up for the release that serves on, and write down why."""
        record = self.context.record
        systemd.stop(self.context.unit)
        systemd.set_enabled(self.app, record.id, False)
        if self.migrations:
            try:
                if self.settings["resume"]:
                    self._probe(self.migrations.context)
                upgrade = self._command("upgrade")
                self.migrations.run([*upgrade, "head"] if upgrade[0] == "alembic" else upgrade, self.probed)
            except ReleaseError as second:
                error.args = (f"{error}\nAnd the schema could not be brought up again: {second}",)
        record.outcome, record.ended = "rollback failed", now()
        record.stage, record.message = error.stage, str(error)
        self._enter(record)
