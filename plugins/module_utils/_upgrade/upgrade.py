# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The upgrade of the host's PostgreSQL to the newest version that is installed, step by step.

The sites are open while a backup is made. Then workers end their jobs, the sites close, a copy of the cluster is made for the
new version, and the apps start on it: whoever is not well there takes all of it back. What fails before the sites open is
undone at once. Killed at any step, the next run goes on: with the copy from its beginning, with the rest from where it was.
The old cluster stays as it was, stopped, until it is forgotten (back.py).

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._host import systemd
from ansible_collections.slipway.flask.plugins.module_utils._postgres import older
from ansible_collections.slipway.flask.plugins.module_utils._postgres.names import PostgresError
from ansible_collections.slipway.flask.plugins.module_utils._upgrade import apps as apps_of
from ansible_collections.slipway.flask.plugins.module_utils._upgrade import backups, clusters, journal, plan
from ansible_collections.slipway.flask.plugins.module_utils._upgrade.apps import App
from ansible_collections.slipway.flask.plugins.module_utils._upgrade.back import Back
from ansible_collections.slipway.flask.plugins.module_utils._upgrade.journal import STEPS, Journal
from ansible_collections.slipway.flask.plugins.module_utils._upgrade.steps import TROUBLE, Steps


def look(apps: Sequence[App], wanted: str = "") -> tuple[Journal | None, plan.Plan | None]:
    """Return an upgrade that was begun or is over, and what there is to upgrade; WANTED names the cluster, "" is the host's.

    :raises PostgresError: when there is no cluster, or it does not run.
    """
    begun = journal.read()
    if begun and begun.step != journal.GONE_BACK:
        return begun, None
    cluster = plan.cluster_in_use(wanted)
    if not older.is_older(cluster):
        return begun, None
    if not cluster.online:
        raise PostgresError(f"the cluster {cluster.version}/{cluster.name} is not running: start {cluster.unit} first")
    return begun, plan.plan(cluster, apps)


class Upgrade(Steps):
    """One upgrade, from its beginning or from where it broke off."""

    def run(self, wanted: str = "") -> Journal:
        """Do it, and return how it ended; WANTED names the cluster, "" is the host's.

        :raises PostgresError: with what was in the way, and which server serves then.
        """
        with apps_of.held(self.apps, self.by):
            begun, planned = look(self.apps, wanted)
            if begun and begun.step == journal.BACK:
                return Back(self.apps, self.by).go_on(begun)
            if begun and not begun.is_over:
                return self._go_on(begun)
            if planned is None:
                raise PostgresError("there is nothing to upgrade")
            if planned.problems:
                raise PostgresError("; ".join(planned.problems))
            if planned.removes:
                clusters.remove(planned.new)
            todo = Journal(planned.old, planned.new, planned.port, self.by, collations=planned.collations)
            todo.write()
            return self._go_on(todo)

    def _go_on(self, todo: Journal) -> Journal:
        steps: dict[str, Callable[[Journal], None]] = {
            "backup": self._backup, "workers": self.end_workers, "close": self.close, "convert": self._convert,
            "settle": self._settle, "start": self._start, "open": self._open, "analyse": self._analyse,
        }  # fmt: skip
        with ExitStack() as meanwhile:
            for number, step in enumerate(STEPS[STEPS.index(todo.step) : -1]):
                todo.write(step)
                try:
                    if step == "workers" or (number == 0 and step != "backup"):
                        meanwhile.enter_context(backups.none_meanwhile())
                    steps[step](todo)
                except TROUBLE as error:
                    raise PostgresError(self._ended(todo, f"step '{step}': {error}")) from None
        todo.ended = journal.now()
        todo.write("done")
        return todo

    def _backup(self, todo: Journal) -> None:
        """Save what there is, while the sites are open."""
        if plan.backs_up():
            backups.make()
        else:
            todo.dump = str(journal.FOLDER / f"{todo.old.replace('/', '-')}.sql.gz")
            backups.dump(clusters.there(todo.old), Path(todo.dump))

    def _convert(self, todo: Journal) -> None:
        """Make the new cluster, from the beginning if a run was killed meanwhile."""
        self.note_units(todo)
        apps_of.end(self.apps)
        self._put_back(todo)
        # The new one has it from the old one. A host that stops now starts neither: workers would write to a copy that may yet
        # be thrown away.
        clusters.at_boot(clusters.there(todo.old), clusters.MANUAL)
        clusters.convert(clusters.there(todo.old), todo.new.partition("/")[0])
        clusters.configure(clusters.there(todo.old), clusters.there(todo.new))

    def _settle(self, todo: Journal) -> None:
        """Start the new server, and have it know its tables."""
        new = clusters.there(todo.new)
        if new.port != todo.port:
            raise PostgresError(f"the cluster {todo.new} has the port {new.port}, not {todo.port}")
        clusters.start(new)
        todo.notes = clusters.settle(new, todo.collations)

    def _start(self, todo: Journal) -> None:
        clusters.start(clusters.there(todo.new))
        self.start(todo)

    def _open(self, todo: Journal) -> None:
        """From here on the new cluster is the one that counts."""
        clusters.at_boot(clusters.there(todo.new), clusters.AUTO)
        self.open(todo)

    def _analyse(self, todo: Journal) -> None:
        """Make the planner's statistics as good as before, and a first backup; the sites are open.

        No site waits for a target of backups: WAL does, until pgBackRest knows the new cluster.
        """
        new = clusters.there(todo.new)
        clusters.analyse(new, 10)
        clusters.analyse(new)
        todo.notes += [*backups.follow(todo.old, todo.new), *backups.begin()]

    # ---- when it fails -------------------------------------------------------------------------------------------

    def _ended(self, todo: Journal, why: str) -> str:
        """Return WHY the step failed, with what follows; up to the opening, the old server serves again."""
        step = STEPS.index(todo.step)
        if step >= STEPS.index("open"):  # visitors may have written to the new one
            return f"{why}\nPostgreSQL {todo.new} is in place anyway. Fix it, and run the same command again: it continues there"
        if step >= STEPS.index("close"):
            try:
                apps_of.end(self.apps)
                self._put_back(todo)
            except TROUBLE as error:
                return f"{why}\nGoing back failed, too: {error}\nThe sites are closed. Fix it, and run the same command again"
        try:
            self.start(todo)
        except TROUBLE as error:
            why += f"\nNot all of the apps are healthy again: {error}"
        with suppress(systemd.HostError):  # status.yml names what does not run
            self.open(todo)
        if todo.dump:
            Path(todo.dump).unlink(missing_ok=True)
        journal.path().unlink(missing_ok=True)
        how_long = f"; the sites were closed for {todo.closed_seconds:.0f} s" if todo.closed_at else ""
        return f"{why}\nPostgreSQL {todo.old} serves as before{how_long}"

    def _put_back(self, todo: Journal) -> None:
        """Have no new cluster, and the old one run at its port, whatever was done."""
        clusters.end_convert()
        clusters.remove(todo.new)
        self.run_old(todo)
