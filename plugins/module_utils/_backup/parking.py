# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A target that is away for long is left out of archiving, so that WAL still gets to the others.

pgBackRest takes a segment of WAL for archived when it is in every repository, and drops all that waits once that is too much
(archive-push-queue-max): one target that is away would cost the others their WAL as well. So when half of what may wait does,
targets that can't take any more are left out of pgBackRest's configuration until they can; the gap that this leaves there is
mended by a full backup, which the next run makes.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._backup import places, state
from ansible_collections.slipway.flask.plugins.module_utils._backup.settings import Settings
from ansible_collections.slipway.flask.plugins.module_utils._backup.telling import Problem

FILE = "parked.json"
SEGMENT = 16 * 2**20
"""Octets of a segment of WAL, as Debian's clusters have them."""
LIMIT = re.compile(r"^archive-push-queue-max=(\d+)([MG])iB$", re.MULTILINE)
UNITS = {"M": 2**20, "G": 2**30}
REPOSITORY = re.compile(r"^repo(\d+): \[", re.MULTILINE)
"""How pgBackRest names the repository that an error is of, where there are several."""


def parked(settings: Settings) -> set[int]:
    """Return the numbers of the targets that are left out of archiving."""
    return _numbers(settings, "targets")


def lacking(settings: Settings) -> set[int]:
    """Return the numbers of the targets that were left out and have had no full backup since: WAL is missing there."""
    return _numbers(settings, "lacking")


def keep(settings: Settings, left_out: Collection[int], lack: Collection[int]) -> None:
    """Keep which targets are left out, and which lack WAL; `setup.configure` has pgBackRest know of the first."""

    def names(numbers: Collection[int]) -> list[str]:
        return [target.name for number, target in enumerate(settings.targets, 1) if number in numbers]

    state.write(places.STATE / FILE, {"targets": names(left_out), "lacking": names(lack)})


def mended(settings: Settings, number: int) -> None:
    """Keep that a full backup was made at a target."""
    if number in (lack := lacking(settings)):
        keep(settings, parked(settings), lack - {number})


def _numbers(settings: Settings, key: str) -> set[int]:
    names = state.read(places.STATE / FILE).get(key, [])
    return {number for number, target in enumerate(settings.targets, 1) if target.name in names}


def limit(configuration: Path = places.CONFIGURATION) -> int:
    """Return how many octets of WAL may wait, 0 when that isn't known."""
    try:
        found = LIMIT.search(configuration.read_text())
    except OSError:
        return 0
    return int(found[1]) * UNITS[found[2]] if found else 0


def refusing(spool: Path) -> set[int]:
    """Return the numbers of the targets that pgBackRest could not archive to, by the errors in its SPOOL."""
    found = set[int]()
    for path in spool.glob("*.error"):
        try:
            found |= {int(number) for number in REPOSITORY.findall(path.read_text(errors="replace"))}
        except OSError:
            continue  # it was archived meanwhile
    return found


def wanted(
    before: Collection[int], able: Collection[int], unable: Collection[int], waiting: int, most: int
) -> set[int]:
    """Return which targets are to be left out: those of BEFORE that are not ABLE again, and UNABLE ones when too much waits.

    :param waiting: segments of WAL that wait.
    :param most: octets that may wait.
    """
    stay = set(before) - (set(able) - set(unable))
    if most and set(able) - set(unable) - stay and waiting * SEGMENT * 2 >= most:
        stay |= set(unable)
    return stay


def problems(settings: Settings) -> Iterator[Problem]:
    """Yield which targets are left out."""
    for number in sorted(parked(settings)):
        name = settings.targets[number - 1].name
        yield Problem(
            f"parked:{name}",
            f"{name} accepts no WAL, and too much was waiting for it: it is skipped until it is back, so that the "
            "other targets get theirs; then it gets a full backup",
            target=name,
        )
