# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A dump as somebody brings it, of any format, as one stream of SQL.

pg_restore turns its own formats into SQL, in a sandbox where there is nothing but the file: it is a parser of foreign bytes.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import shutil
import subprocess
import tarfile
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal, cast

from ansible_collections.slipway.flask.plugins.module_utils._host import sandbox
from ansible_collections.slipway.flask.plugins.module_utils._transfer import kinds
from ansible_collections.slipway.flask.plugins.module_utils._transfer.statements import DumpError

Section = Literal["pre-data", ""]
INSIDE = "/mnt/dump"
"""Where pg_restore sees the file: in a file system of its own, so that no mount point is left on the host."""
DAMAGED = (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile, tarfile.TarError)
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
ENTRIES = 200_000
"""Files of a dump in directory format: one for each table and large object."""


@dataclass(frozen=True)
class Source:
    """A dump at PATH that can be read: `plain` (COMPRESSED or not), or what pg_restore reads."""

    path: Path
    kind: Literal["plain", "archive"]
    compressed: str = ""
    head: kinds.Archive | None = None


def prepare(upload: Path, staging: Path, room: Callable[[int], None]) -> Source:
    """Find out what UPLOAD is, and unpack into the folder STAGING what can be read only then.

    ROOM raises when so many octets more must not be written. Raises DumpError for what is no dump, or is damaged.
    """
    with upload.open("rb") as file:
        begin = kinds.read(file)
        compressed = kinds.compression(begin)
        if compressed:
            with opened(file, compressed) as text, damage():
                begin = _begin(text)
    if why := kinds.strange(begin):
        raise DumpError(f"{why}")
    if head := kinds.archive(begin):
        return Source(_decompressed(upload, compressed, staging, room), "archive", "", head)
    if kinds.is_tar(begin):
        return _of_tar(_decompressed(upload, compressed, staging, room), staging, room)
    return Source(upload, "plain", compressed)


def _begin(text: IO[bytes]) -> bytes:
    found = b""
    while len(found) < kinds.LOOK and (block := text.read(kinds.LOOK - len(found))):
        found += block
    return found


@contextmanager
def damage() -> Iterator[None]:
    try:
        yield
    except (*DAMAGED, OSError) as error:
        if isinstance(error, OSError) and error.errno:
            raise
        raise DumpError(f"it is damaged or cut off: {error}") from None


@contextmanager
def opened(file: IO[bytes], compressed: str) -> Iterator[IO[bytes]]:
    """Give what FILE holds, as a stream. Raises DumpError where the host has no tool for it."""
    if compressed == "zstd":
        if not shutil.which("zstd"):
            raise DumpError(
                "it is compressed with zstd, which this host does not have: apt-get install zstd, or unpack it"
            )
        with subprocess.Popen(["zstd", "-dcq"], stdin=file, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            text = cast(IO[bytes], process.stdout)
            yield text
            if text.read(1):
                process.kill()  # nobody wants the rest
            elif process.wait():
                said = cast(IO[bytes], process.stderr).read().decode("utf-8", "replace").strip()
                raise DumpError(f"it is damaged or cut off: {said[-200:]}")
        return
    tools = {"gzip": gzip.open, "xz": lzma.open, "bzip2": bz2.open}
    if not compressed:
        yield file
        return
    with tools[compressed](file, "rb") as text:  # type: ignore[operator]
        yield cast(IO[bytes], text)


def _decompressed(upload: Path, compressed: str, staging: Path, room: Callable[[int], None]) -> Path:
    """Return the file that UPLOAD is, unpacked into STAGING if need be."""
    if not compressed:
        return upload
    target = staging / "dump"
    with upload.open("rb") as file, opened(file, compressed) as text, target.open("xb") as new, damage():
        while block := text.read(BLOCK):
            room(len(block))
            new.write(block)
    return target


def _of_tar(tar: Path, staging: Path, room: Callable[[int], None]) -> Source:
    """Return the dump in a tar: one of pg_dump's directory format, which its tar format is as well once it is unpacked."""
    with damage(), tarfile.open(tar) as archive:
        for count, member in enumerate(archive):
            if count > ENTRIES:
                break
            if os.path.basename(member.name) == "toc.dat" and member.isreg():
                content = archive.extractfile(member)
                head = kinds.archive(content.read(kinds.LOOK)) if content else None
                if head is None:
                    raise DumpError("the toc.dat in it is not pg_dump's")
                return Source(_unpack(tar, os.path.dirname(member.name), staging / "folder", room), "archive", "", head)
    raise DumpError("it is a tar without pg_dump's toc.dat: for the app's files say -e folder=… instead of -e dump=…")


def _unpack(tar: Path, folder: str, target: Path, room: Callable[[int], None]) -> Path:
    """Write the files of a dump in directory format, which are in FOLDER of the tar; it has no folders and no links."""
    target.mkdir(mode=0o755)
    with tarfile.open(tar) as archive:
        for member in archive:
            place, name = os.path.split(member.name)
            if (
                os.path.normpath(place or ".") != os.path.normpath(folder or ".")
                or not member.isreg()
                or name in ("", "..")
            ):
                continue
            content = archive.extractfile(member)
            with (target / name).open("xb") as new:
                os.fchmod(new.fileno(), 0o644)
                while content and (block := content.read(BLOCK)):
                    room(len(block))
                    new.write(block)
    return target


# ---- reading ---------------------------------------------------------------------------------------------------------


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
            maker = f"pg_dump {head.pg_dump}" if head.pg_dump else "a newer pg_dump"
            return (
                f"{maker} made it, whose format this host's pg_restore ({_version()}) can't read. Make it as plain SQL "
                "(pg_dump --format=plain), or with a pg_dump of this host's version"
            )
        return f"pg_restore can't read it: {said[-600:]}"


def _pg_restore() -> str:
    """Return the newest pg_restore: not Debian's wrapper, which goes by the server's version."""
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/pg_restore"), key=lambda path: kinds.major(path.parent.parent.name)
    )
    if not found:
        raise DumpError("the host has no pg_restore: run site.yml")
    return str(found[-1])


def _version() -> str:
    said = subprocess.run([_pg_restore(), "--version"], capture_output=True, text=True, check=False).stdout
    return said.rpartition(" ")[0].rpartition(" ")[2] if said.strip().endswith(")") else said.strip().rpartition(" ")[2]
