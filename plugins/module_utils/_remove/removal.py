# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Everything of one app goes from a host: what that is, and in which order.

The site goes first, so that nobody asks any more; then all that runs; then, after the last export, the data, and at last what
says that there was an app. A run may be killed anywhere: the journal has what it began with, and each step is good to do again.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._app.places import ReleaseError
from ansible_collections.slipway.flask.plugins.module_utils._backup import dumps
from ansible_collections.slipway.flask.plugins.module_utils._backup.error import plain
from ansible_collections.slipway.flask.plugins.module_utils._host import journal as host_journal
from ansible_collections.slipway.flask.plugins.module_utils._postgres import passwords
from ansible_collections.slipway.flask.plugins.module_utils._release.lease import Lease
from ansible_collections.slipway.flask.plugins.module_utils._release.lock import lock
from ansible_collections.slipway.flask.plugins.module_utils._remove import (
    accounts,
    backups,
    databases,
    journal,
    processes,
    served,
    services,
    site,
    trees,
)
from ansible_collections.slipway.flask.plugins.module_utils._remove.error import RemoveError
from ansible_collections.slipway.flask.plugins.module_utils._remove.journal import Journal
from ansible_collections.slipway.flask.plugins.module_utils._remove.look import Found, Look

NOTICE = 5
"""Priority of syslog(3)."""
SUDOERS = Path("/etc/sudoers.d")
"""Where the app's `deployers` have their rule (_release/by_key.py)."""


@dataclass
class Removal:
    """The removal of APP, which BY asks for; its FORGET is whether its backups go as well."""

    app: str
    by: str = ""
    forget: bool = False

    def look(self, count: bool = True) -> Found:
        """Return what there is of the app, as `Look.found` does."""
        return Look(self.app, self.forget).found(count)

    def stop(self) -> Found:
        """Close the site and end all that runs of the app, with all of its data as it is. Raises RemoveError, ReleaseError."""
        found = self._checked()
        mine = found.journal
        if not (mine.under_way or not found.runs or services.is_ours(self.app)):
            return found
        with self._alone():
            if not mine.under_way:
                mine.begun, mine.by, mine.step = journal.now(), self.by, "begun"
            mine.write()
            runs = services.loaded(self.app)
            self._end(mine)
            # What ran again after an export, by a deploy for example, may have written since.
            if mine.step == "begun" or (mine.step == "exported" and runs):
                mine.at("stopped")
        return found

    def _end(self, mine: Journal) -> None:
        site.close(self.app)
        services.stop(self.app)
        accounts.forbid(mine.accounts)
        processes.kill({one.uid for one in mine.accounts if accounts.is_there(one)})

    def remove(self, exported: bool = False) -> list[str]:
        """Remove all of the app, which has been stopped, and return what stays, one sentence each. Raises RemoveError.

        :param exported: whether the last export is where it was to go: after a kill, there is none of what is left.
        """
        found = self._checked()
        mine = found.journal
        if mine.under_way:
            with self._alone():
                if exported:
                    mine.at("exported")
                self._end(mine)  # somebody may have started it since
                with backups.still(self.app):  # a run that waits meanwhile must not save what is left as the newest
                    backups.leave_out(self.app)
                    if found.serves:
                        served.close(self.app, databases.cluster_of(mine.cluster))
                    self._data(mine)
                    served.forget(self.app)
        if self.forget:
            backups.forget(self.app)
            trees.remove(str(dumps.KEPT / self.app))
        if mine.under_way or mine.left:
            self._accounts(found)
        if mine.under_way:
            self._units()
            mine.at("gone")
            self._tell()
        return list(dict.fromkeys(found.notes))

    def _data(self, mine: Journal) -> None:
        databases.remove(self.app, mine.cluster, mine.databases, mine.mariadb)
        for path in mine.folders:
            trees.remove(path)
        site.forget_renewal(self.app)
        site.forget_check(self.app)
        of_roles = [SUDOERS / f"slipway-deploy-{self.app}", passwords.FOLDER / f"{self.app}.pgpass"]
        trees.unlink([*site.logs(self.app), *services.records(self.app), *of_roles])

    def _units(self) -> None:
        """Remove the unit files, last of all: by them the app is known."""
        for path in services.files(self.app):
            trees.remove(str(path))
        services.forget(self.app)

    def _checked(self) -> Found:
        found = self.look(count=False)
        if found.problems:
            raise RemoveError("\n".join(found.problems))
        return found

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the app, so that no deploy begins. Raises ReleaseError that names who holds it."""
        if lease := Lease.read(self.app):
            raise ReleaseError(lease.said())
        if not Path(f"/srv/{self.app}").is_dir():
            yield
            return
        with lock(Path(f"/srv/{self.app}") / ".lock", self.by or "somebody"):
            yield

    def _accounts(self, found: Found) -> None:
        """Remove the users, but those who have files elsewhere."""
        mine = found.journal
        mine.accounts = [one for one in mine.accounts if accounts.is_there(one)]
        accounts.sweep(mine.accounts)
        accounts.free_memory(mine.accounts)
        try:
            left = accounts.elsewhere(mine.accounts)
        except RemoveError as error:
            found.notes.append(f"{error}: the users stay, so that their numbers are not handed out again")
            left = []
            accounts.remove(mine.accounts, left, every=True)
        else:
            accounts.remove(mine.accounts, left)
        mine.left = [plain(path) for path in left[: accounts.SHOWN]]
        mine.accounts = [one for one in mine.accounts if accounts.is_kept(one)]
        if mine.left:
            more = f" and {len(left) - accounts.SHOWN} more" if len(left) > accounts.SHOWN else ""
            kept = ", ".join(accounts.keeper(one.uid) for one in mine.accounts)
            found.notes.append(
                f"files of the app's user are elsewhere: {', '.join(mine.left)}{more}. They are kept, and so is their owner, as "
                f"{kept} without any privileges, so that no new user gets them. Remove them or give them to "
                "somebody, then run this again"
            )
        elif mine.accounts:
            mine.left = ["the search for them did not finish"]
        mine.write()

    def _tell(self) -> None:
        fields = {
            "MESSAGE": f"{self.app}: removed from this host, by {self.by or 'somebody'}", "PRIORITY": str(NOTICE),
            "SYSLOG_IDENTIFIER": "slipway", "SLIPWAY_APP": self.app, "SLIPWAY_OUTCOME": "removed", "SLIPWAY_BY": self.by,
        }  # fmt: skip
        host_journal.send(fields)
