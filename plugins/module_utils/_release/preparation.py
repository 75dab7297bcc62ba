# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The stages of a release before it starts: fetch, build, check, migrate.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import os
import shutil
import stat
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._app import command as app_command
from ansible_collections.slipway.flask.plugins.module_utils._app import secret_key
from ansible_collections.slipway.flask.plugins.module_utils._host import environment_file, systemd, tree
from ansible_collections.slipway.flask.plugins.module_utils._migration import probe as migration_probe
from ansible_collections.slipway.flask.plugins.module_utils._python import build as python_build
from ansible_collections.slipway.flask.plugins.module_utils._python import driver, scm
from ansible_collections.slipway.flask.plugins.module_utils._python import environment as python_environment
from ansible_collections.slipway.flask.plugins.module_utils._python import project as python_project
from ansible_collections.slipway.flask.plugins.module_utils._release import handover, shared
from ansible_collections.slipway.flask.plugins.module_utils._release import probe as release_probe
from ansible_collections.slipway.flask.plugins.module_utils._release.context import Context
from ansible_collections.slipway.flask.plugins.module_utils._release.migrations import (
    UPGRADE,
    Migrations,
    commands_of,
    newer_schema,
)
from ansible_collections.slipway.flask.plugins.module_utils._release.once import Once, label_of
from ansible_collections.slipway.flask.plugins.module_utils._release.record import ReleaseError, read
from ansible_collections.slipway.flask.plugins.module_utils._release.request import Command
from ansible_collections.slipway.flask.plugins.module_utils._release.source import Source
from ansible_collections.slipway.flask.plugins.module_utils._source import requirement


class Preparation:
    """Makes a release's folder ready to start; nothing that serves is touched, but the database by `migrate`."""

    def __init__(self, context: Context, source: Source) -> None:
        self.context, self.request, self.paths, self.source = context, context.request, context.paths, source
        self.probed, self.question, self.unseen = migration_probe.Probe(), dict[str, Any](), False
        self.migrations = Migrations(context)

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
        alone = handover.stops_first(self.paths.app)
        run = handover.folder(self.paths.app) if alone else self.paths.runtime(context.record.id)
        (context.here / "run").symlink_to(run)
        for folder in self.request.shared_folders:
            shared.link(context, folder)
        for name, content in self.request.files.items():
            self._write_file(context.src / name, content.replace("{release_folder}", str(context.here)))
        context.folder(self.paths.settings_of(context.record.id), 0, 0o750)
        environment = read(context.wanted("environment")).replace("{release_folder}", str(context.here))
        context.write(context.environment_file, environment, 0, 0, 0o600)
        gunicorn = context.wanted("gunicorn.conf.py").read_text()
        context.write(context.environment_file.with_name("gunicorn.conf.py"), gunicorn, 0, context.gid, 0o640)
        hint = handover.hint(systemd.unit_file(self.paths.app).read_text(), environment, gunicorn)
        context.notes += [hint] * bool(hint)

    def _own(self, uid: int) -> None:
        """Give the release's code to UID and its group to read, whatever modes commands have left; links are not followed."""
        own = {str(self.context.src / name) for name in self.request.files}
        tree.own(self.context.src, uid, self.context.gid, readable, own)

    def _write_file(self, path: Path, content: str) -> None:
        """Write one of the app's own files: only its user may read it, for it may hold secrets."""
        context, place = self.context, path.parent.resolve()  # a link that the app changes from here on leads nowhere
        if not place.is_relative_to(self.paths.root.resolve()):
            raise ReleaseError(f"'{path.name}' in 'files' would land outside of {self.paths.root}")
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
        commands = [*self.request.build_commands, *self.request.release_commands]
        built = python_environment.ensure(
            python_environment.EnvironmentSpec(
                project=project, member=member, root=self.paths.environments, requirements=list(self.request.requirements),
                package=self.request.source.package,
                commands=[app_command.program(one.command) for one in commands],
                version=scm.of_revision(self.request.source.version, self.context.record.revision),
                environment=environment_file.environment_of(self.context.environment_file.read_text()),
                extra_packages=list(packages.extra_packages), constraints=list(packages.constraints),
                overrides=list(packages.overrides), needed=list(packages.needed), database=packages.database,
                python=self.request.python, python_downloads=fetching.allowed, python_mirror=fetching.mirror,
                python_list_url=fetching.list_url,
                uv=tools.uv, ca_bundle=tools.ca_bundle,
                hidden=tuple(self.request.files),
                index_url=tools.index_url, extra_index_urls=list(tools.extra_index_urls),
            )
        )  # fmt: skip
        shutil.rmtree(self.workspace, ignore_errors=True)
        self.context.record.environment = built.key
        self.context.notes += built.notes
        self.context.notes += [f"`overrides`: {told}" for told in built.overridden]
        self._fit_scheme(built.packages)
        (self.context.here / "venv").symlink_to(f"../../venvs/{built.key}")
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
        self.context.save()

    def _fit_scheme(self, packages: dict[str, str]) -> None:
        """Give the database's URL the scheme of the driver that the app has, unless the app's description says one."""
        if self.request.packages.database != driver.AUTO:
            return
        file, variable = self.context.environment_file, self.request.migrations.variable
        before = file.read_text()
        after = driver.fitted(before, variable, driver.scheme(packages, driver.AUTO))
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

    def _probe(self, question: dict[str, Any]) -> None:
        """Import the app where nothing can be written; one that can't do without is left for `migrate`, when it may."""
        answer = release_probe.ask(self.context, question)
        blocked = bool(answer.failed and (answer.probe.unwritable or answer.probe.wrote))
        self.unseen = blocked and self.request.writes_at_import
        if answer.failed and not self.unseen:
            raise ReleaseError(answer.failed)
        self.probed = answer.probe

    def check(self) -> None:
        """Import the app once, alone; refuse debug mode, a SECRET_KEY that anybody can guess, and dangerous migrations."""
        commands = self._commands()
        self.question = {"sql": self.request.migrations.mode != "off", **commands_of(commands)}
        if self.request.plan:
            gunicorn = str(self.context.environment_file.with_name("gunicorn.conf.py"))
            self.question |= {"sql": True, "empty": True, "server": True, "gunicorn": gunicorn}
        self._probe(self.question)
        if self.probed.threads:
            alone = handover.stops_first(self.paths.app)
            switch = "" if alone else ", two releases during a switch (unless `handover: stop_first`)"
            self.context.notes.append(
                f"the app starts threads when it is imported ({', '.join(self.probed.threads)}): each worker of each release "
                f"will have its own{switch}; the check has ended them"
            )
        if self.unseen:
            self.migrations.expect_anything()
            self.context.notes.append(
                "the app writes when it is imported (writes_at_import), so the check could not see what it does: "
                + release_probe.written([*self.probed.wrote, *[self.probed.unwritable] * bool(self.probed.unwritable)])  # type: ignore[list-item]
            )
            return
        self._settings()
        if self.probed.wrote:
            self.context.notes.append(
                f"the app writes when it is imported: {release_probe.written(self.probed.wrote)}. The check left it out; it "
                "is done at 'migrate', once and alone, before a worker starts"
            )
        self.migrations.judge(self.probed, commands)

    def _settings(self) -> None:
        """Refuse settings that are not for the public."""
        if self.probed.debug:
            raise ReleaseError(
                "the app runs in debug mode, whose console runs anybody's code; take DEBUG out of its settings"
            )
        key = self.probed.secret_key
        found = secret_key.problems("SECRET_KEY", {"SECRET_KEY": key}) if key is not None else []
        if found:
            raise ReleaseError(f"the app's own setting: {found[0]}")

    def migrate(self) -> None:
        """Run the release commands; `flask db upgrade` only if the database is not known to be at the code's head."""
        self.context.record.heads_before = known(self.probed.current)
        once, ask_again = self.context.once(), False
        if self.unseen or self.probed.wrote:
            self._import_once()
        for entry in self.request.release_commands:
            words = app_command.split(entry.command)
            if entry.once and self._has_run(once, entry):
                continue
            takes = self.migrations.takes(words, self.probed)
            if takes and ask_again:
                # What ran before may have moved the database: `flask db stamp`, one of the app's own.
                self._probe_again(self.question)
                self.migrations.judge_again(self.probed)
                ask_again = False
            if words == UPGRADE and self.probed.at_head:
                continue
            if takes:
                self.probed = self.migrations.run(words, self.probed)
            else:
                self.context.command(words, "release")
                ask_again = True
            if entry.once:
                once.add(entry)
        if ask_again and self.probed.heads is not None:
            self._probe_again({**self.question, "sql": False})
        self.context.record.heads_after = known(self.probed.current)
        self.context.save()

    def undo_migrate(self) -> str:
        """Return what to say of a schema that is newer now; what has been migrated stays."""
        return newer_schema(self.context.record.heads_before, self.context.record.heads_after)

    def _has_run(self, once: Once, entry: Command) -> bool:
        """Tell whether a command that runs but once has run, and note under which other name."""
        name, known_as = entry.known_as, once.has_run(entry)
        if known_as and known_as != name:
            self.context.notes.append(
                f"the command '{name}' runs but once and counts as run on {once.ran[name][:10]}, when commands had no names yet"
            )
        return bool(known_as)

    def _import_once(self) -> None:
        """Import an app that writes then, alone and with the right to; what it says of itself counts from here on."""
        self.probed = self.migrations.import_once(self.probed)
        self._settings()
        self._probe_again(self.question)
        self.migrations.judge_again(self.probed)

    def _probe_again(self, question: dict[str, Any]) -> None:
        """Ask once more what may have changed; an app that can't be imported without writing has said it as it wrote."""
        answer = release_probe.ask(self.context, question)
        if answer.failed and not self.request.writes_at_import:
            raise ReleaseError(answer.failed)
        if not answer.failed:
            self.probed = answer.probe

    def _commands(self) -> list[list[str]]:
        """Return the words of the release commands that are to run now."""
        once = self.context.once()
        return [
            app_command.split(entry.command)
            for entry in self.request.release_commands
            if not entry.once or (entry.known_as not in once.ran and label_of(entry.command) not in once.unnamed)
        ]


def readable(about: os.stat_result) -> int:
    """Return the permission bits of a file or folder of a release's code: its group reads it and nobody else writes it."""
    mode = about.st_mode | 0o440 | (0o110 if about.st_mode & 0o100 else 0)
    return 0o750 if stat.S_ISDIR(mode) else mode & 0o755


def known(heads: tuple[str, ...] | None) -> list[str] | None:
    """Return migration heads as a record holds them."""
    return None if heads is None else list(heads)
