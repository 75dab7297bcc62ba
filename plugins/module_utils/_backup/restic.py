# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""restic: backups of folders and files, in a repository of its own at each target.

It works as root; where the service of a backup has no network, as a user of its own that may read all files (see `outside`).
The passphrase and S3's keys reach it by files and by an environment that only root can read.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._backup import outside, places, reach, watched
from ansible_collections.slipway.flask.plugins.module_utils._backup.command import run
from ansible_collections.slipway.flask.plugins.module_utils._backup.error import BackupError
from ansible_collections.slipway.flask.plugins.module_utils._backup.outside import Rights
from ansible_collections.slipway.flask.plugins.module_utils._backup.settings import Settings, Target
from ansible_collections.slipway.flask.plugins.module_utils._backup.snapshots import WRONG as WRONG
from ansible_collections.slipway.flask.plugins.module_utils._backup.snapshots import Saved as Saved
from ansible_collections.slipway.flask.plugins.module_utils._backup.snapshots import Snapshot as Snapshot
from ansible_collections.slipway.flask.plugins.module_utils._backup.snapshots import lines as _lines
from ansible_collections.slipway.flask.plugins.module_utils._backup.snapshots import reason as reason
from ansible_collections.slipway.flask.plugins.module_utils._backup.snapshots import snapshot as snapshot

INCOMPLETE = 3
"""Exit status of a backup that could not read all files (restic's manual, "Exit status codes")."""
ABSENT = re.compile(r"Is there a repository at|config file does not exist|unable to open config file")
LOOK_SECONDS = 60
"""How long a target may take for an answer before it counts as out of reach."""


class Restic:
    """restic with the repository of SETTINGS' host at TARGET."""

    def __init__(self, settings: Settings, target: Target) -> None:
        self.settings, self.target = settings, target

    def init(self) -> None:
        """Make the repository unless it is there. Raises BackupError when the target can't be reached or has another passphrase."""
        if not self.exists():
            self._call("init", "--quiet", what="make a repository")

    def exists(self) -> bool:
        """Tell whether there is a repository. Raises BackupError when that can't be told, or the passphrase is another."""
        done = self._run("cat", "config", "--quiet", seconds=LOOK_SECONDS)
        if done.returncode and ABSENT.search(done.stderr) and not WRONG.search(done.stderr):
            return False
        if done.returncode:
            raise BackupError(f"restic could not open {self.target.name}: {reason(done.stderr)}")
        return True

    def backup(
        self, paths: Sequence[Path | str], tags: Sequence[str] = (), exclude: Iterable[Path | str] = ()
    ) -> Saved:
        """Save PATHS (absolute) as one snapshot. Raises BackupError; a file that can't be read is left out and told.

        :param exclude: files and folders, absolute, that are left out.
        """
        wanted = [str(path) for path in paths]
        place = places.STATE if self._rights() else None  # /tmp is another one there
        with tempfile.NamedTemporaryFile(
            "w", prefix="slipway-exclude-", dir=place
        ) as file:  # an app may have any number
            file.writelines(line for path in exclude if (line := exclusion(str(path))))
            file.flush()
            done = self._run(
                "backup", "--json", "--host", self.settings.host, *(f"--tag={tag}" for tag in tags),
                f"--exclude-file={file.name}", "--", *wanted, stall=watched.STALL_SECONDS,
            )  # fmt: skip
        if done.returncode not in (0, INCOMPLETE):
            raise BackupError(f"restic could not save to {self.target.name}: {reason(done.stderr)}")
        summary = next((line for line in _lines(done.stdout) if line.get("message_type") == "summary"), {})
        unread = [
            str(line.get("item", "")) for line in _lines(done.stderr) if line.get("message_type") == "error"
        ] if done.returncode else []  # fmt: skip
        return Saved(
            str(summary.get("snapshot_id", "")), int(summary.get("total_bytes_processed", 0)),
            int(summary.get("data_added_packed", summary.get("data_added", 0))), tuple(unread),
        )  # fmt: skip

    def snapshots(self, tags: Sequence[str] = (), host: str | None = None) -> list[Snapshot]:
        """Return the snapshots that have all of TAGS, the oldest first. Raises BackupError.

        :param host: whose; None is this host.
        """
        wanted = [f"--tag={','.join(tags)}"] if tags else []
        said = self._call(
            "snapshots", "--json", "--no-lock", "--host", self.settings.host if host is None else host, *wanted,
            what="list what is in", seconds=LOOK_SECONDS,
        )  # fmt: skip
        try:
            found = [snapshot(entry) for entry in json.loads(said) or []]
        except (ValueError, KeyError, TypeError) as error:
            raise BackupError(f"the answer of `restic snapshots` can't be read: {error}") from None
        return sorted(found, key=lambda one: one.time)

    def read(self, snapshot: str, path: Path | str) -> bytes:
        """Return what a file of a SNAPSHOT holds. Raises BackupError."""
        return self._call("dump", "--no-lock", snapshot, str(path), what=f"read {path} from").encode()

    def restore(self, snapshot: str, into: Path, include: Sequence[Path | str] = ()) -> None:
        """Write a SNAPSHOT below INTO, each file at INTO + its absolute path, with owners and modes. Raises BackupError.

        Where it is fetched outside, all files are the user's who fetches them, in place of their owners'.

        :param include: only these files and folders, absolute; () is all.
        """
        wanted = [f"--include={glob_escaped(str(path))}" for path in include]
        if self._rights():  # who restores is no root there, and owns what it has restored
            shutil.chown(into, outside.USER)
        self._call("restore", snapshot, "--no-lock", "--target", str(into), *wanted, what="restore from", into=into)

    def forget(self, snapshots: Sequence[str]) -> None:
        """Remove SNAPSHOTS (ids) from the list; `prune` frees their space. Raises BackupError."""
        if snapshots:
            self._call("forget", "--quiet", *snapshots, what="remove old snapshots from")

    def prune(self) -> None:
        """Free the space that no snapshot needs any more. Raises BackupError."""
        self._call("prune", "--quiet", what="free space in")

    def check(self, subset: str = "") -> None:
        """Check the repository's structure, and that SUBSET of its data is as it was written. Raises BackupError.

        :param subset: `5%`, `1/7` or `100M`; "" reads none of the data.
        """
        some = [f"--read-data-subset={subset}"] if subset else []
        self._call("check", "--quiet", "--no-lock", *some, what="verify")

    def unlock(self) -> None:
        """Remove locks that runs which were killed left. The repository is this host's alone. Raises BackupError."""
        self._call("unlock", "--quiet", what="unlock", seconds=LOOK_SECONDS)

    def _call(self, *arguments: str, what: str, seconds: float | None = None, into: Path | None = None) -> str:
        done = self._run(*arguments, seconds=seconds, into=into)
        if done.returncode:
            raise BackupError(f"restic could not {what} {self.target.name}: {reason(done.stderr)}")
        return done.stdout

    def _run(
        self, *arguments: str, seconds: float | None = None, stall: float | None = None, into: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        if why := reach.why_not(self.target):
            raise BackupError(f"{self.target.name}: {why}")
        command = ["restic", *self.options(), *arguments]
        rights, environment = self._rights(into), self.environment()
        if rights:
            environment |= {"RESTIC_CACHE_DIR": f"/var/cache/{outside.CACHE}", "HOME": "/nonexistent"}
        if seconds:
            return run(command, environment=environment, seconds=seconds, rights=rights)
        return watched.run(command, environment, stall, rights=rights)

    def _rights(self, into: Path | None = None) -> Rights | None:
        """Return what it may outside, where it may restore INTO a folder; None for one that works here."""
        if self.target.kind == "path" or not outside.service():
            return None
        return Rights(outside.USER, outside.READS_ALL, writable=[into] if into else [], marks=bool(into))

    def options(self) -> list[str]:
        """Return the options that every call has: none of them is a secret."""
        target = self.target
        found: list[str] = []
        if target.kind == "sftp":
            home = places.SECRETS / secret_name(target)
            command = [
                "ssh", "-F", "none", "-p", str(target.port), "-i", f"{home}.key", "-o", "IdentitiesOnly=yes",
                "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes", "-o", f"UserKnownHostsFile={home}.known_hosts",
                "-o", "ConnectTimeout=20", "-o", "ServerAliveInterval=15", "-o", "ServerAliveCountMax=4",
                "-l", target.user, target.host, "-s", "sftp",
            ]  # fmt: skip
            found += ["-o", f"sftp.command={shlex.join(command)}"]
        if target.kind == "s3":
            found += ["-o", f"s3.bucket-lookup={'dns' if target.addressing == 'virtual' else 'path'}"]
            if target.ca:
                found += ["--cacert", f"{places.SECRETS / secret_name(target)}.ca"]
        return found

    def environment(self) -> dict[str, str]:
        """Return the environment that every call has; it holds S3's secret, and only root can read it."""
        target = self.target
        found = {
            "RESTIC_REPOSITORY": repository(target),
            "RESTIC_PASSWORD_FILE": str(places.SECRETS / "passphrase"),
            "RESTIC_CACHE_DIR": str(places.CACHE),
            "RESTIC_PROGRESS_FPS": "0.1",
            "HOME": "/root",
        }
        if target.kind == "s3":
            found |= {"AWS_ACCESS_KEY_ID": target.key, "AWS_SECRET_ACCESS_KEY": target.secret}
            found |= {"AWS_DEFAULT_REGION": target.region} if target.region else {}
        return found


def repository(target: Target) -> str:
    """Return how restic calls the repository at TARGET."""
    if target.kind == "s3":
        return (
            f"s3:https://{target.endpoint}/{'/'.join(filter(None, (target.bucket, target.path.strip('/'), 'restic')))}"
        )
    if target.kind == "sftp":
        return f"sftp:{target.user}@{target.host}:{target.path}/restic"
    return f"{target.path}/restic"


def secret_name(target: Target) -> str:
    """Return what the files with a target's key and authority are called, without a suffix."""
    return re.sub(r"[^A-Za-z0-9.-]+", "-", f"{target.kind}-{target.host or target.endpoint}-{target.bucket}").strip("-")


def glob_escaped(path: str) -> str:
    """Return PATH as a pattern of restic's that means itself."""
    return re.sub(r"([*?\[\\])", r"\\\1", path)


def exclusion(path: str) -> str:
    """Return the line of a file of patterns that means PATH, "" where none can: it is saved then.

    restic takes blanks from both ends of a line, and puts variables of the environment in (its manual, "Excluding Files").
    """
    if path != path.strip() or not path.isprintable():
        return ""
    return glob_escaped(path).replace("$", "$$") + "\n"
