# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""PRIVATE to the collection. What each kind of project installs into a new environment."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._host import tree
from ansible_collections.slipway.flask.plugins.module_utils._python import pipfile as pipfile
from ansible_collections.slipway.flask.plugins.module_utils._python import uv as tools
from ansible_collections.slipway.flask.plugins.module_utils._python.plan import Plan

# Poetry and PDM read their own locks; these only turn them into requirement lines and never reach the environment.
EXPORTERS = {
    "poetry": ("poetry==2.5.1", "poetry-plugin-export==1.10.1"),
    "pdm": ("pdm==2.29.3",),
}


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
            f"{error}\n{plan.source.main[0].name} can only be read with {tool} itself. Fix what it says above, or "
            "export requirements.txt yourself, commit it, and set it as this project's requirements."
        ) from None


def _install_exported(plan: Plan, exported: Path) -> None:
    """Install an exporter's requirement lines, with their hashes enforced if it wrote them."""
    told = plan.work / exported.name
    try:
        told.write_text(tree.read(exported), encoding="utf-8")
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
