# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A host on which the release engine can deploy without systemd, nginx or network: folders are real, the rest is told."""

from __future__ import annotations

import gzip
import json
import os
import stat
import subprocess
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.slipway.flask.plugins.module_utils._app import command as app_command
from ansible_collections.slipway.flask.plugins.module_utils._host import http as host_http
from ansible_collections.slipway.flask.plugins.module_utils._host import (
    journal,
    leftovers,
    links,
    sandbox,
    systemd,
    unix_sockets,
)
from ansible_collections.slipway.flask.plugins.module_utils._migration import probe
from ansible_collections.slipway.flask.plugins.module_utils._migration import run as migration_run
from ansible_collections.slipway.flask.plugins.module_utils._process import base, draining, fate, patience, web, worker
from ansible_collections.slipway.flask.plugins.module_utils._process import watch as process_watch
from ansible_collections.slipway.flask.plugins.module_utils._process.base import Process
from ansible_collections.slipway.flask.plugins.module_utils._process.look import web as look_web
from ansible_collections.slipway.flask.plugins.module_utils._python import environment, git_unit
from ansible_collections.slipway.flask.plugins.module_utils._release import boot, drain, lease, traffic
from ansible_collections.slipway.flask.plugins.module_utils._release import context as release_context
from ansible_collections.slipway.flask.plugins.module_utils._release import run as release_run
from ansible_collections.slipway.flask.plugins.module_utils._release.deploy import Deploy
from ansible_collections.slipway.flask.plugins.module_utils._release.history import history
from ansible_collections.slipway.flask.plugins.module_utils._release.record import Paths, Record, ReleaseError
from ansible_collections.slipway.flask.plugins.module_utils._release.request import Request
from ansible_collections.slipway.flask.plugins.module_utils._release.run import Outcome
from ansible_collections.slipway.flask.plugins.modules.release_on_host import argument_spec
from ansible_collections.slipway.flask.plugins.plugin_utils._source import folder as source_folder
from skipping_clock import skip_waiting

SECRET = "s3cr3t-key-0123456789abcdef"
ROOT = os.getuid() == 0
UID = 4242 if ROOT else os.getuid()


class Killed(BaseException):
    """Ends a deploy as a kill does: nothing of it is caught."""


def parameters(**given: Any) -> dict[str, Any]:
    """Return the parameters GIVEN to slipway.flask.release with all others, as its half on the host reads them."""
    checked = ArgumentSpecValidator(argument_spec()).validate(given)
    assert not checked.error_messages
    return dict(checked.validated_parameters)


def request_with(**given: Any) -> Request:
    """Return what a run of the app `shop` is asked that is GIVEN these parameters."""
    shop = {"app": "shop", "wsgi": "app:app", "user": "shop", "root": "/srv/shop", "settings_folder": "/etc/shop"}
    return Request.of(parameters(**{**shop, "health": {}, **given}))


class FakeHost:
    """One host with the service of the app `shop` set up. Attributes say how its parts behave."""

    def __init__(self, folder: Path) -> None:
        self.memory = folder / "memory"  # what /run is elsewhere
        self.folder = folder
        self.paths = Paths("shop", folder / "srv/shop", folder / "etc/shop")
        self.units, self.wants, self.source = folder / "units", folder / "wants", folder / "source"
        for place in (self.paths.settings, self.units, self.source, self.paths.root.parent):
            place.mkdir(parents=True)
        (self.units / "shop@.service").write_text("[Service]\n")
        (self.source / "app.py").write_text("app = 1\n")
        self.configure(f'SECRET_KEY="{SECRET}"\n')
        (self.paths.settings / "gunicorn.conf.py").write_text("workers = 2\n")
        self.settings = parameters(
            app="shop", wsgi="app:app", user="shop", root=str(self.paths.root), settings_folder=str(self.paths.settings),
            uv="uv", ca_bundle="", command_seconds=60, check_seconds=30, drain_seconds=5, keep_releases=3, min_free_mb=0,
            health={"path": ["/healthz"], "host": "shop.example.com", "timeout_seconds": 1},
            verify={"domain": "shop.example.com"}, by="ann@box", process="box/1",
        )  # fmt: skip
        self.running: set[str] = set()
        self.jobs: set[str] = set()  # units of the app's own commands that still run
        self.events: list[str] = []
        self.sent = 0
        self.fails: dict[str, Exception | BaseException] = {}  # event -> what it raises
        self.health: list[int | Exception] = [200]  # answers on the socket, the last one forever
        self.site: list[int | Exception] = [200]  # answers through nginx
        self.probes: list[dict[str, Any] | str] = [{}]  # answers of the app, the last one forever
        self.commands: dict[str, tuple[int, str]] = {}  # command line -> status and output
        self.watched: list[str] = [""]  # what the watch finds wrong, the last one forever
        self.ran: dict[str, Any] = {}  # what a migration tells otherwise than it would
        self.migration: dict[str, Any] = {}  # what the last one was given
        self.waiting: list[int] = [0]  # connections in the old socket's backlog
        self.slow: dict[str, int] = {}  # connections of releases that take their time to end
        self.queued: set[str] = set()  # those of them that are to start then
        self.draining: dict[str, int] = {}  # looks after which a release that was told to end has ended
        self.restarts: dict[str, int] = {}  # how often systemd has started a unit again
        self.starved: set[str] = set()  # units that the kernel has killed for their memory
        self.environment = "env1"
        self.packages: dict[str, str] = {}  # what is in it
        self.overridden: list[str] = []
        self.journal = "journal"

    def configure(self, text: str) -> None:
        (self.paths.settings / "environment").write_text(text)
        (self.paths.settings / "environment").chmod(0o600)

    def configure_unit(self, text: str) -> None:
        (self.units / "shop@.service").write_text(text)

    def event(self, text: str) -> None:
        """Remember that TEXT happened; raise what was ordered for it, once."""
        self.events.append(text)
        for start in [start for start in self.fails if text.startswith(start)]:
            raise self.fails.pop(start)

    def request(self, **changes: Any) -> Request:
        """Return what a run is asked, with CHANGES to the parameters of the module."""
        return Request.of({**self.settings, **changes})

    def deploy(self, *, check: bool = False, **changes: Any) -> Outcome:
        """Deploy the source folder as the action plugin does: the archive is sent only when it is asked for."""
        tar = self.folder / "source.tar"
        packed = source_folder.pack(self.source, tar)
        request = self.request(**{"source_key": packed.key, "revision": packed.revision, **changes})
        outcome = Deploy(request, check=check).deploy()
        if outcome.need_archive:
            self.sent += 1
            (self.folder / "upload.tar.gz").write_bytes(gzip.compress(tar.read_bytes()))
            source = replace(request.source, upload=str(self.folder / "upload.tar.gz"))
            outcome = Deploy(replace(request, source=source)).deploy()
        return outcome

    def processes(self) -> tuple[Process, ...]:
        """Return what the app is made of."""
        return self.context().processes

    def context(self) -> release_context.Context:
        """Return what a run gives them."""
        return release_context.Context(self.request(), self.paths, Record("", "shop", "", ""))

    def change(self, text: str = "app = 2\n") -> None:
        """Change the app's code."""
        (self.source / "app.py").write_text(text)

    @property
    def current(self) -> str:
        return self.paths.current_id()

    @property
    def history(self) -> list[dict[str, Any]]:
        return history(self.paths.history)

    def record(self) -> dict[str, Any]:
        """Return the record of the live release."""
        found: dict[str, Any] = json.loads((self.paths.current / "release.json").read_text())
        return found

    def serving(self) -> dict[str, Any]:
        """Return all that decides what a visitor gets, now and after a reboot, and what a release leaves behind."""
        names = [self.paths.release_ids(), sorted(os.listdir(self.paths.settings / "releases"))]
        tree = {
            str(path.relative_to(self.folder)): os.readlink(path) if path.is_symlink() else path.read_bytes()
            for place in (self.paths.releases, self.paths.settings, self.wants, self.units)
            for path in sorted(place.rglob("*"))
            if path.is_symlink() or path.is_file()
        }
        return {"current": self.current, "running": set(self.running), "names": names, "tree": tree}

    def tree(self) -> dict[str, tuple[int, bytes]]:
        """Return mode and contents of everything that the engine could change; who had the lock last, and when, is none of it."""
        found = {}
        for place in ("srv", "etc", "wants"):
            for path in [self.folder / place, *sorted((self.folder / place).rglob("*"))]:
                if os.path.lexists(path):
                    status = path.lstat()
                    kept = stat.S_ISREG(status.st_mode) and path.name != ".lock"
                    text = path.read_bytes() if kept else b""
                    found[str(path)] = (status.st_mode, text)
        return found

    # ---- what stands in for the host ------------------------------------------------------------------------------

    def start(self, unit: str) -> None:
        self.event(f"start {self.instance(unit)}")
        self.running.add(self.instance(unit))

    def stop(self, *units: str) -> None:
        self.jobs -= set(units)
        for instance in map(self.instance, units):
            if instance in self.running:
                self.event(f"stop {instance}")
                self.running.discard(instance)
            if self.draining.pop(instance, 0):  # it waits for the end
                self.event(f"ended {instance}")

    def systemctl(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Take in `systemctl stop` and `start`; with `--no-block` they return at once."""
        units = [one for one in arguments[1:] if not one.startswith("--")] if arguments[0] in ("start", "stop") else []
        for instance in map(self.instance, units):
            if arguments[0] == "stop" and instance in self.running:
                self.event(f"stop {instance}")
                self.running.discard(instance)
                if instance in self.slow:
                    self.draining[instance] = 5
            elif arguments[0] == "start":
                self.event(f"start {instance}")
                (self.queued if instance in self.draining else self.running).add(instance)
        return subprocess.CompletedProcess(arguments, 0, "", "")

    def systemd_run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Do what the script of a unit says that is run: `systemctl stop …; systemctl start …`."""
        for command in arguments[-1].split("; "):
            _, what, *units = command.split()
            for unit in units:
                if what == "stop":
                    self.stop(unit)
                elif what == "start" and self.may_start(unit):
                    self.start(unit)
        return subprocess.CompletedProcess(arguments, 0, "", "")

    def may_start(self, unit: str) -> bool:
        """Tell whether the unit's ExecCondition= is met: `current` names its release."""
        return unit.partition("@")[2].removesuffix(".service") == self.current

    def properties(self, unit: str, *names: str) -> dict[str, str]:
        """Tell of a unit; one that drains ends after a few looks at it."""
        instance = self.instance(unit)
        if instance not in self.draining:
            state = "active" if instance in self.running else "inactive"
            return {"ActiveState": state, "NRestarts": str(self.restarts.get(instance, 0))}
        if "TimeoutStopUSec" not in names:
            self.draining[instance] -= 1
            if not self.draining[instance]:
                del self.draining[instance]
                self.event(f"ended {instance}")
                if instance in self.queued:
                    self.queued.discard(instance)
                    self.running.add(instance)
        return {"ActiveState": "deactivating", "TimeoutStopUSec": "40s", "StateChangeTimestampMonotonic": "0"}

    def instances(self, template: str) -> list[str]:
        """Return the instances of a template that run or drain; those of others than web are known by their whole name."""
        names = [one if "@" in one else f"shop@{one}" for one in self.running | set(self.draining)]
        return sorted(name.partition("@")[2] for name in names if fnmatchcase(name.partition("@")[0], template))

    @staticmethod
    def instance(unit: str) -> str:
        return unit.removeprefix("shop@").removesuffix(".service")

    def ask(self, connection: tuple[str, ...], path: str, headers: dict[str, str]) -> tuple[int, str]:
        self.event(f"ask {connection[0]} {path} {headers['Host']} while {self.current or 'nothing'} serves")
        answer = next_of(self.health if connection[0] == "socket" else self.site)
        if isinstance(answer, Exception):
            raise answer
        return answer, ""

    def watch(self, unit: str, previous: str, *_: object) -> SimpleNamespace:
        def look(seconds: float = 0) -> None:
            self.event(f"watch {self.instance(unit)} after {self.instance(previous)} for {seconds:.0f} s")
            if wrong := next_of(self.watched):
                raise ReleaseError(wrong)

        return SimpleNamespace(run=look, look_back=look)

    def backlog(self, socket: Path) -> int:
        self.event(f"backlog {socket}")
        found = next_of(self.waiting)
        assert isinstance(found, int)
        return found

    def ensure(self, spec: environment.EnvironmentSpec) -> SimpleNamespace:
        self.event(f"build {spec.project}")
        python = spec.root / self.environment / "bin/python"
        if not python.exists():
            python.parent.mkdir(parents=True)
            python.symlink_to("/bin/true")
        return SimpleNamespace(
            key=self.environment, notes=[], overridden=self.overridden, packages=self.packages, python_version="3.13.5",
            lock=spec.locked or "flask==3.1.3\n",
        )  # fmt: skip

    def run(self, command: sandbox.Command, argv: list[str], unit: str) -> subprocess.CompletedProcess[str]:
        assert argv[0] == "/usr/bin/env"
        self.jobs.add(unit)
        done = self.answer(command, argv)  # when the deploy is killed in here, the command goes on
        self.jobs.discard(unit)
        return done

    def answer(self, command: sandbox.Command, argv: list[str]) -> subprocess.CompletedProcess[str]:
        self.last_argv = argv
        if argv[2:4] == ["-c", app_command.RUNNER]:
            argv = ["/usr/bin/env", *map(app_command.shown, json.loads(argv[4]))]
        elif argv[2:3] == ["-c"]:
            if argv[3] == migration_run.SCRIPT:
                return self.migrate(command, argv, json.loads(argv[5]))
            self.event("probe")
            answer = next_of(self.probes)
            told = answer if isinstance(answer, str) else probe.MARK + json.dumps(
                {"error": "", "heads": None, "current": None, **answer}
            )  # fmt: skip
            return subprocess.CompletedProcess(argv, 0, told, "Traceback: …")
        line = " ".join(argv[1:])
        if line.startswith("python -I -S -m compileall"):
            return subprocess.CompletedProcess(argv, 0, "", "")
        self.event(f"run {line}")
        self.last_command = command
        status, output = self.commands.get(line, (0, ""))
        return subprocess.CompletedProcess(argv, status, output, "")

    def migrate(
        self, command: sandbox.Command, argv: list[str], ask: dict[str, Any]
    ) -> subprocess.CompletedProcess[str]:
        """Run a migration as `migration_run.SCRIPT` does; the next probe tells where the database is afterwards."""
        self.migration = {"ask": ask, "environment": "".join(file.read_text() for file in command.more_files)}
        line = "the import" if ask["argv"][:2] == ["python", "-c"] else " ".join(ask["argv"])
        self.event(f"run {line}")
        self.last_command = command
        status, output = self.commands.get(line, (0, ""))
        after = next_of(self.probes)
        assert isinstance(after, dict)
        told = {
            "ran": True, "status": status, "failed": "command" if status else "", "before": ask["expected"],
            "after": after.get("current"), "waited": 0, "holders": [], **self.ran,
        }  # fmt: skip
        if ask["argv"][:2] == ["python", "-c"]:  # the import of an app that writes then
            output += f"\n{probe.MARK}{json.dumps({'error': '', **after})}"
        answer = f"{output}\n{migration_run.MARK}{json.dumps(told)}\n"
        return subprocess.CompletedProcess(argv, told["status"], answer, "")


def next_of(answers: list[Any]) -> Any:
    """Return the first of ANSWERS and drop it; the last one stays."""
    return answers.pop(0) if len(answers) > 1 else answers[0]


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeHost:
    """A host with the service of the app `shop` set up, and nothing deployed."""
    fake = FakeHost(tmp_path)
    account = {"getpwnam": lambda _: SimpleNamespace(pw_uid=UID)}
    monkeypatch.setattr(release_run, "pwd", SimpleNamespace(**account))
    monkeypatch.setattr(release_run, "grp", SimpleNamespace(getgrnam=lambda _: SimpleNamespace(gr_gid=UID)))
    skip_waiting(monkeypatch, base, drain, draining, patience, release_run, traffic, web, worker)
    monkeypatch.setattr(look_web, "RUN", fake.memory)
    monkeypatch.setattr(worker, "STARTS", fake.memory / "starts")
    monkeypatch.setattr(fate, "told_of", lambda unit, run: fake.instance(unit) in fake.starved)
    monkeypatch.setattr(journal, "SOCKET", tmp_path / "no journal")
    monkeypatch.setattr(lease, "FOLDER", tmp_path / "run")
    monkeypatch.setattr(boot, "FOLDER", tmp_path / "tmpfiles.d")
    monkeypatch.setattr(git_unit, "place_of", git_unit.Place)  # git as it is, with its mirror in the folder of the app
    monkeypatch.setattr(leftovers, "PAYLOADS", tmp_path / "tmp")
    monkeypatch.setattr(leftovers, "TRANSFERS", tmp_path / "transfers")
    monkeypatch.setattr(process_watch, "Watch", fake.watch)
    monkeypatch.setattr(environment, "ensure", fake.ensure)
    parts: dict[str, Any] = {
        "UNITS": fake.units, "WANTS": fake.wants, "start": fake.start, "stop": fake.stop,
        "is_active": lambda unit: fake.instance(unit) in fake.running,
        "instances": fake.instances,
        "systemctl": fake.systemctl, "properties": fake.properties, "run": fake.systemd_run, "version": lambda: 257,
        "journal": lambda unit, lines=25: fake.journal,
    }  # fmt: skip
    for name, part in parts.items():
        monkeypatch.setattr(systemd, name, part)
    requests: dict[str, Any] = {
        "ask": fake.ask,
        "SocketConnection": lambda path, timeout: ("socket", path),
        "LocalTLSConnection": lambda *address: ("site", *address),
    }  # fmt: skip
    for name, part in requests.items():
        monkeypatch.setattr(host_http, name, part)
    monkeypatch.setattr(unix_sockets, "backlog", fake.backlog)
    monkeypatch.setattr(unix_sockets, "connected", lambda path: fake.slow.get(path.parent.name, 0))
    monkeypatch.setattr(links, "replace_link", watched(fake, links.replace_link))
    monkeypatch.setattr(sandbox.Command, "run", lambda command, argv, unit: fake.run(command, argv, unit))
    # The app's user, who does not exist here, may not enter pytest's own folder.
    monkeypatch.setattr(release_context.Context, "as_app", lambda _: nullcontext())
    if not ROOT:  # only root gives files away
        monkeypatch.setattr(os, "chown", lambda *_, **__: None)
        monkeypatch.setattr(os, "fchown", lambda *_, **__: None)
    return fake


def watched(fake: FakeHost, replace_link: Callable[[Path, str], None]) -> Callable[[Path, str], None]:
    """Return REPLACE_LINK with an event before and after `current` is replaced."""

    def replace(link: Path, target: str) -> None:
        if link != fake.paths.current:
            return replace_link(link, target)
        fake.event(f"before switch to {Path(target).name}")
        replace_link(link, target)
        fake.event(f"switched to {Path(target).name}")
        return None

    return replace
