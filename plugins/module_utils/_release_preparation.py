# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The stages of a release before it starts: fetch, build, check, migrate.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
from pathlib import Path
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils import (
    _app_command,
    _app_probe,
    _apps,
    _host,
    _python_build,
    _python_driver,
    _python_env,
    _python_hints,
    _python_project,
    _python_scm,
    _release_handover,
    _release_shared,
    _requirement,
    _tree,
)
from ansible_collections.slipway.flask.plugins.module_utils._release import ReleaseError, read
from ansible_collections.slipway.flask.plugins.module_utils._release_context import Context
from ansible_collections.slipway.flask.plugins.module_utils._release_migrations import UPGRADE, Migrations, migrates
from ansible_collections.slipway.flask.plugins.module_utils._release_once import Once
from ansible_collections.slipway.flask.plugins.module_utils._release_source import Source


class Preparation:
    """Makes a release's folder ready to start; nothing that serves is touched, but the database by `migrate`."""

    def __init__(self, context: Context, source: Source) -> None:
        self.context, self.settings, self.paths, self.source = context, context.settings, context.paths, source
        self.probed = _app_probe.Probe()
        self.migrations = Migrations(context)

    def fetch(self) -> None:
        """Lay out the release's folder: code, settings of its own, shared folders, files."""
        context = self.context
        context.folder(context.here, 0, 0o751)
        context.save()
        context.src.mkdir(mode=0o750)
        self.source.write(context.record.source_key, context.src, self.settings["subfolder"])
        if self.source.has_more() and not self.settings["requirements"] and _python_project.may_be_member(context.src):
            self.workspace.mkdir(mode=0o750)
            self.source.write(context.record.source_key, self.workspace, "")
        alone = _release_handover.stops_first(self.paths.app)
        run = _release_handover.folder(self.paths.app) if alone else self.paths.runtime(context.record.id)
        (context.here / "run").symlink_to(run)
        for folder in self.settings["shared_folders"]:
            _release_shared.link(context, folder)
        for name, content in self.settings["files"].items():
            self._write_file(context.src / name, content.replace("{release_folder}", str(context.here)))
        context.folder(self.paths.settings_of(context.record.id), 0, 0o750)
        environment = read(context.wanted("environment")).replace("{release_folder}", str(context.here))
        context.write(context.environment_file, environment, 0, 0, 0o600)
        gunicorn = context.wanted("gunicorn.conf.py").read_text()
        context.write(context.environment_file.with_name("gunicorn.conf.py"), gunicorn, 0, context.gid, 0o640)
        hint = _release_handover.hint(_host.unit_file(self.paths.app).read_text(), environment, gunicorn)
        context.notes += [hint] * bool(hint)

    def _own(self, uid: int) -> None:
        """Give the release's code to UID and its group to read, whatever modes commands have left; links are not followed."""
        own = {str(self.context.src / name) for name in self.settings["files"]}
        _tree.own(self.context.src, uid, self.context.gid, readable, own)

    def _write_file(self, path: Path, content: str) -> None:
        """Write one of the app's own files: only its user may read it, for it may hold secrets."""
        context, place = self.context, path.parent
        if place.resolve().is_relative_to(
            self.paths.shared
        ):  # the app may write here, so root must not follow its links
            with context.as_app():
                place.mkdir(mode=0o750, parents=True, exist_ok=True)
                context.write(path, content, context.uid, context.gid, 0o400)
            return
        place.mkdir(mode=0o750, parents=True, exist_ok=True)
        if not place.resolve().is_relative_to(self.paths.root):
            raise ReleaseError(f"'{path.name}' in 'files' would land outside of {self.paths.root}")
        context.write(path, content, context.uid, context.gid, 0o400)

    @property
    def workspace(self) -> Path:
        """The whole source, while the environment of a member of a uv workspace is built."""
        return self.context.here / "workspace"

    def build(self) -> None:
        """Find or build the environment, run the build commands, compile the code."""
        found = _python_project.workspace_of(self.workspace, self.settings["subfolder"])
        project = found or self.context.src
        member = os.path.relpath(self.workspace / self.settings["subfolder"], found) if found else ""
        fetching = self.settings["python_downloads"]
        commands = [*self.settings["build_commands"], *self.settings["release_commands"]]
        built = _python_env.ensure(
            _python_env.EnvironmentSpec(
                project=project, member=member, root=self.paths.environments, requirements=list(self.settings["requirements"]),
                package=self.settings["package"],
                commands=[_app_command.program(one["command"]) for one in commands],
                version=_python_scm.of_revision(self.settings["version"], self.context.record.revision),
                environment=_host.environment_of(self.context.environment_file.read_text()),
                **self.settings["packages"], python=self.settings["python"],
                python_downloads=fetching.get("allowed", True), python_mirror=fetching.get("mirror", ""),
                python_list_url=fetching.get("list_url", ""),
                uv=self.settings["uv"], ca_bundle=self.settings["ca_bundle"],
                hidden=tuple(self.settings["files"]),
                index_url=self.settings["index_url"] or "", extra_index_urls=list(self.settings["extra_index_urls"] or []),
            )
        )  # fmt: skip
        shutil.rmtree(self.workspace, ignore_errors=True)
        self.context.record.environment = built.key
        self.context.notes += built.notes
        self.context.notes += [f"`overrides`: {told}" for told in built.overridden]
        self._fit_scheme(built.packages)
        (self.context.here / "venv").symlink_to(f"../../venvs/{built.key}")
        if self.settings["package"]:
            self._link_package()
        # What is the app's own runs with the app's rights, compiling included: a package can hook into any start of Python.
        self._own(self.context.uid)
        for command in self.settings["build_commands"]:
            self.context.command(_app_command.split(command["command"]), "build", [str(self.context.src)])
        # Code that can't be compiled shows in the check.
        command = ["python", "-I", "-S", "-m", "compileall", "-q", str(self.context.src)]  # no .pth file's code runs
        self.context.run(command, "build", [str(self.context.src)])
        self._own(0)
        self.context.save()

    def _fit_scheme(self, packages: dict[str, str]) -> None:
        """Give the database's URL the scheme of the driver that the app has, unless the app's description says one."""
        if self.settings["packages"]["database"] != _python_driver.AUTO:
            return
        file, variable = self.context.environment_file, str(self.settings["migrations"]["variable"])
        before = file.read_text()
        after = _python_driver.fitted(before, variable, _python_driver.scheme(packages, _python_driver.AUTO))
        if after != before:
            self.context.write(file, after, 0, 0, 0o600)

    def _link_package(self) -> None:
        """Show the package's own folders where an app's code is: its static files and migrations are named from there."""
        environment = self.context.here / "venv"
        for folder in _python_build.folders_of(environment, _requirement.name(self.settings["package"])):
            link = self.context.src / folder.name
            if os.path.lexists(link) and not any(folder.rglob("*.py")):
                continue  # it holds data; what the app's description puts there goes before it
            if os.path.lexists(link):
                raise ReleaseError(
                    f"'{folder.name}' in 'files' or 'shared_folders' is a folder of the package; choose another"
                )
            link.symlink_to(f"../venv/{folder.relative_to(environment)}")

    def _probe(self, ask: dict[str, Any]) -> None:
        python = str(self.context.here / "venv/bin/python")
        done = self.context.run([python, "-c", _app_probe.SCRIPT, self.settings["wsgi"], json.dumps(ask)], "check", [])
        self.probed, printed = _app_probe.read(done.stdout)
        if self.probed.error:
            said = _host.masked(_host.tail(f"{printed}\n{done.stderr}"), self.context.environment_file)
            error = _host.masked(self.probed.error, self.context.environment_file)
            if self.probed.gunicorn is not None:
                raise ReleaseError(
                    f"{unserved(self.probed.gunicorn, self.probed.python)}: {error}\nIts last lines:\n{said}"
                )
            raise ReleaseError(
                f"'wsgi' is '{self.settings['wsgi']}', which can't be imported: {error}"
                f"{_python_driver.advice(error) or _python_hints.of_import(error, self.probed.python)}\nIts last lines:\n{said}"
            )

    def check(self) -> None:
        """Import the app once, alone; refuse debug mode, a SECRET_KEY that anybody can guess, and dangerous migrations."""
        ask: dict[str, Any] = {"sql": self.settings["migrations"]["mode"] != "off"}
        if self.settings["plan"]:
            gunicorn = str(self.context.environment_file.with_name("gunicorn.conf.py"))
            ask = {"sql": True, "empty": True, "server": True, "gunicorn": gunicorn}
        self._probe(ask)
        if self.probed.debug:
            raise ReleaseError(
                "the app runs in debug mode, whose console runs anybody's code; take DEBUG out of its settings"
            )
        key = self.probed.secret_key
        found = _apps.secret_key_problems("SECRET_KEY", {"SECRET_KEY": key}) if key is not None else []
        if found:
            raise ReleaseError(f"the app's own setting: {found[0]}")
        commands = [_app_command.split(one["command"]) for one in self.settings["release_commands"]]
        self.migrations.judge(self.probed, commands)

    def migrate(self) -> None:
        """Run the release commands; `flask db upgrade` only if the database is not known to be at the code's head."""
        self.context.record.heads_before = known(self.probed.current)
        once, ask_again = self.context.once(), False
        for entry in self.settings["release_commands"]:
            words = _app_command.split(entry["command"])
            if entry["once"] and self._has_run(once, entry):
                continue
            if words == UPGRADE and self.probed.at_head:
                continue
            if self.probed.heads is not None and migrates(words):
                self.probed = self.migrations.run(words, self.probed)
            else:
                self.context.command(words, "release")
                ask_again = True
            if entry["once"]:
                once.add(entry)
        if ask_again and self.probed.heads is not None:
            self._probe({})
        self.context.record.heads_after = known(self.probed.current)
        self.context.save()

    def _has_run(self, once: Once, entry: dict[str, Any]) -> bool:
        """Tell whether a command that runs but once has run, and note under which other name."""
        name, known_as = _app_command.once_name(entry), once.has_run(entry)
        if known_as and known_as != name:
            self.context.notes.append(
                f"the command '{name}' runs but once and counts as run on {once.ran[name][:10]}, when commands had no names yet"
            )
        return bool(known_as)


def readable(about: os.stat_result) -> int:
    """Return the permission bits of a file or folder of a release's code: its group reads it and nobody else writes it."""
    mode = about.st_mode | 0o440 | (0o110 if about.st_mode & 0o100 else 0)
    return 0o750 if stat.S_ISDIR(mode) else mode & 0o755


def unserved(gunicorn: str, python: str) -> str:
    """Return what to do about a gunicorn of this version ("": none) that can't be imported itself."""
    way = '`overrides: ["gunicorn>=23"]` puts a newer one in its place'
    if not gunicorn:
        return f"gunicorn is not installed; {way}, or add it to the app's list"
    return f"gunicorn {gunicorn}, which the app's own list brings, does not run on Python {python} ({way})"


def known(heads: tuple[str, ...] | None) -> list[str] | None:
    """Return migration heads as a record holds them."""
    return None if heads is None else list(heads)
