# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""An export of an app's database as it was at a moment, made of the host's backups; what is there now is not touched.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._backup import moment as moments
from ansible_collections.slipway.flask.plugins.module_utils._backup import points, swap
from ansible_collections.slipway.flask.plugins.module_utils._backup import settings as backup_settings
from ansible_collections.slipway.flask.plugins.module_utils._backup.error import BackupError
from ansible_collections.slipway.flask.plugins.module_utils._backup.moment import Moment
from ansible_collections.slipway.flask.plugins.module_utils._backup.scratch import Scratch
from ansible_collections.slipway.flask.plugins.module_utils._backup.settings import Settings
from ansible_collections.slipway.flask.plugins.module_utils._postgres.names import SUPERUSER
from ansible_collections.slipway.flask.plugins.module_utils._restore import choice as choices
from ansible_collections.slipway.flask.plugins.module_utils._restore import database
from ansible_collections.slipway.flask.plugins.module_utils._restore.choice import Choice
from ansible_collections.slipway.flask.plugins.module_utils._restore.question import live
from ansible_collections.slipway.flask.plugins.module_utils._transfer import places, spool
from ansible_collections.slipway.flask.plugins.module_utils._transfer.exporting import Export, Found
from ansible_collections.slipway.flask.plugins.module_utils._transfer.statements import DumpError

BLOCK = 1 << 20


@dataclass
class Past(Export):
    """The database as it was AT a moment, as `restore.yml -e to=…` takes one."""

    at: str = ""

    def __post_init__(self) -> None:
        self.user = SUPERUSER  # a host of databases alone has no user of the app's
        self.now = moments.now()

    def look(self) -> Found:
        """Return what there is to export. Raises DumpError when the backups of this host don't have it."""
        try:
            settings, choice, size = self._chosen()
        except BackupError as error:
            raise DumpError(str(error)) from None
        places.need(places.FOLDER, size + spool.PIECE * (spool.AHEAD + 1), "an export")
        stamp = choice.time.strftime(moments.STAMP)
        return Found(dump=f"{self.app}-{stamp}.dump", octets=size)

    def _chosen(self) -> tuple[Settings, Choice, int]:
        settings = backup_settings.read()
        if settings is None:
            raise BackupError("nothing is backed up on this host: set slipway_backups, and run site.yml")
        data = settings.app(self.app)
        if data is None or not data.database:
            raise BackupError(f"the backups of this host have no PostgreSQL database of {self.app}")
        choice = choices.choose(points.points(settings, self.app), data, self.at, "", self.now)
        return settings, choice, int(live(settings, data).get("bytes", 0))

    def write(self, found: Found, into: spool.Spool, copies: Path) -> None:
        """Write it, from the first target that has it. Raises DumpError, and spool.GoneError when nobody fetches it."""
        dump, problems = copies / found.dump, list[str]()
        try:
            settings, choice, _ = self._chosen()
            cluster = swap.cluster_of(settings.cluster)
            with into.alive():
                if choice.moment.is_latest:
                    database.archive_now(cluster)
                for number, target in enumerate(settings.targets, 1):
                    try:
                        with Scratch(settings, self._moment(settings, choice, number), [self.app], number) as copy:
                            copy.dump(self.app, dump)
                        break
                    except BackupError as error:
                        dump.unlink(missing_ok=True)
                        problems.append(f"{target.name}: {error}")
                else:
                    raise BackupError("; ".join(problems))
            into.state.notes += [f"the database is as of {choice.said}, from {target.name}"]
            into.state.notes += [f"not used: {problem}" for problem in problems]
            item = into.begin(found.dump)
            with dump.open("rb") as file:
                while block := file.read(BLOCK):
                    item.write(block)
            item.finish()
        except BackupError as error:
            raise DumpError(str(error)) from None
        finally:
            dump.unlink(missing_ok=True)

    def _moment(self, settings: Settings, choice: Choice, target: int) -> Moment:
        """Return the moment as pgBackRest takes it at a TARGET."""
        if choice.moment.point and choice.point:
            return choice.point.moment(settings.keep, target, self.now)
        return choice.moment
