# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Back to a release that is still on the host, with the settings it had, and with an eye on the database's schema.

An old release can run neither `upgrade` nor `downgrade` on a database that is ahead of it ("Can't locate revision"); the
newer release's code can. So the newer one is asked, and runs the downgrade when one is wanted.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import json
from dataclasses import replace

from ansible_collections.slipway.flask.plugins.module_utils import _app_probe, _host
from ansible_collections.slipway.flask.plugins.module_utils._release import (
    Record,
    ReleaseError,
    now,
    number,
)
from ansible_collections.slipway.flask.plugins.module_utils._release_context import Context
from ansible_collections.slipway.flask.plugins.module_utils._release_migrations import UPGRADE, Migrations
from ansible_collections.slipway.flask.plugins.module_utils._release_run import Outcome, Run
from ansible_collections.slipway.flask.plugins.module_utils._release_traffic import Traffic

SQL_LINES = 40


class Rollback(Run):
    """One rollback of one app. SETTINGS are the parameters of slipway.flask.rollback."""

    probed = _app_probe.Probe()

    def roll_back(self) -> Outcome:
        """Make an older release serve. Raises ReleaseError; the release that served before then still does."""
        self._find_user()
        if self.check:
            return self._plan()
        with self._alone():
            self._recover()
            serving, target = self._serving(), self._target()
            if target.id == serving.id:
                return Outcome(False, serving, notes=self.context.notes, previous=serving.id)
            self.context.record = replace(
                target, by=self.settings["by"], started=now(), previous=serving.id, seconds={}, outcome="unfinished"
            )
            self._run_stages(serving)
            return Outcome(True, self.context.record, notes=self.context.notes, previous=serving.id)

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
            raise ReleaseError(
                f"there is no release before {serving.id} to go back to; name one of those on the host: {known}",
                "check",
            )
        return found

    def _run_stages(self, serving: Record) -> None:
        record, traffic = self.context.record, Traffic(self.context)
        newer = Context(self.settings, self.paths, serving, self.context.uid, self.context.gid)
        migrations, downgraded = Migrations(newer), False
        try:
            with self._stage("check"):
                downgrade = self._compare_schema(newer)
            with self._stage("migrate"):
                if downgrade:
                    downgraded = True
                    migrations.run(["flask", "db", "downgrade", downgrade], self.probed)
                    record.heads_after = [] if downgrade == "base" else [downgrade]
            for name in ("start", "gate", "switch", "verify"):
                with self._stage(name):
                    getattr(traffic, name)()
            with self._stage("watch"):
                traffic.watch(serving.id)
        except ReleaseError as error:
            traffic.switch_back(serving.id)
            self._give_up(error, migrations if downgraded else None)
            raise
        with self._stage("drain"):
            traffic.drain(serving.id)
        record.outcome, record.ended = "rolled back", now()
        self._enter(record)

    def _compare_schema(self, newer: Context) -> str:
        """Return the revision to downgrade to, "" for none. Raises ReleaseError when the schema stands in the way.

        The release that serves is asked where the database is: it is the newer one and knows every revision.
        """
        target = self.context.record
        wanted = target.heads_after
        argv = ["python", "-c", _app_probe.SCRIPT, self.settings["wsgi"]]
        self.probed, _ = _app_probe.read(newer.run([*argv, json.dumps({"lower": wanted or []})], "check").stdout)
        current = newer.record.heads_after if self.probed.current is None else list(self.probed.current)
        target.heads_before = target.heads_after = current
        if wanted is None or current is None or current == wanted or self.settings["schema"] == "keep":
            return ""
        if number(target.id) > number(newer.record.id):
            raise ReleaseError(
                f"the database is at {', '.join(current) or 'base'}, and release {target.id} is a newer one, made for "
                f"{', '.join(wanted) or 'base'}: deploy its revision again, which migrates (or rollback_schema=keep)"
            )
        if self.settings["schema"] == "downgrade" and len(wanted) < 2:
            return wanted[0] if wanted else "base"
        raise ReleaseError(self._explain(newer, current, wanted))

    def _explain(self, newer: Context, current: list[str], wanted: list[str]) -> str:
        """Return what stands between the two releases, and the two ways on."""
        between = (
            "\n".join(f"  - {step}" for step in self.probed.between or ()) or "  (unknown to the code that serves)"
        )
        way = f"{','.join(current) or 'base'}:{','.join(wanted) or 'base'}"
        sql = newer.run(["flask", "db", "downgrade", "--sql", way], "check")
        shown = _host.tail(sql.stdout, SQL_LINES) if sql.returncode == 0 else "the downgrade can't be written as SQL"
        return (
            f"the database is at {', '.join(current) or 'base'}, release {self.context.record.id} was made for "
            f"{', '.join(wanted) or 'base'}. In between:\n{between}\n"
            "Either say that its code works with the newer schema (rollback_schema=keep), or have the release that serves "
            f"undo these revisions first (rollback_schema=downgrade), which would run:\n{shown}"
        )

    def _give_up(self, error: ReleaseError, migrations: Migrations | None) -> None:
        """Stop what was started, bring the schema back up for the release that serves on, and write down why."""
        record = self.context.record
        _host.stop(self.context.unit)
        _host.set_enabled(self.app, record.id, False)
        if migrations:
            try:
                migrations.run(UPGRADE, self.probed)
            except ReleaseError as second:
                error.args = (f"{error}\nAnd the schema could not be brought up again: {second}",)
        record.outcome, record.ended = "rollback failed", now()
        record.stage, record.message = error.stage, str(error)
        self._enter(record)
