# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The stages that make a release's folder: fetch and build. What comes before it starts is in upgrade.py.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import os
import shutil
import stat
from contextlib import nullcontext
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._app import command as app_command
from ansible_collections.slipway.flask.plugins.module_utils._host import environment_file, seal, tree
from ansible_collections.slipway.flask.plugins.module_utils._process import settings as process_settings
from ansible_collections.slipway.flask.plugins.module_utils._python import build as python_build
from ansible_collections.slipway.flask.plugins.module_utils._python import driver, locked, scm
from ansible_collections.slipway.flask.plugins.module_utils._python import environment as python_environment
from ansible_collections.slipway.flask.plugins.module_utils._python import project as python_project
from ansible_collections.slipway.flask.plugins.module_utils._release import shared, vulnerable, wanted
from ansible_collections.slipway.flask.plugins.module_utils._release.context import Context
from ansible_collections.slipway.flask.plugins.module_utils._release.record import LOCK, ReleaseError
from ansible_collections.slipway.flask.plugins.module_utils._release.source import Source
from ansible_collections.slipway.flask.plugins.module_utils._source import procfile, requirement


class Preparation:
    """Makes a release's folder ready; nothing that serves is touched."""

    def __init__(self, context: Context, source: Source) -> None:
        self.context, self.request, self.paths, self.source = context, context.request, context.paths, source

    def fetch(self) -> None:
        """Lay out the release's folder: code, settings of its own, shared folders, files."""
        context = self.context
        context.folder(context.here, 0, 0o751)
        context.save()
        context.src.mkdir(mode=0o750)
        self.source.write(context.record.source_key, context.src, self.request.source.subfolder)
        if self.source.has_more() and not self.request.requirements and python_project.may_be_member(context.src):
            self.workspace.mkdir(mode=0o750)
            self.source.write(context.record.source_key, self.workspace, "")
        for folder in self.request.shared_folders:
            shared.link(context, folder)
        for name, content in self.request.files.items():
            self._write_file(context.src / name, content.replace("{release_folder}", str(context.here)))
        self._tell_of_procfile()
        wanted.copy(context)
        for process in context.processes:
            process.prepare(context.record.id)

    def _tell_of_procfile(self) -> None:
        """Note what a Procfile in the source names and nothing runs; a plan tells it each time."""
        known = {name: str(entry.get("command", "")) for name, entry in process_settings.of(self.paths).items()}
        previous = "" if self.request.plan else self.context.record.previous
        before = procfile.read(self.paths.release(previous) / "src") if previous else ""
        self.context.notes += procfile.told(procfile.read(self.context.src), known, before)

    def _own(self, uid: int) -> None:
        """Give the release's code to UID and its group to read, whatever modes commands have left; links are not followed."""
        own = {str(self.context.src / name) for name in self.request.files}
        tree.own(self.context.src, uid, self.context.gid, readable, own)

    def _write_file(self, path: Path, content: str) -> None:
        """Write one of the app's own files: only its user may read it, for it may hold secrets."""
        context, place = self.context, path.parent.resolve()  # a link that the app changes from here on leads nowhere
        if not place.is_relative_to(self.paths.root.resolve()):
            raise ReleaseError(f"'{path.name}' in 'files' would end up outside of {self.paths.root}")
        with context.as_app() if context.is_apps(place / path.name) else nullcontext():
            place.mkdir(mode=0o750, parents=True, exist_ok=True)
            context.write(place / path.name, content, context.uid, context.gid, 0o400)

    @property
    def workspace(self) -> Path:
        """The whole source, while the environment of a member of a uv workspace is built."""
        return self.context.here / "workspace"

    def build(self) -> None:
        """Find or build the environment, run the build commands, compile the code."""
        found = python_project.workspace_of(self.workspace, self.request.source.subfolder)
        project = found or self.context.src
        member = os.path.relpath(self.workspace / self.request.source.subfolder, found) if found else ""
        fetching, packages, tools = self.request.python_downloads, self.request.packages, self.request.tools
        asked = self.request
        commands = [*asked.build_commands, *asked.setup_commands, *asked.release_commands]
        built = python_environment.ensure(
            python_environment.EnvironmentSpec(
                project=project, member=member, root=self.paths.environments, requirements=list(self.request.requirements),
                package=self.request.source.package,
                commands=[
                    *(app_command.program(one.command) for one in commands),
                    *(name for process in self.context.processes for name in process.programs(self.context.record.id)),
                ],
                version=scm.of_revision(self.request.source.version, self.context.record.revision),
                environment=environment_file.environment_of(self.context.environment_file.read_text()),
                extra_packages=list(packages.extra_packages), constraints=list(packages.constraints),
                overrides=list(packages.overrides), needed=list(packages.needed), database=packages.database,
                python=self.request.python, python_downloads=fetching.allowed, python_mirror=fetching.mirror,
                python_list_url=fetching.list_url,
                uv=tools.uv, ca_bundle=tools.ca_bundle,
                hidden=tuple(self.request.files), ahead=python_environment.AHEAD / self.request.app,
                index_url=tools.index_url, extra_index_urls=list(tools.extra_index_urls),
                locked=self.request.promotion.lock,
            )
        )  # fmt: skip
        self._keep_lock(built)
        self.context.notes += built.notes
        self.context.notes += [f"`overrides`: {told}" for told in built.overridden]
        self._fit_scheme(built.packages)
        (self.context.here / "venv").symlink_to(f"../../venvs/{built.key}")
        vulnerable.describe(self.context, project)
        shutil.rmtree(self.workspace, ignore_errors=True)
        if self.request.source.package:
            self._link_package()
        # What is the app's own runs with the app's rights, compiling included: a package can hook into any start of Python.
        self._own(self.context.uid)
        for own in self.request.build_commands:
            self.context.command(app_command.split(own.command), "build", [str(self.context.src)])
        # Code that can't be compiled shows in the check.
        command = ["python", "-I", "-S", "-m", "compileall", "-q", str(self.context.src)]  # no .pth file's code runs
        self.context.run(command, "build", [str(self.context.src)])
        self._own(0)
        if not self.request.plan:
            seal.write(self.context.here / seal.NAME, seal.take(self.context.src))
        self.context.save()

    def _keep_lock(self, built: python_environment.Environment) -> None:
        """Write down what the release is made of. Raises ReleaseError for another Python than that of what is promoted."""
        record, promoted = self.context.record, self.request.promotion
        record.environment, record.lock = built.key, locked.digest(built.lock)
        if promoted.python and minor(promoted.python) != minor(built.python_version):
            raise ReleaseError(
                f"{promoted.of} runs with Python {promoted.python}, and this would be {built.python_version}: set `python` for "
                "both"
            )
        if built.lock:
            self.context.write(self.context.here / LOCK, built.lock, 0, 0, 0o640)

    def _fit_scheme(self, packages: dict[str, str]) -> None:
        """Give the database's URL the scheme of the driver that the app has, unless the app's description says one."""
        wanted = self.request.packages.database
        if wanted not in driver.AUTOMATIC:
            return
        file, variable = self.context.environment_file, self.request.migrations.variable
        before = file.read_text()
        after = driver.fitted(before, variable, driver.scheme(packages, wanted))
        if after != before:
            self.context.write(file, after, 0, 0, 0o600)

    def _link_package(self) -> None:
        """Show the package's own folders where an app's code is: its static files and migrations are named from there."""
        environment = self.context.here / "venv"
        for folder in python_build.folders_of(environment, requirement.name(self.request.source.package)):
            link = self.context.src / folder.name
            if os.path.lexists(link) and not any(folder.rglob("*.py")):
                continue  # it holds data; what the app's description puts there goes before it
            if os.path.lexists(link):
                raise ReleaseError(
                    f"'{folder.name}' in 'files' or 'shared_folders' is a folder of the package; choose another"
                )
            link.symlink_to(f"../venv/{folder.relative_to(environment)}")


def minor(version: str) -> str:
    """Return the part of a Python's VERSION that decides which packages fit."""
    return ".".join(version.split(".")[:2])


def readable(about: os.stat_result) -> int:
    """Return the permission bits of a file or folder of a release's code: its group reads it and nobody else writes it."""
    mode = about.st_mode | 0o440 | (0o110 if about.st_mode & 0o100 else 0)
    return 0o750 if stat.S_ISDIR(mode) else mode & 0o755
