# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""ansible-playbook as often as tests want it, in a process each, without each of them importing Ansible and its plugins again.

For each configuration there is one process that has imported them, and has run nothing. A run is a fork of it: it has its own
arguments, folder, output and temporary folder, and ends as ansible-playbook does. What is about the process itself (signals, a
terminal) starts the program.
"""

from __future__ import annotations

import atexit
import hashlib
import json
import marshal
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import CodeType
from typing import Any, NoReturn

import pytest

PLAYBOOK = str(Path(sys.executable).with_name("ansible-playbook"))
OWN = ("PYTEST_CURRENT_TEST", "PWD", "OLDPWD", "_")
"""Variables that make no other configuration."""
BUILTIN = {
    "action": "assert command copy debug fail include_vars normal set_fact shell template validate_argument_spec",
    "callback": "default",
    "inventory": "advanced_host_list auto host_list ini script toml yaml",
    "shell": "sh",
    "strategy": "linear",
}
KEPT = 3
"""Processes at a time: a file of tests needs one or two."""


class Warm:
    """A process in FOLDER with ENVIRONMENT, which decide on the configuration; TEMPLATES is of all such processes."""

    def __init__(self, folder: Path, environment: dict[str, str], templates: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, __file__, str(templates)],
            cwd=folder, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0,
        )  # fmt: skip

    def run(self, seconds: float | None, hung: Callable[[], object], **asked: Any) -> int | None:
        """Have it run what is ASKED and return the exit code; None if it takes longer than SECONDS: after HUNG, it is killed."""
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps(asked).encode() + b"\n")
        child = int(self.process.stdout.readline())
        ended = select.select([self.process.stdout], [], [], seconds)[0]
        if not ended:
            hung()
            os.killpg(child, signal.SIGKILL)
        code = int(self.process.stdout.readline())
        return code if ended else None

    def end(self) -> None:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


class Ansible:
    """Runs ansible-playbook; PLACE is a folder for what it prints."""

    def __init__(self, place: Path) -> None:
        self.place, self.templates, self.lock = place, place / "templates", threading.Lock()
        self.warm: list[tuple[tuple[str, ...], Warm]] = []
        """Those that run nothing; the last one is the youngest."""
        self.templates.mkdir()

    def __call__(
        self,
        *arguments: str | Path,
        cwd: Path,
        env: dict[str, str] | None = None,
        together: bool = False,
        seconds: float | None = None,
        hung: Callable[[], object] = lambda: None,
    ) -> subprocess.CompletedProcess[str]:
        """Return what `ansible-playbook ARGUMENTS` printed in the folder CWD, with ENV as its whole environment (this one's).

        TOGETHER, what it said of errors is among its output, as on a terminal. Raises subprocess.TimeoutExpired when it is killed
        after SECONDS, and what HUNG then does.
        """
        environment = {name: value for name, value in (env or dict(os.environ)).items() if name not in OWN}
        config = Path(environment.get("ANSIBLE_CONFIG", cwd / "ansible.cfg"))
        read = config.read_text() if config.is_file() else ""
        key = (str(config), read, *(f"{name}={value}" for name, value in sorted(environment.items())))
        argv = [PLAYBOOK, *map(str, arguments)]
        with self.lent(key, cwd, environment) as warm, tempfile.TemporaryDirectory(dir=self.place) as place:
            printed = [Path(place, name) for name in (("output",) if together else ("stdout", "stderr"))]
            code = warm.run(seconds, hung, argv=argv, cwd=str(cwd), printed=list(map(str, printed)))
            said = [path.read_text(encoding="utf-8") for path in printed]
        if code is None:
            assert seconds
            raise subprocess.TimeoutExpired(argv, seconds, *said)
        return subprocess.CompletedProcess(argv, code, *said)

    @contextmanager
    def lent(self, key: tuple[str, ...], cwd: Path, environment: dict[str, str]) -> Iterator[Warm]:
        """Lend a process to one run: others, of other threads, have another one at that time."""
        with self.lock:
            idle = next((entry for entry in self.warm if entry[0] == key), None)
            if idle:
                self.warm.remove(idle)
        warm = idle[1] if idle else Warm(cwd, environment, self.templates)
        yield warm
        with self.lock:
            self.warm.append((key, warm))
            while len(self.warm) > KEPT:
                self.warm.pop(0)[1].end()

    def end(self) -> None:
        for _, warm in self.warm:
            warm.end()


@pytest.fixture(scope="session")
def ansible_playbook(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ansible]:
    """ansible-playbook, with the signature of `Ansible.__call__`."""
    made = Ansible(tmp_path_factory.mktemp("ansible-playbook"))
    yield made
    made.end()


# ---- the process -------------------------------------------------------------------------------------------------------


def serve(templates: Path) -> None:
    """Run what is asked on standard input, a line each, until its end; answer with the exit code.

    TEMPLATES is a folder for what is compiled.
    """
    sys.argv = [PLAYBOOK]
    from ansible.plugins import loader

    keep_compiled(templates)
    load(loader)
    while line := sys.stdin.readline():
        if not (child := os.fork()):
            run(**json.loads(line))
        print(child, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def load(loader: Any) -> None:
    """Import what runs import: plugins, as `ansible-playbook` finds them."""
    import gc
    from importlib import import_module

    from ansible import cli
    from ansible.cli import playbook  # noqa: F401
    from ansible.parsing.dataloader import DataLoader
    from ansible.template import Templar, trust_as_template

    loader.init_plugin_loader()
    cli.init_plugin_loader = lambda *_: None
    for kind, names in BUILTIN.items():
        for name in names.split():
            getattr(loader, f"{kind}_loader").get(f"ansible.builtin.{name}", class_only=True)
    for name in ("local", "ssh"):  # as runs ask for them, which gives other classes than the long names
        loader.connection_loader.get(name, class_only=True)
    templar = Templar(DataLoader())
    templar.template(
        trust_as_template("{{ [1] | map('string') | list is defined and lookup('env', 'HOME') is defined }}")
    )
    with suppress(KeyError):  # one name is enough for all in the collection to be looked through, where there is one
        loader.filter_loader.get("slipway.flask.apps")
    flask = "ansible_collections.slipway.flask.plugins"
    with suppress(ImportError):
        for action in import_module(f"{flask}.action").__path__:
            for file in Path(action).glob("[!_]*.py"):  # each task's process would import what its action needs
                loader.action_loader.get(f"slipway.flask.{file.stem}", class_only=True)
        import_module(f"{flask}.plugin_utils._action.kept").key()
        import_module(f"{flask}.module_utils._release.request").description_spec()
    gc.collect()
    gc.freeze()  # so that a fork's collector does not copy what they share


def keep_compiled(folder: Path) -> None:
    """Have what Jinja makes of templates, which is Python's source, compiled once for all forks, into FOLDER.

    Ansible has a process for each task on each host, and each would compile its templates again.
    """
    from jinja2 import Environment

    compiled = Environment._compile

    def read_or_compile(self: Environment, source: str, filename: str) -> CodeType:
        file = folder / hashlib.sha256(f"{filename}\n{source}".encode()).hexdigest()
        with suppress(FileNotFoundError):
            return marshal.loads(file.read_bytes())
        code = compiled(self, source, filename)
        written = file.with_suffix(f".{os.getpid()}")
        written.write_bytes(marshal.dumps(code))
        written.rename(file)
        return code

    Environment._compile = read_or_compile


def run(argv: list[str], cwd: str, printed: list[str]) -> NoReturn:
    """Be the ansible-playbook that is asked for."""
    from ansible import constants
    from ansible.cli import playbook

    atexit._clear()  # a temporary folder that others still use
    os.setsid()
    os.chdir(cwd)
    null = os.open(os.devnull, os.O_RDONLY)
    files = [os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600) for path in printed]
    for number, descriptor in enumerate([null, files[0], files[-1]]):
        os.dup2(descriptor, number)
    for descriptor in (null, *files):
        os.close(descriptor)
    sys.argv = argv
    own = tempfile.mkdtemp(prefix="ansible-local-", dir=Path(constants.DEFAULT_LOCAL_TMP).parent)
    constants.DEFAULT_LOCAL_TMP = own
    atexit.register(shutil.rmtree, own, ignore_errors=True)
    sys.exit(playbook.main())


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
