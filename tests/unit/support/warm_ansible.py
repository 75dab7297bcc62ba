# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""ansible-playbook as often as tests want it, in a process each, without each of them importing Ansible and its plugins again.

For each configuration there is one process that has imported them, and has run nothing. A run is a fork of it: it has its own
arguments, folder, output and temporary folder, and ends as ansible-playbook does. What is about the process itself (signals, a
terminal) starts the program.
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

import pytest

PLAYBOOK = str(Path(sys.executable).with_name("ansible-playbook"))
OWN = ("PYTEST_CURRENT_TEST", "PWD", "OLDPWD", "_")
"""Variables that make no other configuration."""
BUILTIN = {
    "action": "assert command copy debug fail include_vars normal set_fact shell template validate_argument_spec",
    "callback": "default",
    "connection": "local ssh",
    "inventory": "advanced_host_list auto host_list ini script toml yaml",
    "shell": "sh",
    "strategy": "linear",
}
KEPT = 3
"""Processes at a time: a file of tests needs one or two."""


class Warm:
    """A process in FOLDER with ENVIRONMENT, which decide on the configuration."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, __file__], cwd=folder, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )  # fmt: skip

    def run(self, **asked: Any) -> int:
        """Have it run what is ASKED and return the exit code."""
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def end(self) -> None:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


class Ansible:
    """Runs ansible-playbook; PLACE is a folder for what it prints."""

    def __init__(self, place: Path) -> None:
        self.place, self.warm = place, dict[tuple[str, ...], Warm]()

    def __call__(
        self, *arguments: str | Path, cwd: Path, env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Return what `ansible-playbook ARGUMENTS` printed in the folder CWD, with ENV as its whole environment (this one's)."""
        environment = {name: value for name, value in (env or dict(os.environ)).items() if name not in OWN}
        config = Path(environment.get("ANSIBLE_CONFIG", cwd / "ansible.cfg"))
        read = config.read_text() if config.is_file() else ""
        key = (str(config), read, *(f"{name}={value}" for name, value in sorted(environment.items())))
        warm = self.warm.pop(key, None) or Warm(cwd, environment)
        self.warm[key] = warm  # the last one is the youngest
        while len(self.warm) > KEPT:
            self.warm.pop(next(iter(self.warm))).end()
        argv = [PLAYBOOK, *map(str, arguments)]
        printed = [self.place / "stdout", self.place / "stderr"]
        code = warm.run(argv=argv, cwd=str(cwd), printed=list(map(str, printed)))
        said, complained = (path.read_text(encoding="utf-8") for path in printed)
        return subprocess.CompletedProcess(argv, code, said, complained)

    def end(self) -> None:
        for warm in self.warm.values():
            warm.end()


@pytest.fixture(scope="session")
def ansible_playbook(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ansible]:
    """ansible-playbook, with the signature of `Ansible.__call__`."""
    made = Ansible(tmp_path_factory.mktemp("ansible-playbook"))
    yield made
    made.end()


# ---- the process -------------------------------------------------------------------------------------------------------


def serve() -> None:
    """Run what is asked on standard input, a line each, until its end; answer with the exit code."""
    sys.argv = [PLAYBOOK]
    from ansible.plugins import loader

    load(loader)
    while line := sys.stdin.readline():
        if not (child := os.fork()):
            run(**json.loads(line))
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
    templar = Templar(DataLoader())
    templar.template(
        trust_as_template("{{ [1] | map('string') | list is defined and lookup('env', 'HOME') is defined }}")
    )
    with suppress(KeyError):  # one name is enough for all in the collection to be looked through, where there is one
        loader.filter_loader.get("slipway.flask.apps")
    with suppress(ImportError):
        import_module("ansible_collections.slipway.flask.plugins.plugin_utils._action.kept").key()
    gc.collect()
    gc.freeze()  # so that a fork's collector does not copy what they share


def run(argv: list[str], cwd: str, printed: list[str]) -> NoReturn:
    """Be the ansible-playbook that is asked for."""
    import shutil
    import tempfile

    from ansible import constants
    from ansible.cli import playbook

    atexit._clear()  # a temporary folder that others still use
    os.chdir(cwd)
    null = os.open(os.devnull, os.O_RDONLY)
    files = [os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600) for path in printed]
    for number, descriptor in enumerate([null, *files]):
        os.dup2(descriptor, number)
        os.close(descriptor)
    sys.argv = argv
    own = tempfile.mkdtemp(prefix="ansible-local-", dir=Path(constants.DEFAULT_LOCAL_TMP).parent)
    constants.DEFAULT_LOCAL_TMP = own
    atexit.register(shutil.rmtree, own, ignore_errors=True)
    sys.exit(playbook.main())


if __name__ == "__main__":
    serve()
