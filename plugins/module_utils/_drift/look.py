# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""All that differs on a host and that no role compares. PRIVATE to the collection. It can have breaking changes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ansible_collections.slipway.flask.plugins.module_utils._backup import kept
from ansible_collections.slipway.flask.plugins.module_utils._drift import copies, database, services, strays
from ansible_collections.slipway.flask.plugins.module_utils._drift.difference import Difference
from ansible_collections.slipway.flask.plugins.module_utils._process.look.members import processes_of
from ansible_collections.slipway.flask.plugins.module_utils._release import sealed
from ansible_collections.slipway.flask.plugins.module_utils._release.record import Paths


def of_host(apps: Iterable[str]) -> Iterator[Difference]:
    """Yield what differs of the host itself, which has these APPS. Raises PostgresError where the server does not answer."""
    yield from strays.drop_ins(apps)
    yield from strays.of_nginx()
    yield from database.overridden()


def of_app(paths: Paths) -> Sequence[Difference]:
    """Return what differs of the app at PATHS."""
    aside = [folder for one in kept.kept(paths.app) for folder in one.folders]
    found = list(strays.of_app(paths, aside))
    if not paths.current_id():
        return [*found, Difference(str(paths.root), f"no release of {paths.app} is live: deploy one")]
    processes = processes_of(paths)
    found += [*services.stopped(paths.current_id(), processes), *copies.edited(paths, processes)]
    # `the code of release 0007-abc differs from what was built: …`
    broken = (text.partition(" differs from ") for text in sealed.look(paths).problems)
    return found + [Difference(what, f"differs from {words}") for what, _, words in broken]
