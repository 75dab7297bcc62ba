# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""PRIVATE to the collection. Filling one new virtual environment with uv, kind of project by kind of project."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils import _python_driver as driver
from ansible_collections.slipway.flask.plugins.module_utils import _python_lists as lists
from ansible_collections.slipway.flask.plugins.module_utils import _python_pipfile as pipfile
from ansible_collections.slipway.flask.plugins.module_utils import _python_project as projects
from ansible_collections.slipway.flask.plugins.module_utils import _python_uv as tools
from ansible_collections.slipway.flask.plugins.module_utils import _tree
from ansible_collections.slipway.flask.plugins.module_utils._build_sandbox import Workshop
from ansible_collections.slipway.flask.plugins.module_utils._python_interpreters import Interpreter

# Poetry and PDM read their own locks; these only turn them into requirement lines and never reach the environment.
EXPORTERS = {
    "poetry": ("poetry==2.5.1", "poetry-plugin-export==1.10.1"),
    "pdm": ("pdm==2.29.3",),
}

OVERRIDE = "To have another version than the list says all the same, name it in `overrides`."
TOGETHER = f"\n`extra_packages`, `constraints` and `overrides` are part of this. {OVERRIDE}"
BESIDE = "What the app's own list has is not changed for what is added."


@dataclass(frozen=True)
class Plan:
    """One environment to fill: `new` is where it comes to be.

    work: our own folder for what tools are given, which they only read; they write to `workshop.scratch`. What is there
    may be anything once foreign code has run: read it by `_tree.read`.
    variables: what builds are told of versions; needed, database: what is added when nothing that the app lists serves
    (see EnvironmentSpec); member: the app's folder in a workspace of uv that `project` is.
    """

    project: Path
    source: projects.Source
    interpreter: Interpreter
    new: Path
    work: Path
    uv: tools.Uv
    workshop: Workshop
    package: str = ""
    extra_packages: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()
    needed: tuple[str, ...] = ()
    database: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    groups: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    install_project: bool = False
    member: str = ""

    def call(self, *arguments: str, doing: str, variables: dict[str, str] | None = None) -> str:
        """Run uv in the project's folder, so that its own uv settings count; raise EnvironmentError_.

        It may run packages' code, so it runs in the workshop.
        """
        if self.uv.log:
            self.uv.log(doing)
        return self.workshop.run(
            [self.uv.path, "--quiet", *arguments], doing, cwd=self.project / self.member,
            variables=self.uv.variables(self.workshop.scratch) | dict(self.variables) | (variables or {}),
        )  # fmt: skip

    def compile(self) -> None:
        """Compile what was installed; code that can't be compiled is nobody's mistake before it is imported.

        -I -S: nothing of what is compiled runs, its .pth files included.
        """
        python = [self.interpreter.path, "-I", "-S", "-m", "compileall", "-q", "-j", "0", str(self.new / "lib")]
        self.workshop.run(python, "compiling the environment", cwd=self.project, variables={}, check=False)

    def pip_install(self, *arguments: str, doing: str) -> str:
        """Run `uv pip install` into the new environment."""
        return self.call(
            "pip", "install", "--python", f"{self.new}/bin/python", "--no-editable", *arguments, doing=doing
        )

    @property
    def together(self) -> bool:
        """Whether the app's own lines are part of one resolution with its list, which a lock and hashes don't have."""
        return self.source.kind in ("requirements", "project", "package") and not self.source.hashed

    @property
    def overriding(self) -> list[str]:
        """The overrides as uv's arguments: what they replaced must not be asked for again."""
        return ["--overrides", self.lines("overriding", self.overrides)] if self.overrides else []

    def lines(self, name: str, rows: Iterable[str]) -> str:
        """Write requirement lines to a file of their own and return its path."""
        path = self.work / f"{name}.txt"
        path.write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")
        path.chmod(0o644)  # for the user that uv runs as, whatever our umask
        return str(path)

    def install_own(self, *arguments: str, doing: str) -> None:
        """Install what the app's list says, together with the app's further lines where they take part in it."""
        options = {"-r": self.extra_packages, "-c": self.constraints, "--overrides": self.overrides}
        own = [(option, rows) for option, rows in options.items() if rows and self.together]
        files = [part for option, rows in own for part in (option, self.lines(f"own{option}", rows))]
        try:
            self.pip_install(*arguments, *files, doing=doing)
        except tools.EnvironmentError_ as error:
            raise tools.EnvironmentError_(f"{error}{TOGETHER if own else ''}") from None

    def install_lists(self, main: tuple[Path, ...], *, doing: str, ours: bool = False) -> None:
        """Install requirement lists; uv is given copies, in which every path is absolute. OURS: we have written them."""
        found, copies = lists.read(main, self.project, main if ours else ()), self.work / "lists"
        strict = ["--require-hashes"] if found.hashed else []
        try:
            self.install_own(*strict, *found.write(main, copies), doing=doing)
        except tools.EnvironmentError_ as error:
            raise tools.EnvironmentError_(re.sub(rf"{re.escape(str(copies))}/\d+/", "", str(error))) from None

    def flags(self, extra: str, group: str) -> list[str]:
        """Return the wanted extras and groups as arguments, with each tool's own names for the two flags."""
        return [part for name in self.extras for part in (extra, name)] + [
            part for name in self.groups for part in (group, name)
        ]


@dataclass(frozen=True)
class Result:
    """What was installed beside the app's own list: requirement lines, and what the overrides replaced, in words."""

    added: tuple[str, ...] = ()
    overridden: tuple[str, ...] = ()


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
    result = Result(tuple(added), overridden(plan))
    plan.compile()
    (plan.new / ".lock").unlink(missing_ok=True)  # uv's own; it is writable for all
    return result


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
            "-c", plan.lines("constraints", plan.constraints), doing=f"holding {name} against `constraints`",
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
        "-r", path, "--overrides", path, "-c", plan.lines("locked", rest),
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
            head = _tree.read(folder / "METADATA").split("\n\n", 1)[0]
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
            rows = _tree.read(record).splitlines()
            names = {row.split("/")[0] for row in rows if re.match(r"[\w-][\w.-]*/", row)}
            names -= {name for name in names if name == "__pycache__" or name.endswith(METADATA)}
            found |= {record.parent.parent / name for name in names}
    return sorted(found)


def from_requirements(plan: Plan) -> None:
    """Install requirement files; one hash in them makes hashes compulsory for all, as with pip."""
    named = ", ".join(path.name for path in plan.source.main)
    plan.install_lists(plan.source.main, doing=f"installing {named}")


def from_project(plan: Plan) -> None:
    """Install what pyproject.toml, setup.py or setup.cfg declares, without the project itself."""
    main = plan.source.main[0]
    plan.install_own("-r", str(main), *plan.flags("--extra", "--group"), doing=f"installing what {main.name} declares")


def from_package(plan: Plan) -> None:
    """Install one package with what it requires."""
    plan.install_own("-r", plan.lines("package", [plan.package]), doing=f"installing {plan.package}")


def from_uv(plan: Plan) -> None:
    """Install exactly what uv.lock says; local packages are installed as copies, not as links into this release."""
    project = [] if plan.install_project else ["--no-install-project"]
    plan.call(
        "sync", "--frozen", "--no-dev", "--no-editable", *project, "--python", plan.interpreter.path,
        *plan.flags("--extra", "--group"), doing="installing uv.lock",
        variables={"UV_PROJECT_ENVIRONMENT": str(plan.new)},
    )  # fmt: skip


def from_poetry(plan: Plan) -> None:
    """Install poetry.lock through Poetry's own exporter."""
    exported = plan.workshop.scratch / "poetry.txt"
    home = plan.workshop.scratch / "poetry"
    _export(
        plan, ["poetry", "export", "--format", "requirements.txt", "--output", str(exported),
               *plan.flags("--extras", "--with")],
        {"POETRY_CACHE_DIR": str(home), "POETRY_CONFIG_DIR": str(home), "POETRY_DATA_DIR": str(home),
         "POETRY_VIRTUALENVS_CREATE": "false", "POETRY_NO_INTERACTION": "1"},
    )  # fmt: skip
    _install_exported(plan, exported)


def from_pylock(plan: Plan) -> None:
    """Install pylock.toml (PEP 751), which uv reads as it is."""
    plan.pip_install("-r", str(plan.source.main[0]), doing=f"installing {plan.source.main[0].name}")


def from_pipfile(plan: Plan) -> None:
    """Install Pipfile.lock, whose packages are all pinned."""
    listed = plan.work / "Pipfile.lock"
    rows = pipfile.rows(plan.source.main[0].read_text(encoding="utf-8-sig"), plan.groups)
    listed.write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")
    plan.install_lists((listed,), doing="installing Pipfile.lock", ours=True)


def from_pdm(plan: Plan) -> None:
    """Install pdm.lock through PDM's own exporter."""
    exported = plan.workshop.scratch / "pdm.txt"
    _export(
        plan, ["pdm", "export", "--prod", "--format", "requirements", "--output", str(exported),
               *plan.flags("--group", "--group")],
        {"PDM_IGNORE_SAVED_PYTHON": "1", "PDM_CHECK_UPDATE": "0", "PDM_CACHE_DIR": str(plan.workshop.scratch / "pdm"),
         "PDM_PYTHON": f"{plan.new}/bin/python", "PDM_VENV_IN_PROJECT": "false",
         "PDM_VENV_LOCATION": str(plan.workshop.scratch / "pdm")},
    )  # fmt: skip
    _install_exported(plan, exported)


def _export(plan: Plan, command: list[str], variables: dict[str, str]) -> None:
    """Run a lock's own exporter, pinned and kept outside of the environment; refuse clearly when it can't be had."""
    tool, *others = EXPORTERS[command[0]]
    additions = [part for other in others for part in ("--with", other)]
    try:
        plan.call(
            "tool", "run", "--isolated", "--no-config", "--python", plan.interpreter.path, "--from", tool, *additions,
            *command, doing=f"reading {plan.source.main[0].name} with {tool}",
            variables={"XDG_DATA_HOME": f"{plan.workshop.scratch}/home",
                       "XDG_STATE_HOME": f"{plan.workshop.scratch}/home"} | variables,
        )  # fmt: skip
    except tools.EnvironmentError_ as error:
        raise tools.EnvironmentError_(
            f"{error}\n{plan.source.main[0].name} can only be read through {tool} itself. Mend what it says above, or "
            "export requirements.txt yourself, commit it, and name it as this project's requirements."
        ) from None


def _install_exported(plan: Plan, exported: Path) -> None:
    """Install an exporter's requirement lines, with their hashes enforced if it wrote them."""
    told = plan.work / exported.name
    try:
        told.write_text(_tree.read(exported), encoding="utf-8")
    except OSError as error:
        raise tools.EnvironmentError_(f"{plan.source.main[0].name} was not exported: {error}") from None
    plan.install_lists((told,), doing=f"installing {plan.source.main[0].name}", ours=True)


KINDS = {
    "requirements": from_requirements,
    "project": from_project,
    "package": from_package,
    "uv": from_uv,
    "poetry": from_poetry,
    "pylock": from_pylock,
    "pipfile": from_pipfile,
    "pdm": from_pdm,
}
