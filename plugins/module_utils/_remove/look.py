# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a host has of one app, found there alone: the app need not be described any more.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import os
import pwd
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._backup import dumps
from ansible_collections.slipway.flask.plugins.module_utils._backup import journal as restores
from ansible_collections.slipway.flask.plugins.module_utils._host import service_user
from ansible_collections.slipway.flask.plugins.module_utils._postgres import passwords
from ansible_collections.slipway.flask.plugins.module_utils._python import build_sandbox, environment, git_unit
from ansible_collections.slipway.flask.plugins.module_utils._remove import (
    accounts,
    backups,
    databases,
    journal,
    served,
    services,
    site,
    trees,
)
from ansible_collections.slipway.flask.plugins.module_utils._remove.error import RemoveError
from ansible_collections.slipway.flask.plugins.module_utils._remove.journal import Journal

CACHES = ("/var/cache/slipway", "/var/cache/private/slipway")


@dataclass
class Found:
    """What there is of an app. ITEMS are (what, bytes or None) for people, PROBLEMS are in the way, NOTES say what stays."""

    journal: Journal
    items: list[tuple[str, int | None]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    urls: list[str] = field(default_factory=list)
    remote: str = ""
    """The URL of its database on another host of the inventory, where it is removed after all hosts that run the app."""
    clients: list[str] = field(default_factory=list)
    """The addresses of other hosts that use its database here."""
    serves: bool = False
    """Whether the host has the app's database for other hosts."""
    runs: bool = True
    """Whether the host runs the app; not one that only has its database, or its site in front of other hosts."""
    saved: dict[str, int | None] = field(default_factory=dict)

    def told(self) -> dict[str, Any]:
        """Return what the controller is told."""
        shared = [path for path in self.journal.shared if os.path.isdir(path)]
        return {
            "there": bool(self.items) or self.journal.under_way,
            "items": self.items, "problems": self.problems, "notes": self.notes, "step": self.journal.step,
            "under_way": self.journal.under_way, "begun": self.journal.begun, "by": self.journal.by,
            "urls": self.urls, "folders": shared, "saved": self.saved,
            "remote": self.remote, "clients": self.clients, "serves": self.serves, "runs": self.runs,
        }  # fmt: skip


@dataclass
class Look:
    """A look at what there is of APP; FORGET is whether its backups are to go as well."""

    app: str
    forget: bool = False

    @property
    def root(self) -> str:
        return f"/srv/{self.app}"

    @property
    def settings(self) -> str:
        return f"/etc/{self.app}"

    def found(self, count: bool = True) -> Found:
        """Return what there is of the app. It changes nothing. Raises RemoveError when that can't be told.

        :param count: whether the targets of backups are asked.
        """
        before, ours = journal.read(self.app), services.is_ours(self.app)
        found = Found(Journal(self.app), serves=served.is_there(self.app))
        if before and (before.under_way or before.left or not (ours or found.serves)):
            found.journal.begun, found.journal.by, found.journal.step = before.begun, before.by, before.step
        balances = not ours and bool(site.files(self.app))
        found.runs = ours or not (found.serves or balances)
        if ours or found.serves or balances or (before and before.under_way):
            self._collect(found, before)
            if not found.runs:
                found.urls = []  # no user of the app's is here to read it: a host that runs the app exports it
        elif before and before.left:
            self._collect_left(found, before)
        self._collect_backups(found, count)
        return found

    def _collect(self, found: Found, before: Journal | None) -> None:
        mine = found.journal
        mine.accounts = services.accounts_of(self.app)
        mine.shared = self._shared(found)
        mine.folders = [*mine.shared, self.root, self.settings, f"/run/{self.app}", *services.folders(self.app)]
        mine.folders += [site.certificate(self.app), str(restores.FOLDER / self.app), *self._caches(), *self._aside()]
        found.remote = served.url_of(self.app, self._environments())
        data = self._databases(found, databases.claims(self.app, self._environments()))
        mine.cluster, mine.databases, mine.mariadb = data.cluster, list(data.postgres), list(data.mariadb)
        if before and before.under_way:
            mine.merge(before)
            data = self._databases(found, self._claimed(before), before.cluster)
        found.urls = data.urls
        self._items(found, data)
        self._problems(found, data)

    def _databases(self, found: Found, claimed: set[str], wanted: str = "") -> databases.Databases:
        """Return what the servers have of the app; a standby has nothing of its own."""
        cluster = databases.cluster_of(wanted) if found.serves else None
        if served.is_standby(cluster):
            found.notes.append("its database is a copy of the primary's, with which it goes")
            return databases.Databases()
        found.clients = served.clients(self.app, cluster)
        return databases.look(self.app, claimed | ({"postgres"} if found.serves else set()), wanted)

    def _shared(self, found: Found) -> list[str]:
        """Return the folders with data of the app's; say which of those that it may write are not its own."""
        shared, mine = f"{self.root}/shared", []
        others, owner = services.writers(self.app), _uid(self.app)
        with suppress(OSError):
            mine += sorted(entry.path for entry in os.scandir(shared) if entry.is_dir(follow_symlinks=False))
        for path in map(os.path.normpath, services.writable(self.app)):
            if path == shared:
                continue
            shares = [
                one
                for one in others
                if one == path or f"{one}/".startswith(f"{path}/") or f"{path}/".startswith(f"{one}/")
            ]
            try:
                kind = trees.kind(path)
            except RemoveError as error:
                found.notes.append(str(error))
                continue
            if shares:
                found.notes.append(f"{path} stays: another service may write {', '.join(sorted(shares))}")
            elif kind == "link":
                found.notes.append(f"{path} is a link; what it leads to stays")
                mine.append(path)
            elif kind and os.lstat(path).st_uid != owner:
                found.notes.append(f"{path} stays: it belongs to somebody else")
            elif kind:
                mine.append(path)
        return mine

    def _caches(self) -> list[str]:
        """Return the caches of builds and sources, which are called by the app's folder, and what was built ahead."""
        names = [build_sandbox.name_of(Path(self.root) / "venvs").removeprefix("slipway-")]
        place = git_unit.place_of(Path(self.root))
        names += [place.folder.name] if place.folder else []
        return [*(f"{folder}/{name}" for folder in CACHES for name in names), str(environment.AHEAD / self.app)]

    def _aside(self) -> list[str]:
        """Return the folders that restores and imports have put aside, or have made and not used."""
        found = [
            path for one in restores.all_of(self.app) for folder in one.folders for path in (folder.new, folder.kept)
        ]
        return found + [path for one in restores.all_of(self.app) for path in one.made]

    def _environments(self) -> list[Path]:
        """Return the folders with environment files of the app, its releases' among them."""
        settings = Path(self.settings)
        releases = settings / "releases"
        return [settings, *(sorted(releases.iterdir()) if releases.is_dir() else [])]

    def _claimed(self, before: Journal) -> set[str]:
        claimed = databases.claims(self.app, self._environments())
        claimed |= {"postgres"} if self.app in before.databases else set()
        return claimed | ({"mariadb"} if self.app in before.mariadb else set())

    def _items(self, found: Found, data: databases.Databases) -> None:
        mine, items = found.journal, found.items
        if names := site.domains(self.app):
            items.append((f"its site ({', '.join(names)})", None))
        if units := services.loaded(self.app):
            items.append((f"what runs: {', '.join(units)}", None))
        items += [(f"PostgreSQL's database {name}", size) for name, size in data.postgres.items()]
        items += [("PostgreSQL's role " + self.app, None)] if mine.cluster and not data.others else []
        items += [(f"MariaDB's database and account {name}", size) for name, size in data.mariadb.items()]
        items += [(f"access to it from {', '.join(found.clients)}", None)] if found.clients else []
        items += [(str(passwords.path_of(self.app)), None)] if found.serves else []
        tops = dict.fromkeys(path for path in mine.folders if not any(_below(path, other) for other in mine.folders))
        items += [(path, trees.size(path)) for path in tops if os.path.lexists(path)]
        written = site.logs(self.app)
        if written:
            items.append((f"{len(written)} log files in {site.LOGS}", sum(path.stat().st_size for path in written)))
        items += [(f"its user {one.name} (uid {one.uid})", None) for one in mine.accounts]
        if not any(one.name == self.app for one in mine.accounts) and _uid(self.app) >= 0:
            found.notes.append(f"the user {self.app} stays: Slipway did not create it")

    def _problems(self, found: Found, data: databases.Databases) -> None:
        mine = found.journal
        for path in mine.folders:
            found.problems += [
                f"{point} is a mount point: `umount {point}` (and take it out of /etc/fstab); what is on it stays"
                for point in trees.mounts_below(path)
            ]
        found.problems += [
            f"{unit} runs as a user of the app's, and Slipway did not write it: `systemctl disable --now {unit}`, and remove "
            "its file"
            for unit in services.strangers(self.app, [one.name for one in mine.accounts])
        ]
        found.problems += [
            f"the role {self.app} also owns the database {name}, which Slipway did not create: drop it, or hand it over: "
            f'ALTER DATABASE "{name}" OWNER TO postgres'
            for name in data.others
        ]
        found.problems += [
            f"tables of the role {self.app} are in the database {name}, which is not the app's, and would go with the role: drop "
            f'them, or hand them over to whose database it is, there: REASSIGN OWNED BY "{self.app}" TO …'
            for name in data.strewn
        ]
        found.problems = list(dict.fromkeys(found.problems))
        found.notes += [f"{what} stays: the app's settings don't say that it is the app's" for what in data.unclaimed]

    def _collect_left(self, found: Found, before: Journal) -> None:
        """What was removed but for users who are kept for the sake of their files."""
        found.journal.accounts, found.journal.left = before.accounts, before.left
        kept = [one for one in before.accounts if accounts.is_kept(one)]
        found.items += [(f"the user {accounts.keeper(one.uid)}, whose files are elsewhere", None) for one in kept]

    def _collect_backups(self, found: Found, count: bool) -> None:
        found.saved = backups.saved(self.app) if count else {}
        dumped = str(dumps.KEPT / self.app)
        if self.forget:
            found.items += [
                (f"{snapshots} snapshots at {name}", None) for name, snapshots in found.saved.items() if snapshots
            ]
            found.items += [(dumped, trees.size(dumped))] if os.path.isdir(dumped) else []
        elif os.path.isdir(dumped):
            found.notes.append(f"dumps from before migrations stay in {dumped}; -e backups=forget removes them")
        if found.items:
            found.notes += backups.stay(self.app, found.saved, self.forget)


def _uid(name: str) -> int:
    """Return the number of the user NAME, -1 when there is none."""
    found = service_user.find(pwd.getpwnam, name)
    return found.pw_uid if found else -1


def _below(path: str, other: str) -> bool:
    return path != other and path.startswith(f"{other}/")
