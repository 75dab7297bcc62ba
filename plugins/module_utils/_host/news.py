# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""New problems among those that a timer finds repeatedly: each is reported once, and once more when all is well again.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong. KEY stays the same for as long as it is the same thing, whatever numbers TEXT has."""

    key: str
    text: str
    is_brief: bool = False
    """Whether it often passes by itself, such as a target that doesn't answer: it is told when the next check finds it as well."""
    target: str = ""
    """The target that it is about."""
    is_covered: bool = False
    """Whether another problem, which is told, is the cause of it: then it isn't shown, and not told later either."""

    def covers(self, text: str) -> bool:
        """Tell whether it is what another sentence (TEXT) is about, which the same target's state has caused."""
        return bool(self.target) and self.target in text


@dataclass(frozen=True)
class News:
    """What is reported now: FRESH problems, or that they are OVER; KEPT is state for the next check."""

    fresh: list[str]
    is_over: bool
    kept: dict[str, Any]


def news(before: Mapping[str, Any], problems: Sequence[Problem]) -> News:
    """Return what is new of PROBLEMS, by what was kept BEFORE."""
    told, seen = before.get("told") or {}, before.get("seen") or []
    fresh = [
        one for one in problems
        if one.key not in told and not one.is_covered and (not one.is_brief or one.key in seen)
    ]  # fmt: skip
    keys = {*told, *(one.key for one in fresh), *(one.key for one in problems if one.is_covered)}
    was_open = bool(before.get("open"))
    kept = {
        "told": {one.key: one.text for one in problems if one.key in keys},
        "seen": sorted({one.key for one in problems}),
        # Somebody was told of a problem, and not yet that all is well again.
        "open": bool(fresh) or (was_open and bool(problems)),
    }
    return News([one.text for one in fresh], was_open and not problems, kept)


def text(head: str, found: News) -> str:
    """Return the message about what was FOUND, "" when nothing is new; HEAD says whom it is about."""
    if found.is_over:
        return f"{head}: all is well again"
    if len(found.fresh) == 1:
        return f"{head}: {found.fresh[0]}"
    return (
        "\n".join([f"{head}: {len(found.fresh)} problems", *(f"- {one}" for one in found.fresh)]) if found.fresh else ""
    )
