# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Whether the code of the releases on a host, and their environments, are still as they were built: tampering, and bits that rot.

Each release has a seal (_host/seal.py) of its code beside it, each environment one in it, both root's alone. What nginx serves
of the code is a mirror of hard links (vetted.py), so that each file in it must be one of those that are sealed.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._host import seal
from ansible_collections.slipway.flask.plugins.module_utils._release import vetted
from ansible_collections.slipway.flask.plugins.module_utils._release.info import present
from ansible_collections.slipway.flask.plugins.module_utils._release.record import Paths


@dataclass
class Code:
    """What became of the look: LINES are told as they are, PROBLEMS make the status fail."""

    lines: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def look(paths: Paths, releases: Sequence[str] = ()) -> Code:
    """Compare RELEASES of an app with their seals, or all that serve or can be rolled back to."""
    found, files, good, unsealed = Code(), 0, list[str](), list[str]()
    environments = dict[str, seal.Broken | None]()
    for release in releases or present(paths):
        here, record = paths.release(release), paths.record(release)
        name = record.environment if record else ""
        if name and name not in environments:
            environments[name] = seal.check(paths.environments / name, paths.environments / name / seal.INSIDE)
        broken = seal.check(here / "src", here / seal.NAME)
        if broken is None:
            unsealed.append(f"release {release}")
            continue
        files += broken.files
        broken.changed += _links(paths, release, name)
        broken.added += _strays(here, paths.environments / name)
        if broken and release not in present(paths):
            continue  # a deploy has removed it meanwhile, its record first
        if broken:
            found.problems.append(f"the code of release {release} differs from what was built: {broken.said()}")
        else:
            good.append(f"release {release}")
    for name, packages in environments.items():
        if packages is None:
            unsealed.append(f"environment {name}")
            continue
        files += packages.files
        if packages and name not in {record.environment for one in present(paths) if (record := paths.record(one))}:
            continue
        if packages:
            found.problems.append(f"the environment {name} differs from what was built: {packages.said()}")
        else:
            good.append(f"environment {name}")
    if good:
        found.lines.append(f"unchanged since they were built: {', '.join(good)} ({files} files)")
    if unsealed:
        found.lines.append(
            f"{', '.join(unsealed)}: built before fingerprints were taken, so nothing can be compared; the next "
            "build will have one"
        )
    return found


def _links(paths: Paths, release: str, environment: str) -> list[str]:
    """Return those links in a release's folder that lead elsewhere than they did when it was made."""
    wanted = {"venv": f"../../venvs/{environment}"} if environment else {}
    here = paths.release(release)
    return [name for name, target in wanted.items() if _target(here / name) != target]


def _target(link: Path) -> str:
    try:
        return os.readlink(link)
    except OSError:
        return ""


def _strays(here: Path, environment: Path) -> list[str]:
    """Return the files in the mirror for nginx that are none of the release's."""
    mirror = here / vetted.NAME
    if not mirror.is_dir():
        return []
    sealed = {
        (about.st_dev, about.st_ino)
        for folder in (here / "src", environment)
        for _, about in seal.walk(folder)
        if stat.S_ISREG(about.st_mode)
    }
    return [
        f"{vetted.NAME}/{path}"
        for path, about in seal.walk(mirror)
        if stat.S_ISREG(about.st_mode) and (about.st_dev, about.st_ino) not in sealed
    ]
