# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What an image is made of, as the host with the release has it: its record, its lock, and a file with its code.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._audit.sbom import NAME as SBOM
from ansible_collections.slipway.flask.plugins.module_utils._image import pack
from ansible_collections.slipway.flask.plugins.module_utils._python import git_unit, locked
from ansible_collections.slipway.flask.plugins.module_utils._release import origin
from ansible_collections.slipway.flask.plugins.module_utils._release.record import Paths, ReleaseError
from ansible_collections.slipway.flask.plugins.module_utils._release.repository import Git
from ansible_collections.slipway.flask.plugins.module_utils._release.source import MIRROR

TAR = "release.tar"
NO_TIME = 315532800
"""1980-01-01, which stands for no time where one is needed: the earliest that a ZIP archive can have."""


class Dated(Git):
    """A mirror that is asked when a commit was made."""

    def time(self, commit: str) -> str:
        """Return when COMMIT, which is in the mirror, was made: seconds since 1970, as git prints it."""
        words = shlex.join(["--git-dir", str(self.mirror), "show", "--no-patch", "--format=%ct", commit])
        return (self._run(f"git {words}\n") or "").strip()


def hand_over(paths: Paths, by: str, written: Iterable[str], left_out: Iterable[str], folder: Path) -> dict[str, Any]:
    """Write the code of the live release at PATHS to FOLDER, for its owner alone; return what the release is made of.

    BY is who asks; WRITTEN and LEFT_OUT are for `pack.Release`. Raises ReleaseError as `origin.serving` does.
    """
    found = origin.serving(paths, by)
    here = paths.release(found.release)
    foreign = [name for name, pin in locked.pins_of(found.lock).items() if pin.origin]
    release = pack.Release(here, paths.root, frozenset(written), tuple(left_out))
    place, owner = folder / TAR, folder.stat()
    time = committed(paths, found) or 0
    try:
        handle = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "wb") as file:
            pack.write(release, foreign, time or NO_TIME, file)
            os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
        sbom = (here / SBOM).read_text(encoding="utf-8")
    except OSError as error:
        raise ReleaseError(f"the code of release {found.release} can't be read there: {error}") from None
    return {**asdict(found), "archive": "", "tar": str(place), "committed": time, "sbom": sbom}


def committed(paths: Paths, found: origin.Origin) -> int:
    """Return when the commit of a release was made, in seconds since 1970, 0 where only the controller knows, or nobody."""
    if found.made_of.get("kind") != "git":
        return 0
    place = git_unit.place_of(paths.root)
    told = Dated(found.source, (place.folder or paths.root) / MIRROR, "", place).time(found.revision)
    return int(told) if re.fullmatch(r"\d{1,11}", told) else 0
