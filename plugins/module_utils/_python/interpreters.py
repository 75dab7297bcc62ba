# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""PRIVATE to the collection. The Python that an environment is made from: the host's own, or one that uv fetches.

The distribution's interpreter is taken wherever it fits: APT keeps it safe.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._python import uv as tools
from ansible_collections.slipway.flask.plugins.module_utils._python import versions as versions
from ansible_collections.slipway.flask.plugins.module_utils._python.fetching import Fetching, Interpreter, probe

# /usr/bin first: the distribution's own interpreter wins over one that somebody installed beside it.
FOLDERS = ("/usr/bin", "/usr/local/bin")
# Every version that two demands could agree on.
PLAUSIBLE = [
    (3, minor, patch) for minor in range(versions.OLDEST[1], versions.LAST_PLAUSIBLE[1] + 1) for patch in range(40)
]


def existing() -> list[str]:
    """Return the paths of the host's own Python 3 interpreters, each name once, oldest first."""
    found: dict[str, str] = {}
    for folder in FOLDERS:
        for path in Path(folder).glob("python3*"):
            if re.fullmatch(r"python3\.\d+", path.name) and os.access(path, os.X_OK):
                found.setdefault(path.name, str(path))
    return [found[name] for name in sorted(found, key=lambda name: int(name.split(".")[1]))]


def distributions() -> Interpreter:
    """Return the distribution's python3; raise EnvironmentError_ when there is none."""
    path = next((f"{folder}/python3" for folder in FOLDERS if os.access(f"{folder}/python3", os.X_OK)), "")
    if not path:
        raise tools.EnvironmentError_(f"there is no python3 on this host ({_there()}); install python3 first")
    return probe(path)


def _there() -> str:
    """Return in words which interpreters the host has."""
    names = ", ".join(Path(path).name for path in existing())
    return f"it has {names or 'none'}"


def find(
    python: str, demands: Sequence[versions.Demand] = (), fetching: Fetching | None = None, *, check: bool = False
) -> Interpreter:
    """Return the interpreter for a value of `python` ("" = what the project's `demands` say, else the distribution's).

    check: fetch nothing; what would be fetched has no path. Raises EnvironmentError_ that says who asks for what, what
    the host has, and the ways on.
    """
    try:
        asked = versions.of_setting(python)
    except ValueError as error:
        raise tools.EnvironmentError_(str(error)) from None
    needs = [demand for demand in demands if demand.firm]
    if python == "python3" or python.startswith("/"):
        found = distributions() if python == "python3" else _at(python)
        for demand in needs:
            if not demand.allows(found.numbers()):
                raise tools.EnvironmentError_(_contradiction(python, found.version, demand))
        return found
    wanted = [asked, *needs] if asked else list(demands)
    if not any(all(demand.allows(version) for demand in wanted) for version in PLAUSIBLE):
        raise tools.EnvironmentError_(
            f"no Python version fits all of this: {_asks(wanted)}. They contradict each other: change the file, or "
            f"set python to a version that "
            "the project runs on"
        )
    default = distributions()
    if _fits(default, wanted):
        return default
    reason = " and ".join(f"{demand.origin} says {demand.text}" for demand in demands)
    note = "" if asked else "Python {} is used, not the distribution's " + default.version + f": {reason}"
    for path in sorted(existing(), key=lambda path: _distance(default, int(path.rpartition(".")[2]))):
        try:
            found = probe(path)
        except tools.EnvironmentError_:
            continue
        if _fits(found, wanted):
            return Interpreter(found.path, found.version, found.abi, note.format(found.version))
    found = _from_uv(wanted, default, fetching or Fetching(allowed=False), check=check)
    return Interpreter(found.path, found.version, found.abi, note.format(found.version))


def _from_uv(
    wanted: Sequence[versions.Demand], default: Interpreter, fetching: Fetching, *, check: bool
) -> Interpreter:
    """Return an interpreter that uv has fetched or fetches now; raise EnvironmentError_."""
    there = [found for path in fetching.fetched() if _fits(found := probe(str(path)), wanted)]
    there.sort(key=lambda found: (_distance(default, found.numbers()[1]), [-part for part in found.numbers()]))
    why = "python_venv_python_downloads is off, so uv does not download any"
    if fetching.allowed:
        if not os.access(fetching.uv, os.X_OK):
            why = f"there is no uv at {fetching.uv} to fetch one"
        else:
            try:
                known = fetching.known()
                fit = [version for version in known if all(demand.allows(version) for demand in wanted)]
                if fit:
                    best = min(fit, key=lambda version: (_distance(default, version[1]), [-part for part in version]))
                    path = fetching.place(known[best], best)
                    if check and not fetching.whole(path):
                        return Interpreter("", ".".join(map(str, best)), "")
                    found = probe(str(fetching.fetch(known[best], best)))
                    if _fits(found, wanted):
                        return found
                    why = f"what the list calls Python {'.'.join(map(str, best))} is Python {found.version}"
                else:
                    why = "uv has none that fits"
            except tools.EnvironmentError_ as error:
                why = str(error)
    if there:  # an older bug fix of it, for want of the newest
        return there[0]
    raise tools.EnvironmentError_(_refusal(wanted, why))


def _at(path: str) -> Interpreter:
    """Return the interpreter at an absolute path; raise EnvironmentError_."""
    if not (Path(path).is_file() and os.access(path, os.X_OK)):
        raise tools.EnvironmentError_(f"there is no {path} on this host ({_there()}); name one that is there")
    return probe(path)


def _fits(found: Interpreter, wanted: Sequence[versions.Demand]) -> bool:
    return all(demand.allows(found.numbers()) for demand in wanted)


def _distance(default: Interpreter, minor: int) -> tuple[bool, int]:
    """Return how far a minor version is from the distribution's: the nearest newer one first, then the nearest older."""
    away = minor - default.numbers()[1]
    return (away < 0, abs(away))


def _contradiction(python: str, version: str, demand: versions.Demand) -> str:
    return (
        f"'python' is {python!r} (Python {version}), but {demand.origin} of this project says {demand.text!r}: set python to a "
        "version that both allow, leave it empty, or change the file"
    )


def _asks(wanted: Sequence[versions.Demand]) -> str:
    """Return who asks for what."""
    return " and ".join(
        f"'python' is {demand.text!r}"
        if demand.origin == "python"
        else f"{demand.origin} of this project says {demand.text!r}"
        for demand in wanted
    )


def _refusal(wanted: Sequence[versions.Demand], why: str) -> str:
    """Return why no interpreter fits: who asks for what, what is there, and the ways on."""
    return (
        f"no Python fits: {_asks(wanted)}; this host has {_there().removeprefix('it has ')}, and {why}.\n"
        "Set python to an available version, change what the project requires, name the absolute path of an "
        "interpreter that is on the host, or let uv fetch one (python_venv_python_downloads, and "
        "python_venv_python_mirror where the public host can't be reached)."
    )
