# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""PRIVATE to the collection. Which Python somebody asks for: the spellings of `python`, and what a project's files say.

Versions are numbers (major, minor, patch): `packaging`, which knows all of PEP 440, is not on a bare host, and an
interpreter that an app is served with is never a pre-release.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

Version = tuple[int, ...]

OLDEST = (3, 9)
# Python gets one minor version a year. A number beyond these is a slip of the pen, whatever uv may know by then.
LAST_PLAUSIBLE = (3, 19)
NAMED = re.compile(r"(?:c?python[@-]?)?(?P<version>\d+(?:\.\d+){1,2})(?:\.\*)?", re.IGNORECASE)
CLAUSE = re.compile(r"(?P<operator>===?|!=|~=|<=?|>=?|\^|~|)\s*v?(?P<version>\d+(?:\.\d+)*)(?P<any>\.\*)?")
HOW = 'a version such as "3.12" or "3.12.4" (in quotes), python3 for the distribution\'s own, or an absolute path'


@dataclass(frozen=True)
class Demand:
    """One thing that says which Python it wants: `text` as it stands in `origin`, `rule` as PEP 440 or Poetry writes it.

    firm: the project can't be installed with another one, so that no setting of ours overrides it.
    """

    text: str
    origin: str
    rule: str
    firm: bool = False

    def allows(self, version: Version) -> bool:
        """Return whether a Python of that version will do."""
        return allows(self.rule, version)


def numbers(text: str) -> Version:
    """Return the numbers that a version begins with: (3, 13, 0) of "3.13.0rc1"."""
    return tuple(int(part) for part in re.match(r"\d+(?:\.\d+)*", text)[0].split("."))  # type: ignore[index]


def allows(rule: str, version: Version) -> bool:
    """Return whether a rule such as `>=3.10,<3.13`, `3.12.*` or Poetry's `^3.10 || ~3.9` takes `version`.

    Raises ValueError when it is no rule.
    """
    return any(
        all(clause_allows(clause.strip(), version) for clause in re.split(r",|\s+(?=[<>=!~^])", alternative) if clause)
        for alternative in re.split(r"\s*\|\|?\s*", rule.strip())
    )


def clause_allows(clause: str, version: Version) -> bool:
    """Return whether one clause takes `version`; raise ValueError when it is none."""
    if clause in ("", "*"):
        return True
    found = CLAUSE.fullmatch(clause)
    if not found:
        raise ValueError(f"{clause!r} is not a valid Python version")
    operator, said = found["operator"] or "==", numbers(found["version"])
    padded, there = said + (0,) * (3 - len(said)), (version + (0, 0, 0))[:3]
    if operator in ("==", "===", "!="):
        # `3.12` without an operator (Pipfile, Poetry) means the series, and whoever writes `==3.12` means it too.
        series = found["any"] or (operator != "!=" and len(said) < 3)
        equal = there[: len(said)] == said if series else there == padded
        return equal is not (operator == "!=")
    if operator in ("~=", "~", "^"):
        fixed = 1 if operator == "^" else max(1, len(said) - 1) if operator == "~=" else min(2, len(said))
        return there >= padded and there[:fixed] == said[:fixed]
    return {">=": there >= padded, "<=": there <= padded, ">": there > padded, "<": there < padded}[operator]


def of_setting(python: str) -> Demand | None:
    """Return what a value of `python` asks for, None when it is "", `python3` or a path; raise ValueError that says why."""
    if python in ("", "python3") or python.startswith("/"):
        return None
    found = NAMED.fullmatch(python.strip())
    if not found:
        raise ValueError(f"'python' is {python!r}; it must be {HOW}")
    version = numbers(found["version"])
    if not OLDEST <= version[:2] <= LAST_PLAUSIBLE:
        why = "Slipway needs 3.9 or later" if version[:2] < OLDEST else "there is no such Python"
        raise ValueError(f"'python' is {python!r}; {why}")
    return Demand(python, "python", f"=={found['version']}" + (".*" if len(version) < 3 else ""), firm=True)


def problem(python: str) -> str:
    """Return why a value of `python` can't be had on any host, "" when it may: for checks before the first change."""
    try:
        of_setting(python)
    except ValueError as error:
        return str(error)
    return ""


def of_project(project: Path) -> list[Demand]:
    """Return what the files of a project say of its Python, at most one wish and one need; [] when they say nothing.

    What can't be read as a version (`system`, the name of an environment of pyenv) says nothing.
    """
    found = [_first(project, WISHES, firm=False), _first(project, NEEDS, firm=True)]
    return [demand for demand in found if demand]


def _first(project: Path, places: tuple[tuple[str, str, str], ...], *, firm: bool) -> Demand | None:
    """Return what the first of the places that says something says."""
    for name, section, key in places:
        try:
            text = (project / name).read_text(encoding="utf-8-sig", errors="replace")
        except OSError:
            continue
        said = _value(text, section, key)
        named = NAMED.fullmatch(said)
        rule = said
        if named and not firm:
            # A patch version here is what its author happened to have: bug fixes that came after it are welcome.
            rule = f"~={named['version']}" if named["version"].count(".") > 1 else f"=={named['version']}.*"
        try:
            allows(rule, OLDEST)
        except ValueError:
            continue
        if said:
            return Demand(said, name, rule, firm)
    return None


def _value(text: str, section: str, key: str) -> str:
    """Return the value of a key (a pattern) in a section of TOML or INI; without a key, the first line with content."""
    here = ""
    for line in text.splitlines():
        stripped = line.strip()
        if not stripped or stripped.startswith(("#", ";")):
            continue
        if not key:
            return stripped
        header = re.fullmatch(r"\[+\s*([^\]]+?)\s*\]+(?:\s*#.*)?", stripped)
        if header:
            here = header.group(1)
        elif section in (here, "*"):
            found = re.match(rf"{key}(?:\s*=\s*|\s+)(.*)", stripped)
            if found:
                value = re.search(r"""(["'])(.*?)\1""", found.group(1))
                return value.group(2) if value else re.sub(r"\s+#.*", "", found.group(1))
    return ""


# File, section, key. What somebody wishes ...
WISHES = (
    (".python-version", "", ""),
    ("runtime.txt", "", ""),
    ("Pipfile", "requires", "python_(?:full_)?version"),
    (".tool-versions", "", "python"),
)
# ... and what a project needs.
NEEDS = (
    ("pyproject.toml", "project", "requires-python"),
    ("pyproject.toml", "tool.poetry.dependencies", "python"),
    ("uv.lock", "", "requires-python"),
    ("setup.cfg", "options", "python[_-]requires"),
    ("setup.py", "*", r".*?\bpython_requires"),
)
