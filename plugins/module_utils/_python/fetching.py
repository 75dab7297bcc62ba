# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""PRIVATE to the collection. One Python interpreter: what it is, and how uv fetches it.

Those come from python-build-standalone through uv, which knows the SHA-256 of each; all apps share them below
/opt/slipway/python. They are root's, and readable by all.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._python import uv as tools
from ansible_collections.slipway.flask.plugins.module_utils._python import versions as versions

FETCHED = Path("/opt/slipway/python")
WHOLE = "slipway.json"
LOCK_SECONDS = 1800
PROBE = (
    "import json, platform, sys, sysconfig;"
    "print(json.dumps([platform.python_version(), str(sysconfig.get_config_var('SOABI')), sys.version_info[:3]]))"
)


@dataclass(frozen=True)
class Interpreter:
    """A Python on the host: `path` without symbolic links, full `version`, and the ABI that binary packages need.

    note: why it is not the distribution's, "" when it is or when somebody chose it. An empty path: it would be fetched.
    """

    path: str
    version: str
    abi: str
    note: str = field(default="", compare=False)

    def numbers(self) -> versions.Version:
        """Return its version for comparison."""
        return versions.numbers(self.version)


def probe(path: str) -> Interpreter:
    """Return what the Python at `path` is. Raise EnvironmentError_ when it doesn't work or is too old."""
    path = os.path.realpath(path)
    try:
        answer = subprocess.run([path, "-I", "-c", PROBE], capture_output=True, text=True, check=True)
        version, abi, numbers = json.loads(answer.stdout)
    except (OSError, ValueError, subprocess.CalledProcessError) as error:
        raise tools.EnvironmentError_(f"{path} is not a working Python: {error}") from error
    if tuple(numbers) < versions.OLDEST:
        raise tools.EnvironmentError_(f"{path} is Python {version}; Slipway needs 3.9 or later")
    return Interpreter(path, version, abi)


@dataclass(frozen=True)
class Fetching:
    """How uv fetches interpreters: `mirror` and `list_url` are "" for the public ones, and may hold a user and password."""

    uv: str = "/opt/slipway/bin/uv"
    allowed: bool = True
    mirror: str = ""
    list_url: str = ""
    index: tools.Index = field(default_factory=tools.Index)
    folder: Path = FETCHED

    def run(self, *arguments: str, doing: str) -> str:
        """Run `uv python` where no project's settings are; return what it prints, or raise EnvironmentError_."""
        variables = self.index.variables() | {
            "UV_PYTHON_INSTALL_DIR": str(self.folder), "UV_PYTHON_DOWNLOADS": "manual", "UV_COMPILE_BYTECODE": "true",
            "UV_NO_CONFIG": "true", "UV_NO_CACHE": "true", "UV_NO_PROGRESS": "true", "NO_COLOR": "1",
        }  # fmt: skip
        if self.mirror:
            variables["UV_PYTHON_INSTALL_MIRROR"] = self.mirror
        if self.list_url:
            variables["UV_PYTHON_DOWNLOADS_JSON_URL"] = self.list_url
        return tools.run([self.uv, "python", *arguments], doing, cwd=Path("/"), variables=variables)

    def known(self) -> dict[versions.Version, str]:
        """Return version -> uv's name of every CPython that uv can fetch for this host; raise EnvironmentError_."""
        said = self.run(
            "list", "--only-downloads", "--all-versions", "--output-format", "json", doing="asking uv for interpreters"
        )
        try:
            return {
                versions.numbers(one["version"]): one["key"]
                for one in json.loads(said)
                if (one["implementation"], one["variant"]) == ("cpython", "default")
                and re.fullmatch(r"\d+\.\d+\.\d+", one["version"])
            }
        except (ValueError, KeyError, TypeError) as error:
            raise tools.EnvironmentError_(f"uv's list of interpreters can't be read: {error}") from error

    def place(self, key: str, version: versions.Version) -> Path:
        """Return where the interpreter of that name is, or would be."""
        return self.folder / key / "bin" / "python{}.{}".format(*version)

    def whole(self, path: Path) -> bool:
        """Return whether an interpreter is complete: a fetch that was killed leaves one that isn't."""
        return (path.parents[1] / WHOLE).is_file() and os.access(path, os.X_OK)

    def fetched(self) -> list[Path]:
        """Return the interpreters that are there and complete."""
        return [path for path in self.folder.glob("cpython-*/bin/python3.*") if self._named(path) and self.whole(path)]

    @staticmethod
    def _named(path: Path) -> bool:
        return not path.parents[1].is_symlink() and re.fullmatch(r"python3\.\d+", path.name) is not None

    def fetch(self, key: str, version: versions.Version) -> Path:
        """Return the interpreter of that name, fetched unless it is there; raise EnvironmentError_."""
        path, name = self.place(key, version), ".".join(map(str, version))
        if self.whole(path):
            return path
        self.folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        with held(self.folder / ".slipway.lock", "an interpreter is being fetched"):
            if not self.whole(path):
                # uv would make its lock writable for everybody.
                os.close(os.open(self.folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
                self.run("install", "--no-bin", "--reinstall", name, doing=f"fetching Python {name}")
                if not os.access(path, os.X_OK):
                    raise tools.EnvironmentError_(f"fetching Python {name} failed: uv did not create {path}")
                probe(str(path))
                (path.parents[1] / WHOLE).write_text(json.dumps({"version": name}) + "\n", encoding="utf-8")
                (path.parents[1] / WHOLE).chmod(0o644)
                tools.sync(self.folder)
        return path


@contextmanager
def held(lock: Path, what: str) -> Iterator[int]:
    """Hold a lock file; yield its descriptor. Raise EnvironmentError_ that says `what` goes on when it takes too long."""
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        deadline = time.monotonic() + LOCK_SECONDS
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise tools.EnvironmentError_(
                        f"{what} for {LOCK_SECONDS // 60} minutes; see `ps -ef | grep uv`"
                    ) from None
                time.sleep(0.1)
        yield descriptor
    finally:
        os.close(descriptor)
