# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A git repository mirrored on the host, so that only what is new travels.

What git says is believed as little as the repository is: whoever overtakes it can name a commit and give files, for the
app whose repository it is, and nothing else.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import IO

from ansible_collections.slipway.flask.plugins.module_utils._host.systemd import HostError
from ansible_collections.slipway.flask.plugins.module_utils._python import git_unit
from ansible_collections.slipway.flask.plugins.module_utils._python.build_sandbox import text_of
from ansible_collections.slipway.flask.plugins.module_utils._release.archive import unpack
from ansible_collections.slipway.flask.plugins.module_utils._release.record import ReleaseError
from ansible_collections.slipway.flask.plugins.module_utils._source import git, git_script, submodules, urls
from ansible_collections.slipway.flask.plugins.module_utils._source.revision import WHOLE

SETTINGS = {
    "safe.directory": "*",
    "gc.autoDetach": "false",  # nothing of ours goes on after the deploy
    "maintenance.autoDetach": "false",
    "http.lowSpeedLimit": "1",
    "http.lowSpeedTime": "60",
}
MODULE = re.compile(r"160000 commit ([0-9a-f]{40}|[0-9a-f]{64})\t(.+)", re.DOTALL)
"""A submodule as `git ls-tree` prints it."""
MOST_ABOUT_MODULES = 1 << 24
"""Bytes; nobody has so many submodules."""


class Git:
    """A bare mirror of the repository at ADDRESS, which may hold credentials. KEY is a private deploy key's text.

    place: where git runs; origin: the address in the app's description, where this is a submodule's.
    """

    def __init__(
        self, address: str, mirror: Path, key: str = "", place: git_unit.Place | None = None, origin: str = ""
    ) -> None:
        self.address, self.mirror, self.key = address, mirror, key
        self.place = place or git_unit.Place(mirror.parent)
        self.url = urls.split(address)[0]
        self.origin = origin or self.url

    def _run(self, script: str, output: IO[bytes] | None = None) -> str | None:
        """Run a SCRIPT and return what it prints, None for what is not there. Raises ReleaseError when git fails."""
        environment = git.environment(self.address, SETTINGS, self.place.variables())
        known = text_of(git_unit.KNOWN_HOSTS)  # root's file may be closed to others
        start = git_script.room(environment, known, self.place.known_hosts, self.key)
        try:
            done = self.place.run(start + script, self.url, self.origin, self.key, environment, output)
        except HostError as error:
            raise ReleaseError(str(error)) from None
        if done.returncode == git_script.NOT_THERE:
            return None
        if done.returncode:
            said = done.stderr.strip()[-1500:] + git_unit.advice(self.place, self.url)
            raise ReleaseError(urls.without_credentials(f"git could not read {self.url}:\n{said}"))
        return done.stdout or ""

    def commit(self, version: str) -> str:
        """Bring the mirror up to date and return the commit that VERSION (branch, tag or commit) stands for."""
        if not shutil.which("git"):
            raise ReleaseError("git is not installed on the host; run site.yml first, which installs it")
        found = self._run(git_script.commit(self.mirror, self.url, version))
        if found is None:
            raise ReleaseError(f"the repository {self.url} has no branch, tag or commit '{version}'")
        commit = found.strip()
        # It becomes part of names on the host.
        if not WHOLE.fullmatch(commit) or (WHOLE.fullmatch(version) and commit != version):
            raise ReleaseError(f"git could not read {self.url}: it gave no commit for '{version}'")
        return commit

    def has(self, tip: str, commit: str) -> bool:
        """Tell whether COMMIT is part of the history of TIP; both are in the mirror."""
        return self._run(git_script.within(self.mirror, commit, tip)) is not None

    def export(self, commit: str, subfolder: str, folder: Path) -> None:
        """Write the files of COMMIT below SUBFOLDER into FOLDER, those of its submodules, too."""
        below = subfolder.strip("/")
        with tempfile.TemporaryFile(dir=folder.parent) as archive:
            if self._run(git_script.export(self.mirror, commit, below), output=archive) is None:
                raise ReleaseError(f"'subfolder' is '{subfolder}', but commit {commit[:7]} has no such folder")
            rows, listed = taken_off(archive)
            unpack(archive, folder)
        known = submodules.places(listed) if rows else {}
        for row in rows:
            match = MODULE.fullmatch(row)
            if not match:
                raise ReleaseError(f"git could not read {self.url}: its list of submodules is damaged")
            pinned, path = match.groups()
            place = f"{below}/{path}" if below else path
            url = submodules.absolute(known.get(place, ""), self.url)
            if not url:
                told = f"leads to '{known[place]}', which is neither HTTP nor SSH" if place in known else "has no URL"
                raise ReleaseError(f"the submodule '{place}' of commit {commit[:7]} {told} in its .gitmodules")
            self._submodule(url).take(pinned, room_for(path, folder))

    def _submodule(self, url: str) -> Git:
        """Return a mirror of a submodule, within this one. What opens this repository is told to no other server."""
        name = hashlib.sha256(url.encode()).hexdigest()[:16]
        secret = self.address if urls.is_http(url) and urls.server(url) == urls.server(self.url) else ""
        mirror = self.mirror / "modules" / f"{name}.git"
        return Git(urls.with_credentials(url, secret), mirror, self.key, self.place, self.origin)

    def take(self, commit: str, folder: Path) -> None:
        """Fetch COMMIT if need be, and write its files into FOLDER."""
        self.export(self.commit(commit), "", folder)


def taken_off(archive: IO[bytes]) -> tuple[list[str], str]:
    """Take what git_script.export adds to an ARCHIVE off it: the rows of its submodules, and `.gitmodules`.

    Raises ReleaseError when it is not there.
    """
    size = archive.seek(0, os.SEEK_END)
    archive.seek(max(0, size - 40))
    match = git_script.LENGTHS.fullmatch(archive.read())
    links, modules = map(int, match.groups()) if match else (0, 0)
    start = size - 40 - links - modules
    if not match or start < 0 or links + modules > MOST_ABOUT_MODULES:
        raise ReleaseError("what git gave of the repository is damaged; deploy again")
    archive.seek(start)
    rows, listed = (archive.read(length).decode("utf-8", "surrogateescape") for length in (links, modules))
    archive.truncate(start)
    archive.seek(0)
    return rows.split("\0")[:-1], listed


def room_for(path: str, folder: Path) -> Path:
    """Return the empty folder for the submodule PATH of what is in FOLDER. Raises ReleaseError where there is none.

    An empty one holds no link, through which its files could land elsewhere.
    """
    place = folder / path
    if path.startswith("/") or ".." in path.split("/") or place.resolve() != folder.resolve() / path:
        raise ReleaseError(f"the submodule '{path}' would end up outside of the release")
    try:
        place.mkdir(parents=True, exist_ok=True)
        used = any(place.iterdir())
    except (FileExistsError, NotADirectoryError):
        used = True
    if used:
        raise ReleaseError(f"the submodule '{path}' would end up where the repository has files")
    return place
