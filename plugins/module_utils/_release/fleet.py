# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A run over several hosts, as one of them knows it: what it has to tell the others of one that was killed.

Such a run has the same name (`Record.fleet`) on all of its hosts. It has come about as soon as one host was told to end
its old release, which happens when all hosts have switched; before, it is as if it had never been. A host that has switched
and was told nothing more can't know by itself which of the two it is: the next run asks all hosts, and decides.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._release import stages
from ansible_collections.slipway.flask.plugins.module_utils._release.history import history
from ansible_collections.slipway.flask.plugins.module_utils._release.record import SWITCHED, Paths, Record


def under_way(paths: Paths) -> Record | None:
    """Return the run over several hosts that has switched this one and has not ended, None when there is none."""
    killed, current = Record.read(paths.under_way), paths.current_id()
    if not killed or not killed.fleet or killed.id != current:
        return None
    last = history(paths.history)[-1:]
    if last and (last[0].get("id"), last[0].get("started")) == (killed.id, killed.started):
        return None
    found = paths.record(current)
    is_over = killed.what == "deploy" and found is not None and found.outcome == "deployed"
    return None if is_over else killed


def undecided(paths: Paths) -> str:
    """Return the name of a run that was killed and may or may not have come about, as far as this host knows; "" for none."""
    killed = under_way(paths)
    return killed.fleet if killed and not stages.stays(killed.stage) else ""


def came_about(paths: Paths) -> list[str]:
    """Return the names of runs that this host knows to have come about: the last ones."""
    killed, serving = under_way(paths), paths.record(paths.current_id())
    found = [killed.fleet] if killed and stages.stays(killed.stage) else []
    if serving and serving.outcome == "deployed":
        found.append(serving.fleet)
    found += [str(line.get("fleet", "")) for line in history(paths.history)[-1:] if line.get("outcome") in SWITCHED]
    return sorted({name for name in found if name})


def told(paths: Paths) -> dict[str, Any]:
    """Return what the controller is told of it with each answer."""
    return {"undecided": undecided(paths), "came_about": came_about(paths)}
