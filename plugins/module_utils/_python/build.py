# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""PRIVATE to the collection. Filling one new virtual environment with uv: the project's own set first, then what it lacks."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._host import tree
from ansible_collections.slipway.flask.plugins.module_utils._python import driver as driver
from ansible_collections.slipway.flask.plugins.module_utils._python import locked as locks
from ansible_collections.slipway.flask.plugins.module_utils._python import project as projects
from ansible_collections.slipway.flask.plugins.module_utils._python import uv as tools
from ansible_collections.slipway.flask.plugins.module_utils._python.kinds import KINDS
from ansible_collections.slipway.flask.plugins.module_utils._python.plan import OVERRIDE, Plan

SAME = (
    "`extra_packages`, `constraints`, `overrides`, `python` and the database must be the same for both, and a requirement "
    "from a repository must name a commit"
)
BESIDE = "Added packages never change what the app itself requires."


@dataclass(frozen=True)
class Result:
    """What was installed beside the app's own list: requirement lines; what the overrides replaced, in words; the lock of all."""

    added: tuple[str, ...] = ()
    overridden: tuple[str, ...] = ()
    lock: str = ""


def install(plan: Plan) -> Result:
    """Make the environment and install everything. Raises EnvironmentError_ with the tool's own last lines."""
    plan.call(
        "venv", "--no-project", "--relocatable", "--python", plan.interpreter.path, str(plan.new),
        doing="making the virtual environment",
    )  # fmt: skip
    KINDS[plan.source.kind](plan)
    added: list[str] = []
    if not plan.together:
        constrain(plan)
        override(plan)
        added = add(plan, plan.extra_packages, "extra_packages")
    if plan.install_project and plan.source.kind != "uv":
        plan.pip_install("--no-deps", str(plan.project), doing="installing the project itself")
    added += add_needed(plan)
    result = Result(tuple(added), overridden(plan), lock(plan))
    plan.compile()
    (plan.new / ".lock").unlink(missing_ok=True)  # uv's own; it is writable for all
    return result


def lock(plan: Plan) -> str:
    """Return the lock of what was installed. Raises EnvironmentError_ when that is not the one that was to be the same."""
    packages = installed(plan.new)
    if plan.locked:
        if other := locks.differences(plan.locked, packages, plan.new):
            raise tools.EnvironmentError_(
                f"the packages would not be those of the promoted release: {other}. {SAME}",
            )
        return plan.locked
    elsewhere = locks.origins(plan.new)
    lines = [f"{name}=={version}" for name, version in sorted(packages.items()) if name not in elsewhere]
    try:
        said = plan.call(
            "pip", "compile", "--generate-hashes", "--no-deps", "--no-header", "--no-annotate",
            "--python", f"{plan.new}/bin/python", plan.lines("lock", lines), doing="writing down the hashes of all packages",
        ) if lines else ""  # fmt: skip
    except tools.EnvironmentError_:
        said = ""  # what its index has no hashes for is held to its version alone
    return locks.text_of(locks.of(packages, plan.new, locks.hashes_in(said)))


def constrain(plan: Plan) -> None:
    """Refuse constraints that a lock, which is installed as it is, does not meet."""
    there = installed(plan.new)
    names = [name for line in plan.constraints if (name := projects.requirement_name(line)) in there]
    if not names:
        return
    name = plan.source.main[0].name
    try:
        plan.pip_install(
            "--no-deps", "--dry-run", "-r", plan.lines("locked", (f"{name}=={there[name]}" for name in names)),
            "-c", plan.lines("constraints", plan.constraints), doing=f"checking {name} against `constraints`",
        )  # fmt: skip
    except tools.EnvironmentError_ as error:
        raise tools.EnvironmentError_(
            f"{error}\n{name} is installed as it is: change it, or use `overrides`."
        ) from None


def override(plan: Plan) -> None:
    """Put the versions of the overrides in the place of those that a lock has; a package that is not there stays out."""
    there = installed(plan.new)
    lines = [line for line in plan.overrides if projects.requirement_name(line) in there]
    if not lines:
        return
    names = {projects.requirement_name(line) for line in lines}
    rest = (f"{name}=={version}" for name, version in there.items() if name not in names)
    path = plan.lines("overrides", lines)
    plan.pip_install(
        "-r", path, "--overrides", path, "-c", plan.lines("locked", rest), *plan.limits,
        doing=f"overriding {', '.join(sorted(names))} of {plan.source.main[0].name}",
    )  # fmt: skip


def overridden(plan: Plan) -> tuple[str, ...]:
    """Return what the overrides have replaced, in words: which version is there, and who wanted another."""
    there = installed(plan.new)
    names = {projects.requirement_name(line) for line in plan.overrides} & there.keys()
    if not names:
        return ()
    try:
        said = plan.call("pip", "check", "--python", f"{plan.new}/bin/python", doing="looking at what was overridden")
    except tools.EnvironmentError_ as error:
        said = str(error)
    wanted = re.findall(r"The package `([^`]+)` requires `([^`]+)`", said)
    return tuple(
        f"{name} {there[name]}" + "".join(f", though {by} wants {line}" for by, line in wanted
                                          if projects.requirement_name(line) == name)
        for name in sorted(names)
    )  # fmt: skip


def add_needed(plan: Plan) -> list[str]:
    """Add what a host needs of an environment (a server, a driver) and nothing in it serves."""
    there = installed(plan.new)
    lines = [line for line in plan.needed if projects.requirement_name(line) not in there]
    return add(plan, [*lines, *driver.lacking(there, plan.database)], "")


def add(plan: Plan, lines: Sequence[str], key: str) -> list[str]:
    """Install requirement lines beside what is there, of which nothing may change; return those that brought something.

    KEY is the variable that they come from, "" for those that nobody gave.
    """
    if not lines:
        return []
    before = installed(plan.new)
    fixed = plan.lines("installed", (f"{name}=={version}" for name, version in before.items()))
    names = ", ".join(projects.requirement_name(line) or tools.masked(line) for line in lines)
    source = plan.source.main[0].name if plan.source.main else plan.package
    try:
        plan.pip_install(
            "-r",
            plan.lines(key or "needed", lines),
            "-c",
            fixed,
            *plan.limits,
            *plan.overriding,
            doing=f"adding {names} to what {source} lists",
        )
    except tools.EnvironmentError_ as error:
        way = f"{BESIDE}\n{OVERRIDE}" if key else f"{BESIDE} Put the version of {names} that fits into {source}."
        raise tools.EnvironmentError_(f"{error}\n{way}") from None
    new = installed(plan.new).keys() - before.keys()
    return [line for line in lines if projects.requirement_name(line) in new]


def installed(environment: Path) -> dict[str, str]:
    """Return normalised name -> version of what is in an environment, read from its *.dist-info folders."""
    found: dict[str, str] = {}
    for folder in sorted(environment.glob("lib/python3*/site-packages/*.dist-info")):
        try:
            head = tree.read(folder / "METADATA").split("\n\n", 1)[0]
        except OSError:
            continue
        name, version = (re.search(rf"^{field}:\s*(\S+)", head, re.MULTILINE) for field in ("Name", "Version"))
        if name and version:
            found[projects.normalised(name.group(1))] = version.group(1)
    return found


METADATA = (".dist-info", ".egg-info", ".data", ".libs")
"""Ends of the names of folders that installers make: what is known of a package, and its bundled libraries."""


def folders_of(environment: Path, package: str) -> list[Path]:
    """Return the folders at the top of PACKAGE (normalised name) in an environment, as its RECORD lists their files.

    Also those without an `__init__.py`: namespace packages, and folders of data beside the code.
    """
    found: set[Path] = set()
    for record in environment.glob("lib/python3*/site-packages/*.dist-info/RECORD"):
        if projects.normalised(record.parent.name.partition("-")[0]) == package:
            rows = tree.read(record).splitlines()
            names = {row.split("/")[0] for row in rows if re.match(r"[\w-][\w.-]*/", row)}
            names -= {name for name in names if name == "__pycache__" or name.endswith(METADATA)}
            found |= {record.parent.parent / name for name in names}
    return sorted(found)
