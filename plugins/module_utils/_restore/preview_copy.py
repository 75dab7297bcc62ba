# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A preview's database, made of its app's: copied, made anonymous by the app's own live code, and only then the preview's.

The command works on a database that its system user alone can enter. What the preview gets is a dump of the result: pages of
a table that has been updated, and the planner's statistics, still have what was there before.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import os
import pwd
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._app import command
from ansible_collections.slipway.flask.plugins.module_utils._backup import swap
from ansible_collections.slipway.flask.plugins.module_utils._backup.command import run
from ansible_collections.slipway.flask.plugins.module_utils._backup.error import BackupError
from ansible_collections.slipway.flask.plugins.module_utils._host import (
    environment_file,
    sandbox,
    service_user,
    systemd,
)
from ansible_collections.slipway.flask.plugins.module_utils._postgres.names import (
    Cluster,
    PostgresError,
    identifier,
    psql,
    psql_as,
)
from ansible_collections.slipway.flask.plugins.module_utils._postgres.places import SOCKET_FOLDER
from ansible_collections.slipway.flask.plugins.module_utils._process import names
from ansible_collections.slipway.flask.plugins.module_utils._release.commands import with_scheme_of
from ansible_collections.slipway.flask.plugins.module_utils._release.record import Paths, Record
from ansible_collections.slipway.flask.plugins.module_utils._restore import database, preview_place
from ansible_collections.slipway.flask.plugins.module_utils._restore.preview_place import NAME, READY

ROLE = f"CREATE ROLE {identifier(NAME)} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS"
SECONDS = 3600
"""How long the command may take."""
FLOOR_MB = 256
"""Room that is left on each disk."""
COPIES = 3
"""How often the database is on the server's disk meanwhile: the copy, its rows from before they were changed, and the result."""
RUN = Path("/run")
SEEN = ("postgresql", "systemd", "lock")
"""What the command sees of /run: the server's socket, and nobody else's."""
KIND = {"Nice": "15", "IOSchedulingClass": "idle", "CPUWeight": "20"}
"""It has time: what serves goes first."""


@dataclass(frozen=True)
class Owner:
    """The databases of USER, a role and system user, as database.Copy has them: read with its rights."""

    cluster: Cluster
    user: str

    def sql(self, name: str, text: str, seconds: float | None = None) -> str:
        try:
            return psql_as(self.user, self.cluster, text, name)
        except PostgresError as error:
            raise BackupError(f"{self.user} can't read its database: {error}") from None

    def dump(self, name: str, path: Path, options: Sequence[str] = ()) -> None:
        """Write a dump without owners and rights, which are not the preview's. Raises BackupError."""
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        owner = pwd.getpwnam(self.user)
        os.chown(path, owner.pw_uid, owner.pw_gid)
        at = ["--host", SOCKET_FOLDER, "--port", str(self.cluster.port), "--username", self.user, "--no-password"]
        how = ["--format=custom", "--compress=1", "--no-owner", "--no-acl", f"--file={path}"]
        done = run([str(self.cluster.programs / "pg_dump"), *at, *how, *options, name], self.user)
        if done.returncode:
            raise BackupError(f"the database {name} can't be dumped: {' '.join(done.stderr.split())[-600:]}")


@dataclass(frozen=True)
class PreviewCopy:
    """The copy of the database of the app at PATHS for PREVIEW, at which WORDS run; no words leave it as it is.

    wsgi: the app's entry point; variable: in which its code looks for the URL; environment: all other variables that the
    command gets; folders: those that the app may write, in whose place the command finds empty ones.
    """

    paths: Paths
    preview: str
    words: Sequence[str] = ()
    wsgi: str = ""
    variable: str = "DATABASE_URL"
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    folders: Sequence[str] = ()
    files: Sequence[str] = ()
    """Those that the app's description puts into its code: they may hold secrets, and the command finds empty ones."""

    def make(self, cluster: Cluster, before: Callable[[], None] = lambda: None) -> list[str]:
        """Put the copy in the place of the preview's database, and return notes. BEFORE is done once the copy is ready.

        :raises BackupError: when it can't be made. The preview's database is as it was, and nothing of the copy is left.
        """
        live = self._live() if self.words else None
        with preview_place.held():
            preview_place.end()
            try:
                found = self._look(cluster)
                preview_place.begin(cluster)
                notes = self._copy(cluster, found, live)
                before()
                self._take_place(cluster)
                return notes
            finally:
                preview_place.end()

    def _live(self) -> Record:
        record = self.paths.record(self.paths.current_id())
        if record is None:
            raise BackupError(
                f"no release of {self.paths.app} is live on this host, and `anonymize` runs with its code: deploy "
                f"{self.paths.app} first"
            )
        return record

    def _look(self, cluster: Cluster) -> dict[str, object]:
        """Return the properties that the copy gets of the app's database. Raises BackupError when the disk would fill up."""
        app = self.paths.app
        found = database.properties(cluster, app)
        if not found:
            raise BackupError(f"there is no database {app} on this host to copy: run site.yml first")
        size = int(found["bytes"])
        data = Path(_psql(cluster, "SHOW data_directory;\n").strip())
        room(data, preview_place.FOLDER.parent, size, COPIES if self.words else 1)
        # Not those of other roles in it, nor those that the app has made up: a value of them may be a secret.
        own = [one for one in found["settings"] if not one[0] and "." not in one[1].partition("=")[0]]
        return {"locale": found["locale"], "settings": own}

    def _copy(self, cluster: Cluster, like: Mapping[str, object], live: Record | None) -> list[str]:
        app, dump = self.paths.app, preview_place.FOLDER / "dump"
        if live is None:
            return database.make(cluster, Owner(cluster, app), app, READY, self.preview, dump, like)
        try:
            service_user.ensure([service_user.ServiceUser(NAME, NAME, comment="Makes copies for previews anonymous")])
        except service_user.ServiceUserError as error:
            raise BackupError(str(error)) from None
        _psql(cluster, f"{ROLE};\n")
        notes = database.make(cluster, Owner(cluster, app), app, NAME, NAME, dump, like)
        self._anonymize(cluster, live)
        return notes + database.make(cluster, Owner(cluster, NAME), NAME, READY, self.preview, dump, like)

    def _anonymize(self, cluster: Cluster, live: Record) -> None:
        """Run the command with the code of the release LIVE. Raises BackupError with its last lines when it fails."""
        release, own = self.paths.release(live.id), self.paths.environment_file(live.id)
        port = "" if cluster.port == 5432 else f"&port={cluster.port}"
        url = f"postgresql:///{NAME}?host={SOCKET_FOLDER}{port}"
        scheme = environment_file.environment_of(own.read_text()).get(self.variable, "")
        (preview_place.FOLDER / "empty").touch(mode=0o644)
        file = preview_place.FOLDER / "environment"
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            out.write(environment_file.text_of({}, {**self.environment, self.variable: with_scheme_of(scheme, url)}))
        runs = sandbox.Command(
            user=NAME,
            folder=release / "src",
            environment_file=file,
            environment=command.surroundings(str(release / "venv"), self.wsgi, live.id),
            seconds=SECONDS,
            service=names.unit(self.paths.app, names.FIRST, live.id),
            properties=self.properties(release / "src"),
        )
        done = runs.run(["/usr/bin/env", *command.argv(self.words)], preview_place.UNIT)
        if done.returncode:
            said = systemd.tail(environment_file.masked(f"{done.stdout}\n{done.stderr}", file))
            raise BackupError(
                f"`{command.label(self.words)}` (`anonymize`) failed with status {done.returncode} in release {live.id} of "
                f"{self.paths.app}. The copy was dropped, and the preview has nothing of it. Its last lines:\n{said}"
            )

    def properties(self, src: Path) -> dict[str, str | list[str]]:
        """Return what the command's sandbox has otherwise than that of the app's service, with the code in SRC.

        The app's group lets it read the code, and would let it into more: that is hidden. There is no network; the server's
        socket is a file.
        """
        shared, empty = str(self.paths.shared), preview_place.FOLDER / "empty"
        within = [path for path in self.folders if path.startswith(f"{shared}/")]
        beside = [path for path in self.folders if path not in (shared, *within) and os.path.isdir(path)]
        hidden = [str(path) for path in sorted(RUN.iterdir()) if path.name not in SEEN] if RUN.is_dir() else []
        return {
            **KIND,
            "SupplementaryGroups": [self.paths.app],
            "PrivateNetwork": "yes",
            "BindPaths": [],
            "BindReadOnlyPaths": [f"{empty}:{path}" for path in self._own_files(src)],
            "TemporaryFileSystem": [
                *sandbox.SERVICE["TemporaryFileSystem"],
                f"{shared}:mode=0755",
                *(f"{path}:mode=1777" for path in [*within, *beside]),
            ],
            "InaccessiblePaths": [f"-{path}" for path in [*hidden, str(self.paths.settings)]],
        }

    def _own_files(self, src: Path) -> list[Path]:
        """Return the app's own files in SRC itself; what is in a shared folder is not there anyway.

        Raises BackupError for a name that systemd would read as something else, so that the file would not be hidden.
        """
        found = [src / name for name in self.files]
        for path in found:
            if path.is_file() and re.search(r"[\s:\"'\\%]", str(path)):
                raise BackupError(
                    f"{path} can't be hidden from `anonymize`, because its name has a blank, a quote, a colon, a backslash or "
                    "a percent sign: rename it in `files`, or set `database: empty` in `preview`"
                )
        return [path for path in found if path.is_file() and path.resolve() == src.resolve() / path.relative_to(src)]

    def _take_place(self, cluster: Cluster) -> None:
        """Have the copy called as the preview, in place of what was; the next deploy migrates it, whatever it deploys."""
        swap.close(cluster, READY)
        swap.drop(cluster, self.preview)
        _psql(
            cluster,
            f"ALTER DATABASE {identifier(READY)} RENAME TO {identifier(self.preview)};\n"
            f"ALTER DATABASE {identifier(self.preview)} ALLOW_CONNECTIONS true;\n",
        )


def room(data: Path, dumps: Path, size: int, copies: int) -> None:
    """Raise BackupError unless there is room for COPIES of a database of SIZE octets below DATA, and for a dump below DUMPS."""
    wanted = [(data, copies * size), (dumps, size)]
    if os.stat(data).st_dev == os.stat(dumps).st_dev:
        wanted = [(data, (copies + 1) * size)]
    for place, octets in wanted:
        free = shutil.disk_usage(place).free
        if free < octets + (FLOOR_MB << 20):
            raise BackupError(
                f"a copy of the database ({size >> 20} MB) may take {octets >> 20} MB below {place}, of which {free >> 20} MB "
                f"are free, and {FLOOR_MB} MB must stay free: free some space, or set `database: empty` in `preview`"
            )


def _psql(cluster: Cluster, text: str) -> str:
    try:
        return psql(cluster, text)
    except PostgresError as error:
        raise BackupError(f"PostgreSQL refused: {error}") from None
