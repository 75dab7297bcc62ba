# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The host's side of a release's source: an uploaded archive or a git repository becomes a folder.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import tarfile
import tempfile
import time
import zlib
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._release import ReleaseError
from ansible_collections.slipway.flask.plugins.module_utils._source import without_credentials


def extract(archive: io.BufferedIOBase, folder: Path) -> None:
    """Unpack a tar archive into FOLDER.

    Raises ReleaseError for a damaged archive and for a member that would land outside of the folder.
    """
    try:
        _extract(archive, folder)
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise ReleaseError(f"the source's archive is damaged ({error}); deploy again") from error


def _extract(archive: io.BufferedIOBase, folder: Path) -> None:
    with tarfile.open(fileobj=archive) as tar:
        members = tar.getmembers()
        for member in members:
            if member.name.startswith("/") or ".." in member.name.split("/"):
                raise ReleaseError(f"the source holds '{member.name}', which would land outside of the release")
            member.mtime = time.time()  # nginx makes ETags of time and size: an old time would hide a change
            member.mode = 0o750 if member.isdir() or member.mode & 0o100 else 0o640
        # The names are checked above; 'data' of newer Pythons would also refuse links that apps do use.
        options = {"filter": "fully_trusted"} if hasattr(tarfile, "fully_trusted_filter") else {}
        tar.extractall(folder, members, **options)  # type: ignore[arg-type]


class Git:
    """A bare mirror on the host, so that only what is new travels. KEY is a private deploy key's text."""

    def __init__(self, url: str, mirror: Path, key: str = "") -> None:
        self.url, self.mirror, self.key = url, mirror, key

    def _run(self, *arguments: str, binary: bool = False) -> bytes:
        environment = {
            **os.environ,
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "HOME": "/nonexistent",
        }
        ssh = "ssh -o BatchMode=yes -o StrictHostKeyChecking=accept-new -o UserKnownHostsFile=/etc/ssh/ssh_known_hosts"
        with tempfile.NamedTemporaryFile("w", dir="/dev/shm") as key:  # mode 0600, in memory, gone afterwards
            if self.key:
                key.write(self.key.rstrip("\n") + "\n")
                key.flush()
                ssh += f" -o IdentitiesOnly=yes -i {key.name}"
            environment["GIT_SSH_COMMAND"] = ssh
            command = ["git", "-c", "safe.directory=*", "-c", "core.hooksPath=/dev/null", *arguments]
            done = subprocess.run(command, capture_output=True, env=environment, check=False)
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip()
            raise ReleaseError(without_credentials(f"git could not read {self.url}:\n{said[-1500:]}"))
        return done.stdout

    def commit(self, version: str) -> str:
        """Bring the mirror up to date and return the commit that VERSION (branch, tag or commit) stands for."""
        if not shutil.which("git"):
            raise ReleaseError("git is not installed on the host; run site.yml first, which installs it")
        if (self.mirror / "HEAD").exists():
            self._run("--git-dir", str(self.mirror), "remote", "set-url", "origin", self.url)
            self._run("--git-dir", str(self.mirror), "fetch", "--quiet", "--prune", "--force", "origin")
        else:
            fresh = self.mirror.with_name(f".{self.mirror.name}.new")
            shutil.rmtree(fresh, ignore_errors=True)
            self._run("clone", "--quiet", "--mirror", "--", self.url, str(fresh))
            fresh.rename(self.mirror)
        try:
            found = self._run(
                "--git-dir", str(self.mirror), "rev-parse", "--verify", "--quiet", f"{version}^{{commit}}"
            )
        except ReleaseError:
            url = without_credentials(self.url)
            raise ReleaseError(f"the repository {url} has no branch, tag or commit '{version}'") from None
        return found.decode().strip()

    def export(self, commit: str, subfolder: str, folder: Path) -> None:
        """Write the files of COMMIT below SUBFOLDER into FOLDER."""
        tree = f"{commit}:{subfolder}" if subfolder else commit
        try:
            content = self._run("--git-dir", str(self.mirror), "archive", "--format=tar", tree)
        except ReleaseError:
            raise ReleaseError(f"'subfolder' is '{subfolder}', but commit {commit[:7]} has no such folder") from None
        extract(io.BytesIO(content), folder)
