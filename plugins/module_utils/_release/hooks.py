# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The points between a release's stages at which a user's own tasks run.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._release import stages

NAMES = tuple(f"{when}_{stage}" for stage in stages.NAMES for when in ("before", "after"))
"""Every hook, in the order in which they come."""
ONCE = "_once"
"""At the end of a hook's name: on one host of several, where a hook without it runs on each."""


def of_stages(hooks: Mapping[str, str], names: Sequence[str]) -> dict[str, str]:
    """Return those of the HOOKS that come before or after one of the stages with these NAMES."""
    return {name: path for name, path in hooks.items() if point_of(name).partition("_")[2] in names}


def point_of(name: str) -> str:
    """Return where in a run the hook with this NAME is: `after_switch` of after_switch_once."""
    return name.removesuffix(ONCE)


def at(hooks: Mapping[str, str], point: str, once: bool = True) -> list[str]:
    """Return the files of the HOOKS at a POINT, in the order in which they run; without ONCE, those for each host alone."""
    return [hooks[name] for name in (point, f"{point}{ONCE}")[: 1 + once] if name in hooks]


def nearest(name: Any) -> str:
    """Return " (did you mean 'x'?)" for the hook whose name is nearest to NAME, or ""."""
    found = difflib.get_close_matches(point_of(str(name)), NAMES, n=1)
    return f" (did you mean '{found[0]}'?)" if found else ""


def problems(hooks: Any) -> list[str]:
    """Return what is wrong with a description of hooks (name to file of tasks), one sentence each."""
    if not isinstance(hooks, Mapping):
        return ["'hooks' must be a mapping such as {after_switch: hooks/purge.yml}"]
    found = [
        f"unknown hook '{name}' in 'hooks'{nearest(name)}; it must be before_ or after_ and one of the stages "
        f"{', '.join(stages.NAMES)}, with _once at its end if only one of several hosts is to run it"
        for name in hooks
        if not is_known(name)
    ]
    found += [
        f"'{name}' in 'hooks' must name a file of tasks"
        for name, path in hooks.items()
        if is_known(name) and not (isinstance(path, str) and path)
    ]
    return found


def is_known(name: Any) -> bool:
    """Tell whether NAME is a hook's."""
    return isinstance(name, str) and point_of(name) in NAMES


def file_problems(hooks: Mapping[str, str], base: Path) -> list[str]:
    """Return a sentence for each file of HOOKS that is not there; relative paths count from BASE."""
    return [
        f"'{name}' in 'hooks' is '{path}', but there is no such file (looked at {file_of(path, base)})"
        for name, path in hooks.items()
        if not file_of(path, base).is_file()
    ]


def file_of(path: str, base: Path) -> Path:
    """Return where a file of tasks is."""
    return (base / Path(path).expanduser()).resolve()


def following(hooks: Mapping[str, str], done: str = "") -> str:
    """Return the name of the first of the HOOKS, or of the first one after the hook that is DONE; "" for none."""
    rest, points = NAMES[NAMES.index(done) + 1 :] if done else NAMES, set(map(point_of, hooks))
    return next((name for name in rest if name in points), "")
