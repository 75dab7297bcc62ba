# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A git repository mirrored on the host, so that only what is new travels.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import IO

from ansible_collections.slipway.flask.plugins.module_utils._release.archive import unpack
from ansible_collections.slipway.flask.plugins.module_utils._release.record import ReleaseError
from ansible_collections.slipway.flask.plugins.module_utils._source import git, submodules, urls
from ansible_collections.slipway.flask.plugins.module_utils._source.revision import WHOLE

HEAD = "refs/slipway/HEAD"
SETTINGS = {
    "safe.directory": "*",
    "gc.autoDetach": "false",  # nothing of ours goes on after the deploy
    "maintenance.autoDetach": "false",
    "http.lowSpeedLimit": "1",
    "http.lowSpeedTime": "60",
}
SSH = (
    "ssh -o BatchMode=yes -o ConnectTimeout=30 -o ServerAliveInterval=15 -o StrictHostKeyChecking=accept-new "
    "-o UserKnownHostsFile=/etc/ssh/ssh_known_hosts"
)


class Git:
    """A bare mirror of the repository at ADDRESS, which may hold credentials. KEY is a private deploy key's text."""

    def __init__(self, address: str, mirror: Path, key: str = "") -> None:
        self.address, self.mirror, self.key = address, mirror, key
        self.url = urls.split(address)[0]
        self._environment = {
            **git.environment(address, SETTINGS),
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "HOME": "/nonexistent",
        }

    def _run(self, *arguments: str, output: IO[bytes] | None = None) -> str:
        with tempfile.NamedTemporaryFile("w", dir="/dev/shm") as key:  # mode 0600, in memory, gone afterwards
            ssh = SSH
            if self.key:
                key.write(self.key.rstrip("\n") + "\n")
                key.flush()
                ssh += f" -o IdentitiesOnly=yes -i {key.name}"
            done = subprocess.run(
                ["git", *arguments], stdin=subprocess.DEVNULL, stdout=output or subprocess.PIPE,
                stderr=subprocess.PIPE, env={**self._environment, "GIT_SSH_COMMAND": ssh}, check=False,
            )  # fmt: skip
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip()
            raise ReleaseError(urls.without_credentials(f"git could not read {self.url}:\n{said[-1500:]}"))
        return "" if output else done.stdout.decode("utf-8", "surrogateescape")

    def _in(self, mirror: Path, *arguments: str, output: IO[bytes] | None = None) -> str:
        return self._run("--git-dir", str(mirror), *arguments, output=output)

    def commit(self, version: str) -> str:
        """Bring the mirror up to date and return the commit that VERSION (branch, tag or commit) stands for."""
        if not shutil.which("git"):
            raise ReleaseError("git is not installed on the host; run site.yml first, which installs it")
        whole = WHOLE.fullmatch(version)
        if whole and (found := self._found(version)):
            return found  # what a commit holds never changes
        self._update([f"+HEAD:{HEAD}"] if version == "HEAD" else [f"+{version}:{version}"] if is_ref(version) else [])
        found = self._found(HEAD if version == "HEAD" else version)
        if not found and whole:
            try:  # on no branch any more, or on a pull request: many servers give it to whoever names it whole
                self._fetch(self.mirror, f"+{version}:refs/slipway/{version}")
            except ReleaseError:
                found = ""
            else:
                found = self._found(version)
        if not found:
            raise ReleaseError(f"the repository {self.url} has no branch, tag or commit '{version}'")
        return found

    def _found(self, version: str) -> str:
        """Return the commit that the mirror knows as VERSION, "" when it knows none."""
        try:
            return self._in(self.mirror, "rev-parse", "--verify", "--quiet", f"{version}^{{commit}}").strip()
        except ReleaseError:
            return ""

    def _fetch(self, mirror: Path, *more: str, prune: bool = False) -> None:
        """Fetch into MIRROR what is new. No branch is checked out, so every one may be written over."""
        options = ["--quiet", "--force", "--no-tags", "--no-write-fetch-head", *(["--prune"] if prune else [])]
        self._in(mirror, "fetch", *options, "--", self.url, *more)

    def _update(self, more: list[str]) -> None:
        """Make the mirror, or bring it up to date; one that a power cut has damaged is made anew."""
        wanted = ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*", *more]
        if (self.mirror / "HEAD").exists():
            for lock in self.mirror.rglob("*.lock"):  # of a git that was killed: we hold the app's lock
                lock.unlink()
            try:
                self._fetch(self.mirror, *wanted, prune=True)
                return
            except ReleaseError:
                if self._is_sound():
                    raise
        fresh = self.mirror.with_name(f".{self.mirror.name}.new")
        shutil.rmtree(fresh, ignore_errors=True)
        self._run("init", "--quiet", "--bare", str(fresh))
        self._fetch(fresh, *wanted)
        shutil.rmtree(self.mirror, ignore_errors=True)
        fresh.rename(self.mirror)

    def _is_sound(self) -> bool:
        try:
            self._in(self.mirror, "fsck", "--connectivity-only", "--no-dangling")
        except ReleaseError:
            return False
        return True

    def export(self, commit: str, subfolder: str, folder: Path) -> None:
        """Write the files of COMMIT below SUBFOLDER into FOLDER, those of its submodules, too."""
        below = subfolder.strip("/")
        tree = f"{commit}:{below}" if below else commit
        try:
            rows = self._in(self.mirror, "ls-tree", "-r", "-z", tree).split("\0")
        except ReleaseError:
            raise ReleaseError(f"'subfolder' is '{subfolder}', but commit {commit[:7]} has no such folder") from None
        with tempfile.TemporaryFile(dir=self.mirror.parent) as archive:
            self._in(self.mirror, "archive", "--format=tar", tree, output=archive)
            archive.seek(0)
            unpack(archive, folder)
        modules = [row.split("\t", 1) for row in rows if row.startswith("160000 ")]
        known = submodules.places(self._modules(commit)) if modules else {}
        for about, path in modules:
            place = f"{below}/{path}" if below else path
            url = submodules.absolute(known.get(place, ""), self.url)
            if not url:
                told = f"leads to '{known[place]}', which is neither HTTP nor SSH" if place in known else "has no URL"
                raise ReleaseError(f"the submodule '{place}' of commit {commit[:7]} {told} in its .gitmodules")
            if ".." in path.split("/") or (folder / path).resolve() != folder.resolve() / path:
                raise ReleaseError(f"the submodule '{place}' would land outside of the release")
            (folder / path).mkdir(parents=True, exist_ok=True)
            self._submodule(url).take(about.split()[2], folder / path)

    def _modules(self, commit: str) -> str:
        try:
            return self._in(self.mirror, "config", "--blob", f"{commit}:.gitmodules", "--list", "-z")
        except ReleaseError:
            return ""

    def _submodule(self, url: str) -> Git:
        """Return a mirror of a submodule, within this one. What opens this repository is told to no other server."""
        name = hashlib.sha256(url.encode()).hexdigest()[:16]
        secret = self.address if urls.is_http(url) and urls.server(url) == urls.server(self.url) else ""
        places = self.mirror / "modules"
        places.mkdir(exist_ok=True)
        return Git(urls.with_credentials(url, secret), places / f"{name}.git", self.key)

    def take(self, commit: str, folder: Path) -> None:
        """Fetch COMMIT if need be, and write its files into FOLDER."""
        self.export(self.commit(commit), "", folder)


def is_ref(version: str) -> bool:
    """Tell whether VERSION is the full name of a reference that is fetched only by name, as a pull request's is."""
    return version.startswith("refs/") and not version.startswith(("refs/heads/", "refs/tags/"))
