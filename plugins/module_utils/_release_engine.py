# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The stages of a release, from fetch to record.

Whatever fails before *switch* leaves the old release serving and untouched; a failed *verify* switches back by itself.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import grp
import http.client
import json
import os
import pwd
import shlex
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils import _app_probe, _apps, _host, _python_env
from ansible_collections.slipway.flask.plugins.module_utils._release import (
    Paths,
    Record,
    ReleaseError,
    append_history,
    file_hash,
    fingerprint,
    history,
    lock,
    next_id,
    now,
    to_prune,
)
from ansible_collections.slipway.flask.plugins.module_utils._release_source import Git, extract
from ansible_collections.slipway.flask.plugins.module_utils._source import without_credentials

UPGRADE = ["flask", "db", "upgrade"]
POLL_SECONDS = 0.1
PURPOSES = ("build", "check", "release")
"""What an app's own commands are run for; a unit of its own each."""

READY_IN_A_ROW = 2
"""Good answers in a row that make a release ready: the first one may be a worker's only one."""


@dataclass
class Outcome:
    """What a deploy did. RECORD is the release that serves afterwards, or would be made (check mode)."""

    changed: bool
    record: Record | None = None
    need_archive: bool = False
    notes: list[str] = field(default_factory=list)
    previous: str = ""


class Engine:
    """One deploy of one app. SETTINGS are the parameters of slipway.flask.release."""

    def __init__(self, settings: Mapping[str, Any], check: bool = False) -> None:
        self.settings = settings
        self.check = check
        self.app: str = settings["app"]
        self.paths = Paths(self.app, Path(settings["root"]), Path(settings["settings_folder"]))
        self.notes: list[str] = []
        self.record = Record("", self.app, "", "")
        self.git = Git(settings["git"], self.paths.root / "repository.git", settings["git_key"] or "")
        self.probed = _app_probe.Probe()

    # ---- the deploy -------------------------------------------------------------------------------------------

    def deploy(self) -> Outcome:
        """Make the wanted release serve. Raises ReleaseError; the release that served before then still does."""
        if self.check:
            return self._plan()
        self._prepare_host()
        with lock(self.paths.root / ".lock", self.settings["by"]):
            key, revision = self._source()
            wanted, previous = self._fingerprint(key), self.paths.current_id()
            serving = self.paths.record(previous) if previous else None
            same = serving and serving.fingerprint == wanted and _host.is_active(self.paths.unit(previous))
            if not same and not self.settings["git"] and not self._archive(key).exists():
                return Outcome(False, need_archive=True)
            self._recover()
            if same:
                return Outcome(False, self.paths.record(previous), notes=self.notes, previous=previous)
            known = self.paths.release_ids() + [entry["id"] for entry in history(self.paths.history)]
            self.record = Record(
                next_id(known, revision), self.app, revision, wanted, bool(self.settings["dirty"]),
                without_credentials(self.settings["git"]) or "folder", key, by=self.settings["by"], started=now(),
                previous=previous,
            )  # fmt: skip
            self._run_stages(previous)
            return Outcome(True, self.record, notes=self.notes, previous=previous)

    def _plan(self) -> Outcome:
        """Tell what a deploy would do without changing anything (check mode)."""
        previous = self.paths.current_id()
        serving = self.paths.record(previous) if previous else None
        if self.settings["git"]:  # what the remote branch holds is not known without fetching
            return Outcome(serving is None, serving, previous=previous)
        wanted = self._fingerprint(self.settings["source_key"])
        return Outcome(serving is None or serving.fingerprint != wanted, serving, previous=previous)

    def _run_stages(self, previous: str) -> None:
        switched = False
        try:
            for name in ("fetch", "build", "check", "migrate", "start", "gate"):
                with self._stage(name):
                    getattr(self, f"_{name}")()
            with self._stage("switch"):
                _host.set_enabled(self.app, self.record.id, True)
                switched = True
                _host.replace_link(self.paths.current, f"releases/{self.record.id}")
            with self._stage("verify"):
                self._verify()
        except ReleaseError as error:
            if switched:
                self._switch_back(previous)
            self._abandon(error)
            raise
        with self._stage("drain"):
            self._drain(previous)
        with self._stage("prune"):
            self._prune()
        self.record.outcome, self.record.ended = "deployed", now()
        self._save()
        append_history(self.paths.history, self.record)

    @contextmanager
    def _stage(self, name: str) -> Iterator[None]:
        """Time a stage and put its name on whatever goes wrong in it."""
        started = time.monotonic()
        try:
            yield
        except ReleaseError as error:
            error.stage = error.stage or name
            raise
        except _python_env.EnvironmentError_ as error:
            raise ReleaseError(str(error), name) from error
        except (_host.HostError, OSError, http.client.HTTPException, ValueError) as error:
            raise ReleaseError(str(error), name) from error
        finally:
            self.record.seconds[name] = round(time.monotonic() - started, 2)

    def _save(self) -> None:
        self.record.write(self.paths.release(self.record.id) / "release.json")

    # ---- what is there, and what is wanted --------------------------------------------------------------------

    def _prepare_host(self) -> None:
        """Make the app's folders. Raises ReleaseError when its service has not been set up."""
        unit = _host.UNITS / f"{self.app}@.service"
        try:
            self.uid = pwd.getpwnam(self.settings["user"]).pw_uid
            self.gid = grp.getgrnam(self.settings["user"]).gr_gid
        except KeyError:
            raise ReleaseError(
                f"there is no user '{self.settings['user']}' on the host; run site.yml first", "preflight"
            ) from None
        for needed in (unit, self._wanted("environment"), self._wanted("gunicorn.conf.py")):
            if not needed.exists():
                raise ReleaseError(
                    f"{needed} is missing: the app's service is not set up; run site.yml first", "preflight"
                )
        free = shutil.disk_usage(self.paths.root.parent).free // 2**20
        if free < self.settings["min_free_mb"]:
            needed_mb = self.settings["min_free_mb"]
            raise ReleaseError(
                f"only {free} MB of disk are free below {self.paths.root.parent}, {needed_mb} MB are needed",
                "preflight",
            )
        for folder in (self.paths.root, self.paths.releases, self.paths.environments, self.paths.shared):
            self._folder(folder, 0, 0o750)
        self._folder(self.paths.sources, 0, 0o700)
        self._folder(self.paths.settings / "releases", 0, 0o750)
        for path in self.settings["writable_paths"]:
            self._folder(Path(path), self.uid, 0o750)

    def _folder(self, path: Path, uid: int, bits: int) -> None:
        path.mkdir(parents=True, exist_ok=True)
        found = path.stat()
        if (found.st_uid, found.st_gid, found.st_mode & 0o7777) != (uid, self.gid, bits):
            os.chown(path, uid, self.gid)
            path.chmod(bits)

    def _wanted(self, name: str) -> Path:
        return self.paths.settings / name

    def _archive(self, key: str) -> Path:
        return self.paths.sources / f"{key}.tar.gz"

    def _source(self) -> tuple[str, str]:
        """Return the name of the source's contents and its revision; takes in an archive that was just uploaded."""
        if self.settings["git"]:
            commit = self.git.commit(self.settings["version"])
            return commit, commit
        key = self.settings["source_key"]
        if self.settings["archive"]:
            incoming = self.paths.sources / ".incoming"
            shutil.copyfile(self.settings["archive"], incoming)
            incoming.replace(self._archive(key))
        return key, self.settings["revision"]

    def _fingerprint(self, source_key: str) -> str:
        """Return the name of everything that decides how the release behaves."""
        keys = (
            "subfolder", "wsgi", "python", "requirements", "extra_packages", "files", "shared_folders",
            "writable_paths", "build_commands", "release_commands",
        )  # fmt: skip
        parts = {key: self.settings[key] for key in keys}
        for name in ("environment", "gunicorn.conf.py"):
            parts[name] = file_hash(self._wanted(name))
        parts["unit"] = file_hash(_host.UNITS / f"{self.app}@.service")
        return fingerprint({**parts, "source": source_key})

    def _recover(self) -> None:
        """Finish or discard what a run that was killed left behind; afterwards only `current` runs."""
        current = self.paths.current_id()
        for release in self.paths.release_ids():
            found = self.paths.record(release)
            if release != current and (found is None or found.outcome == "unfinished"):
                self._remove(release)
        serving = self.paths.record(current) if current else None
        if serving and serving.outcome == "unfinished":  # killed after the switch: it serves, so it counts
            self.notes.append(f"release {current} was switched to by a run that did not end; it is recorded now")
            serving.outcome, serving.ended = "deployed", now()
            serving.write(self.paths.release(current) / "release.json")
            append_history(self.paths.history, serving)
            _host.set_enabled(self.app, current, True)
        for release in {*_host.instances(self.app), *_host.enabled(self.app)}:
            if release != current:
                _host.stop(self.paths.unit(release))
                _host.set_enabled(self.app, release, False)

    # ---- before the switch ------------------------------------------------------------------------------------

    @property
    def _here(self) -> Path:
        return self.paths.release(self.record.id)

    @property
    def _src(self) -> Path:
        return self._here / "src"

    def _fetch(self) -> None:
        """Lay out the release's folder: code, settings of its own, shared folders, files."""
        self._folder(self._here, 0, 0o750)
        self._save()
        self._src.mkdir(mode=0o750)
        if self.settings["git"]:
            self.git.export(self.record.revision, self.settings["subfolder"], self._src)
        else:
            self._unpack(self._archive(self.record.source_key))
        (self._here / "run").symlink_to(self.paths.runtime(self.record.id))
        for folder in self.settings["shared_folders"]:
            self._share(folder)
        for name, content in self.settings["files"].items():
            self._write_file(self._src / name, content)
        place = self.paths.settings_of(self.record.id)
        self._folder(place, 0, 0o750)
        environment = self._wanted("environment").read_text().replace("{release_folder}", str(self._here))
        self._write(place / "environment", environment, 0, 0, 0o600)
        self._write(place / "gunicorn.conf.py", self._wanted("gunicorn.conf.py").read_text(), 0, self.gid, 0o640)

    def _unpack(self, path: Path) -> None:
        """Unpack the uploaded archive; one that can't be is removed, so that the next deploy sends it again."""
        try:
            with path.open("rb") as archive:
                extract(archive, self._src)
        except ReleaseError:
            path.unlink()
            raise

    def _share(self, name: str) -> None:
        """Link a folder that outlives releases into this one; at first it gets what the source has there."""
        shared, here = self.paths.shared / name, self._src / name
        if not shared.exists():
            if here.is_dir():
                shutil.copytree(here, shared, symlinks=True)
            for place in (shared, *shared.rglob("*")) if shared.exists() else ():
                os.chown(place, self.uid, self.gid, follow_symlinks=False)
        self._folder(shared, self.uid, 0o750)
        if here.is_symlink() or here.is_file():
            here.unlink()
        elif here.is_dir():
            shutil.rmtree(here)
        here.parent.mkdir(parents=True, exist_ok=True)
        here.symlink_to(shared)

    def _own(self, uid: int) -> None:
        """Give the release's code to UID and its group to read; links (shared folders) are not followed."""
        own = {str(self._src / name) for name in self.settings["files"]}
        os.chown(self._src, uid, self.gid)
        for place, folders, files in os.walk(self._src):
            for name in folders + files:
                path = os.path.join(place, name)
                if path in own:
                    continue
                os.chown(path, uid, self.gid, follow_symlinks=False)
                if name in folders and not os.path.islink(path):
                    os.chmod(path, 0o750)

    def _write_file(self, path: Path, content: str) -> None:
        """Write one of the app's own files: only its user may read it, for it may hold secrets."""
        path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        if not path.parent.resolve().is_relative_to(self.paths.root):
            raise ReleaseError(f"'{path.name}' in 'files' would land outside of {self.paths.root}")
        self._write(path, content.replace("{release_folder}", str(self._here)), self.uid, self.gid, 0o400)

    def _write(self, path: Path, content: str, uid: int, gid: int, bits: int) -> None:
        handle = os.open(path.with_name(f".{path.name}.new"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(content)
            os.fchown(file.fileno(), uid, gid)
            os.fchmod(file.fileno(), bits)
        path.with_name(f".{path.name}.new").replace(path)

    def _build(self) -> None:
        """Find or build the environment, run the build commands, compile the code."""
        built = _python_env.ensure(
            _python_env.EnvironmentSpec(
                project=self._src, root=self.paths.environments, requirements=list(self.settings["requirements"]),
                extra_packages=list(self.settings["extra_packages"]), python=self.settings["python"],
                uv=self.settings["uv"], ca_bundle=self.settings["ca_bundle"],
                index_url=self.settings["index_url"] or "", extra_index_urls=list(self.settings["extra_index_urls"] or []),
            )
        )  # fmt: skip
        self.record.environment = built.key
        (self._here / "venv").symlink_to(f"../../venvs/{built.key}")
        if self.settings["build_commands"]:
            self._own(self.uid)
            for command in self.settings["build_commands"]:
                self._command(shlex.split(command["command"]), "build", [str(self._src)])
        compiler = [str(self._here / "venv/bin/python"), "-m", "compileall", "-q", "-j", "0", str(self._src)]
        subprocess.run(compiler, capture_output=True, check=False)  # code that can't be compiled shows in the check
        self._own(0)
        self._save()

    def _command(self, argv: list[str], purpose: str, writable: list[str] | None = None) -> str:
        """Run one of the app's commands and return what it printed. Raises ReleaseError with its last lines."""
        done = self._as_app(argv, purpose, writable or [])
        output = _host.masked(f"{done.stdout}\n{done.stderr}", self._environment_file)
        if done.returncode:
            raise ReleaseError(
                f"`{shlex.join(argv)}` failed with status {done.returncode}. Its last lines:\n{_host.tail(output)}"
            )
        return output

    @property
    def _environment_file(self) -> Path:
        return self.paths.settings_of(self.record.id) / "environment"

    def _as_app(self, argv: list[str], purpose: str, writable: list[str]) -> subprocess.CompletedProcess[str]:
        venv = self._here / "venv"
        command = _host.Command(
            user=self.settings["user"],
            folder=self._src,
            environment_file=self._environment_file,
            environment={
                "PATH": f"{venv}/bin:/usr/local/bin:/usr/bin:/bin",
                "VIRTUAL_ENV": str(venv),
                "FLASK_APP": self.settings["wsgi"],
                "RELEASE_ID": self.record.id,
                "HOME": "/tmp",
                "PYTHONDONTWRITEBYTECODE": "1",
                "PYTHONUNBUFFERED": "1",
            },
            writable=[str(self.paths.shared), *self.settings["writable_paths"], *writable],
            seconds=self.settings["command_seconds"],
        )
        return command.run(["/usr/bin/env", *argv], self._command_unit(purpose, self.record.id))

    def _command_unit(self, purpose: str, release: str) -> str:
        return f"{self.app}-{purpose}-{release}.service"

    def _probe(self) -> None:
        python = str(self._here / "venv/bin/python")
        done = self._as_app([python, "-c", _app_probe.SCRIPT, self.settings["wsgi"]], "check", [])
        self.probed, printed = _app_probe.read(done.stdout)
        if self.probed.error:
            said = _host.masked(_host.tail(f"{printed}\n{done.stderr}"), self._environment_file)
            error = _host.masked(self.probed.error, self._environment_file)
            raise ReleaseError(
                f"'wsgi' is '{self.settings['wsgi']}', which can't be imported: {error}\nIts last lines:\n{said}"
            )

    def _check(self) -> None:
        """Import the app once, alone; refuse debug mode and a SECRET_KEY that anybody can guess."""
        self._probe()
        if self.probed.debug:
            raise ReleaseError(
                "the app runs in debug mode, whose console runs anybody's code; take DEBUG out of its settings"
            )
        key = self.probed.secret_key
        found = _apps.secret_key_problems("SECRET_KEY", {"SECRET_KEY": key}) if key is not None else []
        if found:
            raise ReleaseError(f"the app's own setting: {found[0]}")

    def _migrate(self) -> None:
        """Run the release commands; `flask db upgrade` only if the database is not known to be at the code's head."""
        self.record.heads_before = self._known(self.probed.current)
        done = self._once()
        ran = False
        for entry in self.settings["release_commands"]:
            argv = shlex.split(entry["command"])
            if entry["once"] and entry["command"] in done:
                continue
            if argv == UPGRADE and self.probed.at_head:
                continue
            self._command(argv, "release")
            ran = True
            if entry["once"]:
                done[entry["command"]] = now()
                self._write(self.paths.root / "once.json", json.dumps(done, indent=2) + "\n", 0, 0, 0o600)
        if ran and self.probed.heads is not None:
            self._probe()
        self.record.heads_after = self._known(self.probed.current)
        self._save()

    def _once(self) -> dict[str, str]:
        path = self.paths.root / "once.json"
        try:
            found: dict[str, str] = json.loads(path.read_text())
        except FileNotFoundError:
            return {}
        except ValueError as error:
            raise ReleaseError(
                f"{path}, which tells the commands that have run once, can't be read: {error}"
            ) from error
        return found

    @staticmethod
    def _known(heads: tuple[str, ...] | None) -> list[str] | None:
        return None if heads is None else list(heads)

    def _start(self) -> None:
        try:
            _host.start(self.paths.unit(self.record.id))
        except _host.HostError as error:
            raise ReleaseError(_host.masked(str(error), self._environment_file)) from error

    def _gate(self) -> None:
        """Wait until the release answers on its own socket as it should. Nobody else can reach it yet."""
        unit, health = self.paths.unit(self.record.id), self.settings["health"]
        socket = str(self.paths.runtime(self.record.id) / "gunicorn.sock")
        headers = {"Host": health["host"] or "localhost", "X-Forwarded-Proto": "https", "X-Forwarded-For": "127.0.0.1"}
        self._ready(lambda: _host.ask(_host.SocketConnection(socket, 10), health["path"], headers), unit)

    def _ready(self, request: Callable[[], tuple[int, str]], unit: str) -> None:
        """Repeat a request until it is answered well; raise ReleaseError when time is up or the unit has died."""
        health = self.settings["health"]
        deadline, good, said = time.monotonic() + health["timeout_seconds"], 0, "gave no answer"
        while good < READY_IN_A_ROW:
            try:
                status, _ = request()
                good = good + 1 if status == health["status"] else 0
                said = f"answered {status}"
            except (OSError, http.client.HTTPException) as error:
                good, said = 0, f"gave no answer ({error or type(error).__name__})"
            if good == 0:
                if time.monotonic() > deadline or not _host.is_active(unit):
                    last = _host.masked(_host.journal(unit), self._environment_file)
                    raise ReleaseError(
                        f"{health['path']} {said} within {health['timeout_seconds']} s; it must answer {health['status']}. "
                        f"The end of the journal:\n{last}"
                    )
                time.sleep(POLL_SECONDS)

    # ---- after the switch -------------------------------------------------------------------------------------

    def _verify(self) -> None:
        """Ask the site as a visitor does, through nginx and TLS."""
        site, health = self.settings["verify"], self.settings["health"]
        if not site["domain"]:
            return
        connection = _host.LocalTLSConnection(site["domain"], site["address"], site["port"], health["timeout_seconds"])
        try:
            status, _ = _host.ask(connection, health["path"], {"Host": health["host"] or site["domain"]})
        except (OSError, http.client.HTTPException) as error:
            raise ReleaseError(
                f"https://{site['domain']}{health['path']} gave no answer through nginx: {error}"
            ) from error
        if status != health["status"]:
            raise ReleaseError(
                f"https://{site['domain']}{health['path']} answered {status} through nginx, not {health['status']}"
            )

    def _switch_back(self, previous: str) -> None:
        if previous:
            _host.replace_link(self.paths.current, f"releases/{previous}")
        else:
            self.paths.current.unlink(missing_ok=True)

    def _drain(self, previous: str) -> None:
        """Let the old release finish what it has begun, then stop it."""
        if not previous or previous == self.record.id:
            return
        socket = self.paths.runtime(previous) / "gunicorn.sock"
        deadline = time.monotonic() + self.settings["drain_seconds"]
        while _host.backlog(socket) and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
        _host.stop(self.paths.unit(previous))
        _host.set_enabled(self.app, previous, False)

    def _prune(self) -> None:
        """Remove releases beyond those kept, and environments and archives that none of the kept ones uses."""
        current = self.paths.current_id()
        for release in to_prune(self.paths.release_ids(), current, self.settings["keep_releases"]):
            self._remove(release)
        kept = [record for release in self.paths.release_ids() if (record := self.paths.record(release))]
        used = {record.environment for record in kept}
        for folder in self.paths.environments.iterdir():
            if folder.is_dir() and not folder.name.startswith(".") and folder.name not in used:
                shutil.rmtree(folder)
        archives = {f"{record.source_key}.tar.gz" for record in kept}
        for archive in self.paths.sources.iterdir():
            if archive.name not in archives:
                archive.unlink()

    def _remove(self, release: str) -> None:
        """Remove a release that does not serve: its instance, commands of it that still run, folder and settings."""
        _host.stop(self.paths.unit(release), *(self._command_unit(purpose, release) for purpose in PURPOSES))
        _host.set_enabled(self.app, release, False)
        shutil.rmtree(self.paths.settings_of(release), ignore_errors=True)
        # The record goes first: a folder without one is discarded by the next run.
        gone = self.paths.release(release)
        (gone / "release.json").unlink(missing_ok=True)
        shutil.rmtree(gone, ignore_errors=True)

    def _abandon(self, error: ReleaseError) -> None:
        """Write down why the release failed and remove every trace of it but that line."""
        self.record.outcome, self.record.ended = "failed", now()
        self.record.stage, self.record.message = error.stage, str(error)
        self._remove(self.record.id)
        self._prune()
        append_history(self.paths.history, self.record)
