# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""PRIVATE to the collection. Filling one new virtual environment with uv, kind of project by kind of project."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils import _python_lists as lists
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


@dataclass(frozen=True)
class Plan:
    """One environment to fill: `new` is where it comes to be.

    work: our own folder for what tools are given, which they only read; they write to `workshop.scratch`. What is there
    may be anything once foreign code has run: read it by `_tree.read`.
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
    groups: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    install_project: bool = False

    def call(self, *arguments: str, doing: str, variables: dict[str, str] | None = None) -> str:
        """Run uv in the project's folder, so that its own uv settings count; raise EnvironmentError_.

        It may run packages' code, so it runs in the workshop.
        """
        if self.uv.log:
            self.uv.log(doing)
        return self.workshop.run(
            [self.uv.path, "--quiet", *arguments], doing, cwd=self.project,
            variables=self.uv.variables(self.workshop.scratch) | (variables or {}),
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

    def install_lists(self, main: tuple[Path, ...], *, doing: str, ours: bool = False) -> None:
        """Install requirement lists; uv is given copies, in which every path is absolute. OURS: we have written them."""
        found, copies = lists.read(main, self.project, main if ours else ()), self.work / "lists"
        strict = ["--require-hashes"] if found.hashed else []
        try:
            self.pip_install(*strict, *found.write(main, copies), doing=doing)
        except tools.EnvironmentError_ as error:
            raise tools.EnvironmentError_(re.sub(rf"{re.escape(str(copies))}/\d+/", "", str(error))) from None

    def flags(self, extra: str, group: str) -> list[str]:
        """Return the wanted extras and groups as arguments, with each tool's own names for the two flags."""
        return [part for name in self.extras for part in (extra, name)] + [
            part for name in self.groups for part in (group, name)
        ]


def install(plan: Plan) -> list[str]:
    """Make the environment and install everything; return the extra requirement lines that were needed.

    Raises EnvironmentError_ with the tool's own last lines.
    """
    plan.call(
        "venv", "--no-project", "--relocatable", "--python", plan.interpreter.path, str(plan.new),
        doing="making the virtual environment",
    )  # fmt: skip
    KINDS[plan.source.kind](plan)
    if plan.install_project and plan.source.kind != "uv":
        plan.pip_install("--no-deps", str(plan.project), doing="installing the project itself")
    added = add_missing(plan)
    plan.compile()
    (plan.new / ".lock").unlink(missing_ok=True)  # uv's own; it is writable for all
    return added


def add_missing(plan: Plan) -> list[str]:
    """Install the extra requirement lines that the project's own list lacks; nothing that it lists may change.

    A line that only asks for extras of a package that is there (`psycopg[binary]`) counts when it brings something.
    """
    before = installed(plan.new)
    lines = [line for line in plan.extra_packages if "[" in line or projects.requirement_name(line) not in before]
    if not lines:
        return []
    wanted, fixed = plan.work / "extra-packages.txt", plan.work / "installed.txt"
    wanted.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    fixed.write_text("".join(f"{name}=={version}\n" for name, version in before.items()), encoding="utf-8")
    names = ", ".join(projects.requirement_name(line) or tools.masked(line) for line in lines)
    plan.pip_install("-r", str(wanted), "-c", str(fixed), doing=f"adding {names} to what the project lists")
    new = installed(plan.new).keys() - before.keys()
    return [line for line in lines if new and ("[" in line or projects.requirement_name(line) in new)]


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


def folders_of(environment: Path, package: str) -> list[Path]:
    """Return the folders at the top of PACKAGE (normalised name) in an environment, as its RECORD lists their files."""
    found: set[Path] = set()
    for record in environment.glob("lib/python3*/site-packages/*.dist-info/RECORD"):
        if projects.normalised(record.parent.name.partition("-")[0]) == package:
            rows = _tree.read(record).splitlines()
            names = {row.split("/")[0] for row in rows if re.match(r"[A-Za-z_]\w*/__init__\.py,", row)}
            found |= {record.parent.parent / name for name in names}
    return sorted(found)


def from_requirements(plan: Plan) -> None:
    """Install requirement files; one hash in them makes hashes compulsory for all, as with pip."""
    named = ", ".join(path.name for path in plan.source.main)
    plan.install_lists(plan.source.main, doing=f"installing {named}")


def from_project(plan: Plan) -> None:
    """Install what pyproject.toml, setup.py or setup.cfg declares, without the project itself."""
    main = plan.source.main[0]
    plan.pip_install("-r", str(main), *plan.flags("--extra", "--group"), doing=f"installing what {main.name} declares")


def from_package(plan: Plan) -> None:
    """Install one package with what it requires."""
    wanted = plan.work / "package.txt"
    wanted.write_text(f"{plan.package}\n", encoding="utf-8")
    plan.pip_install("-r", str(wanted), doing=f"installing {plan.package}")


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
    "pdm": from_pdm,
}
