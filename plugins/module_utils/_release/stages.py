# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The stages of every run over an app's releases, in their order: deploy, rollback and plan go through this one list.

A new stage is an entry here, the method that does it, and a row in the table of the role app_release's README.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

What = Literal["deploy", "rollback", "plan"]
"""What a run does; a plan leaves nothing that could be told of, so a record never says so."""


@dataclass(frozen=True)
class Stage:
    """One stage of a run.

    name: what people see, hooks are named after, and records hold.
    does: the method that does it, named from the run on: `traffic.gate` is `run.traffic.gate()`.
    of: the runs that have it.
    undo: the method that undoes it when the run fails. It finds out by itself whether there is anything to undo, and may
        return what the message of the failure has to say of it.
    goes_back: whether what served before is live again after a failure in it.
    needs: an earlier stage whose findings are in memory only, so that it is run again when a hook stands in between.
    """

    name: str
    does: str
    of: tuple[What, ...] = ("deploy", "rollback")
    undo: str = ""
    goes_back: bool = True
    needs: str = ""


STAGES = (
    Stage("fetch", "preparation.fetch", of=("deploy", "plan"), undo="discard"),
    Stage("build", "preparation.build", of=("deploy", "plan")),
    Stage("check", "schema.check", of=("deploy", "rollback", "plan")),
    Stage("migrate", "schema.migrate", undo="schema.undo_migrate", needs="check"),
    Stage("start", "start", undo="halt"),
    Stage("gate", "traffic.gate"),
    Stage("switch", "switch", undo="switch_back"),
    Stage("verify", "traffic.verify"),
    Stage("watch", "traffic.watch"),
    Stage("drain", "drain", goes_back=False),  # the release before is told to end in it
    Stage("prune", "prune", of=("deploy",), goes_back=False),
)
NAMES = tuple(stage.name for stage in STAGES)


def stages_of(what: What) -> tuple[Stage, ...]:
    """Return the stages of a run that does WHAT."""
    return tuple(stage for stage in STAGES if what in stage.of)


def names_of(what: What) -> tuple[str, ...]:
    """Return their names."""
    return tuple(stage.name for stage in stages_of(what))


def stage(name: str) -> Stage:
    """Return the stage with this NAME."""
    return STAGES[NAMES.index(name)]


def position(hook: str, names: Sequence[str] = NAMES) -> int:
    """Return how many of the stages with these NAMES are over when the HOOK runs."""
    when, _, name = hook.partition("_")
    return names.index(name) + (when == "after")


def stays(name: str) -> bool:
    """Tell whether what was switched to serves on after a failure at NAME: a stage, or a hook, where the one before is over."""
    when, _, stage = name.rpartition("_")
    last = NAMES.index(stage) - (when == "before") if stage in NAMES else -1
    return last >= 0 and not STAGES[last].goes_back
