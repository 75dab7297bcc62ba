# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""After an upgrade: the old cluster in its place again, or gone for good.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import shutil

from ansible_collections.slipway.flask.plugins.module_utils._postgres.names import Cluster, PostgresError
from ansible_collections.slipway.flask.plugins.module_utils._upgrade import apps as apps_of
from ansible_collections.slipway.flask.plugins.module_utils._upgrade import backups, clusters, journal
from ansible_collections.slipway.flask.plugins.module_utils._upgrade.journal import Journal
from ansible_collections.slipway.flask.plugins.module_utils._upgrade.steps import TROUBLE, Steps


class Back(Steps):
    """The way back. What was written since the upgrade stays in the new cluster, which is put aside."""

    def run(self) -> Journal:
        """Put the old cluster in place again. Raises PostgresError when there is no upgrade to undo."""
        with apps_of.held(self.apps, self.by):
            begun = journal.read()
            if begun is None or begun.step not in ("done", journal.BACK):
                raise PostgresError(f"there is no upgrade to undo{unfinished(begun)}")
            if begun.step == "done":
                begun.closed_at, begun.closed_seconds, begun.sites, begun.units = 0.0, 0.0, [], []
            return self.go_on(begun)

    def go_on(self, todo: Journal) -> Journal:
        """Do it, or go on with one that broke off; the apps are held."""
        todo.write(journal.BACK)
        try:
            with backups.none_meanwhile():
                self.end_workers(todo)
                self.close(todo)
                new, old = clusters.find(todo.new), clusters.there(todo.old)
                if new and new.port == todo.port:
                    clusters.stop(new)
                    clusters.place(new, spare(old, todo.port), clusters.MANUAL)
                self.run_old(todo)
                self.start(todo)
                self.open(todo)
                todo.notes = backups.follow(todo.new, todo.old)
        except TROUBLE as error:
            raise PostgresError(
                f"going back did not finish: {error}\nFix it, and run the same command again: it continues from there"
            ) from None
        todo.notes += backups.begin()
        todo.ended = journal.now()
        todo.write(journal.GONE_BACK)
        return todo


def forget() -> Journal:
    """Remove the cluster that does not serve, and the dump. Raises PostgresError when an upgrade is under way."""
    begun = journal.read()
    if begun is None or not begun.is_over:
        raise PostgresError(f"there is nothing to forget{unfinished(begun)}")
    found = clusters.find(begun.idle)
    if found and (found.online or found.port == begun.port):
        raise PostgresError(
            f"the cluster {begun.idle} runs or has the port {begun.port}: check what it is, and remove it manually"
        )
    clusters.remove(begun.idle)
    shutil.rmtree(journal.FOLDER)
    return begun


def spare(old: Cluster, port: int) -> int:
    """Return a port for a cluster that is put aside: the one that OLD had meanwhile, or the next one that is free."""
    if old.port != port:
        return old.port
    taken = {one.port for one in clusters.all_clusters()}
    return next(number for number in range(port + 1, port + 100) if number not in taken)


def unfinished(begun: Journal | None) -> str:
    """Say how an upgrade can be gone on with that is not over."""
    if begun is None or begun.is_over:
        return ""
    return f": the one of {begun.began} is at the step '{begun.step}'. -e yes=true continues it"
