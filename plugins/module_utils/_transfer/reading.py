# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Any dump as one stream of SQL.

pg_restore turns its own formats into SQL, in a sandbox where there is nothing but the file: it is a parser of foreign bytes.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import os
import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Literal

from ansible_collections.slipway.flask.plugins.module_utils._host import sandbox
from ansible_collections.slipway.flask.plugins.module_utils._transfer import kinds
from ansible_collections.slipway.flask.plugins.module_utils._transfer.source import Source, damage, opened
from ansible_collections.slipway.flask.plugins.module_utils._transfer.statements import DumpError

Section = Literal["pre-data", ""]
INSIDE = "/mnt/dump"
"""Where pg_restore sees the file: in a file system of its own, so that no mount point is left on the host."""
RESTORE = (
    "--no-owner", "--no-privileges", "--no-publications", "--no-subscriptions", "--no-security-labels",
    "--no-tablespaces",
)  # fmt: skip
"""What pg_restore (12 to 18) leaves out: what is about the server, its roles and its owners."""
SANDBOX = {
    "DynamicUser": "yes", "PrivateNetwork": "yes", "ProtectSystem": "strict", "ProtectHome": "yes", "PrivateTmp": "yes",
    "PrivateDevices": "yes", "PrivateIPC": "yes", "CapabilityBoundingSet": "", "RestrictAddressFamilies": "AF_UNIX",
    "RestrictNamespaces": "yes", "SystemCallArchitectures": "native", "SystemCallFilter": "@system-service",
    "MemoryDenyWriteExecute": "yes", "ProtectProc": "invisible", "ProcSubset": "pid", "LimitCORE": "0",
    "TemporaryFileSystem": "/mnt",
    "InaccessiblePaths": "-/srv -/etc/slipway -/var/lib", "CollectMode": "inactive-or-failed", "Nice": "5",
}  # fmt: skip
BLOCK = 1 << 20


class Reading:
    """The SQL of a SOURCE as a stream. `file` is read by a child; `begin` has what fills it begin; `check` tells how it ended.

    SECTION: a part of it alone, where it has parts.
    """

    def __init__(self, source: Source, unit: str, section: Section = "") -> None:
        self.source, self.unit, self.section = source, unit, section
        self.said, self.status = "", 0
        self.thread: threading.Thread | None = None
        if source.kind == "plain":
            self.file: IO[bytes] = source.path.open("rb")
        else:
            reading, self.writing = os.pipe()
            self.file = os.fdopen(reading, "rb", BLOCK)

    @contextmanager
    def text(self) -> Iterator[IO[bytes]]:
        """Give the text, in the child. Raises DumpError for damage."""
        if self.source.kind == "archive":
            os.close(self.writing)  # else this would wait for itself to end
        with damage(), opened(self.file, self.source.compressed) as text:
            yield text

    def begin(self) -> None:
        """Have pg_restore write, in this process; the child must have been made before: threads and forks don't mix."""
        if self.source.kind == "archive":
            self.file.close()
            self.thread = threading.Thread(target=self._convert, daemon=True)
            self.thread.start()

    def _convert(self) -> None:
        if self.source.path.is_file():
            self.source.path.chmod(0o644)  # the folder that it is in is root's
        command = [
            "exec",
            _pg_restore(),
            *RESTORE,
            *([f"--section={self.section}"] if self.section else []),
            "--file=-",
            INSIDE,
        ]
        settings = {**SANDBOX, "BindReadOnlyPaths": f"{self.source.path}:{INSIDE}"}
        options = [f"--property={name}={value}" for name, value in settings.items()]
        with os.fdopen(self.writing, "wb") as output:
            done = sandbox.transient_script(self.unit, options, f"{' '.join(command)} </dev/null", output)
        self.said, self.status = done.stderr, done.returncode

    def check(self, complete: bool = True) -> None:
        """Raise DumpError when pg_restore could not read it; one whose reader has gone (not COMPLETE) is no failure."""
        with suppress(OSError):
            self.file.close()
        if self.thread is None:
            return
        self.thread.join()
        if self.status and self.said.strip() and "Broken pipe" not in self.said:
            raise DumpError(self._why())
        if self.status and complete:
            raise DumpError(f"pg_restore ended with status {self.status}")

    def _why(self) -> str:
        head, said = self.source.head, " ".join(self.said.split()).replace("pg_restore: error: ", "")
        if head and "unsupported version" in said:
            maker = f"pg_dump {number_in(head.pg_dump)}" if head.pg_dump else "a newer pg_dump"
            return (
                f"{maker} made it, whose format this host's pg_restore ({_version()}) can't read. Dump it as plain SQL "
                "(pg_dump --format=plain), or with a pg_dump of this host's version"
            )
        return f"pg_restore can't read it: {said[-600:]}"


def _pg_restore() -> str:
    """Return the newest pg_restore: not Debian's wrapper, which goes by the server's version."""
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/pg_restore"), key=lambda path: kinds.major(path.parent.parent.name)
    )
    if not found:
        raise DumpError("pg_restore is not installed on the host: run site.yml")
    return str(found[-1])


def _version() -> str:
    said = subprocess.run([_pg_restore(), "--version"], capture_output=True, text=True, check=False).stdout
    return number_in(said)


def number_in(said: str) -> str:
    """Return the version in what a program or the head of an archive SAID: `pg_restore (PostgreSQL) 15.14 (Debian …)`."""
    found = re.search(r"\d+(?:\.\d+)*\w*", said)
    return found[0] if found else said.strip()
