# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The live release on a host, as another host is to be given it: its revision, its packages, and its code if that was sent.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import json
import os
import shutil
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._host import going
from ansible_collections.slipway.flask.plugins.module_utils._process.look.members import processes_of
from ansible_collections.slipway.flask.plugins.module_utils._python import locked
from ansible_collections.slipway.flask.plugins.module_utils._python.environment import RECORD
from ansible_collections.slipway.flask.plugins.module_utils._release import sealed
from ansible_collections.slipway.flask.plugins.module_utils._release.lease import Lease
from ansible_collections.slipway.flask.plugins.module_utils._release.lock import lock
from ansible_collections.slipway.flask.plugins.module_utils._release.record import (
    LOCK,
    SWITCHED,
    Paths,
    Record,
    ReleaseError,
)


@dataclass
class Origin:
    """What is promoted; ARCHIVE is the file that holds its code if the controller has sent that, "" where it is fetched."""

    release: str
    revision: str
    source: str
    source_key: str
    made_of: dict[str, Any] = field(default_factory=dict)
    lock: str = ""
    python: str = ""
    ended: str = ""
    archive: str = ""


def serving(paths: Paths, by: str) -> Origin:
    """Return the live release the app at PATHS, for somebody (BY) who promotes it.

    Raises ReleaseError when none does, while it may change, and when it is not what its record says.
    """
    if not paths.current_id():
        raise ReleaseError(f"{paths.app} has no live release there")
    with lock(paths.root / ".lock", by):
        lease = Lease.read(paths.app)
        if lease:
            raise ReleaseError(lease.said())
        if since := going.going(paths.app):
            raise ReleaseError(f"{paths.app} has been being removed there since {since} UTC")
        return _origin(paths, paths.current_id())


def _origin(paths: Paths, release: str) -> Origin:
    record = paths.record(release)
    if record is None or record.outcome not in SWITCHED:
        raise ReleaseError(f"the record of release {release} can't be read there")
    idle = [one.name or "web" for one in processes_of(paths) if one.has(release) and not one.is_active(release)]
    if idle:
        raise ReleaseError(f"release {release} does not run there: {', '.join(idle)} is stopped")
    if record.dirty:
        raise ReleaseError(
            f"release {release} has uncommitted changes, so that nobody can say what it is: commit them and deploy it there"
        )
    if problems := sealed.look(paths, [release]).problems:
        raise ReleaseError(problems[0])
    text = _lock(paths, record)
    archive = paths.archive(record.source_key)
    return Origin(
        release, record.revision, record.source, record.source_key, record.made_of, text, _python(paths, record),
        record.ended, str(archive) if record.made_of.get("kind") in ("path", "archive") else "",
    )  # fmt: skip


def _lock(paths: Paths, record: Record) -> str:
    """Return the lock of a release. Raises ReleaseError where there is none, or another than its record says."""
    if not record.lock or not record.made_of:
        raise ReleaseError(
            f"release {record.id} was made by an earlier version of Slipway, which kept no lock of its packages: deploy a newer "
            "revision there first"
        )
    text = ""
    with suppress(OSError):
        text = (paths.release(record.id) / LOCK).read_text(encoding="utf-8")
    if locked.digest(text) != record.lock:
        raise ReleaseError(f"{LOCK} of release {record.id} is not as it was written")
    return text


def _python(paths: Paths, record: Record) -> str:
    try:
        about = json.loads((paths.environments / record.environment / RECORD).read_text(encoding="utf-8"))
        return str(about["python_version"])
    except (OSError, ValueError, KeyError, TypeError):
        raise ReleaseError(f"the environment of release {record.id} can't be read there") from None


def hand_over(archive: str, folder: Path) -> str:
    """Copy an ARCHIVE into FOLDER, for its owner alone, and return where it is. Raises ReleaseError."""
    place, owner = folder / "source", folder.stat()
    try:
        with (
            Path(archive).open("rb") as source,
            os.fdopen(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb") as target,
        ):
            shutil.copyfileobj(source, target, 1 << 20)
            os.fchown(target.fileno(), owner.st_uid, owner.st_gid)
    except OSError as error:
        raise ReleaseError(f"the code of the live release there can't be read: {error.strerror}") from None
    return str(place)
