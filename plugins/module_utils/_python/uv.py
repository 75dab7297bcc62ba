# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""PRIVATE to the collection. Running uv, with errors that a user can act on."""

from __future__ import annotations

import configparser
import ctypes
import os
import re
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

TAIL_LINES = 25
CACHE = Path("/var/cache/slipway/uv")
PIP_SETTINGS = Path("/etc/pip.conf")
UV_SETTINGS = Path("/etc/uv/uv.toml")
UV_INDEXES = ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INDEX", "UV_EXTRA_INDEX_URL")
# Variables of whoever runs this that would point uv or Python at another environment.
FOREIGN = (
    "VIRTUAL_ENV",
    "CONDA_PREFIX",
    "PYTHONPATH",
    "PYTHONHOME",
    "UV_PROJECT_ENVIRONMENT",
    "UV_PYTHON",
    "UV_TARGET",
)


class EnvironmentError_(RuntimeError):  # noqa: N818 - the plain name is a builtin
    """An environment that can't be had; the message is ready for the user and shows no secret."""


@dataclass(frozen=True)
class Index:
    """Where packages come from ("" and () = the host's own configuration); URLs may hold a user and password."""

    url: str = ""
    extra: tuple[str, ...] = ()
    ca_bundle: str = ""

    def variables(self) -> dict[str, str]:
        """Return the environment variables that tell uv and pip: never argv, which every user of a host can read."""
        found = {"UV_SYSTEM_CERTS": "true"}
        if self.ca_bundle and Path(self.ca_bundle).is_file():
            found |= dict.fromkeys(("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE"), self.ca_bundle)
        if self.url:
            found |= {"UV_DEFAULT_INDEX": self.url, "PIP_INDEX_URL": self.url}
        if self.extra:
            found |= {"UV_INDEX": " ".join(self.extra), "PIP_EXTRA_INDEX_URL": " ".join(self.extra)}
        if not self.url and not self.extra and not UV_SETTINGS.is_file() and not any(map(os.environ.get, UV_INDEXES)):
            found |= pip_settings()
        return found


def pip_settings(path: Path = PIP_SETTINGS) -> dict[str, str]:
    """Return the host's pip indexes as variables for uv, which doesn't read pip's files; {} when there are none."""
    settings = configparser.RawConfigParser()
    try:
        settings.read(path, encoding="utf-8")
    except (configparser.Error, OSError, UnicodeDecodeError):
        return {}
    names = {"UV_DEFAULT_INDEX": "index-url", "UV_INDEX": "extra-index-url"}
    values = {ours: settings.get("global", name, fallback="").split() for ours, name in names.items()}
    return {name: " ".join(value) for name, value in values.items() if value}


def masked(text: str, by: str = "***@") -> str:
    """Return `text` with the user and password of every URL replaced."""
    return re.sub(r"(?<=://)[^/\s\"'<>]+@", by, text)


def tail(text: str, lines: int = TAIL_LINES) -> str:
    """Return the last `lines` lines without colours and empty lines at the ends, masked."""
    plain = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", text).strip("\n")
    return masked("\n".join(plain.splitlines()[-lines:]))


def told(doing: str, output: str, status: int) -> str:
    """Return what to say of a tool that failed: first the cause and what to do about it, then its last lines."""
    from ansible_collections.slipway.flask.plugins.module_utils._python import hints

    last = tail(output) or f"exit status {status}"
    explained = masked(hints.explained(output))
    return f"{doing} failed: {explained}\nIts last lines:\n{last}" if explained else f"{doing} failed:\n{last}"


def surroundings(extra: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for a tool: ours without what belongs to another virtual environment, plus `extra`."""
    return {name: value for name, value in os.environ.items() if name not in FOREIGN} | dict(extra)


def run(
    command: Sequence[str], doing: str, *, cwd: Path, variables: Mapping[str, str], keep: Iterable[int] = (),
    check: bool = True,
) -> str:  # fmt: skip
    """Run a tool as whoever we are, at low priority, and return its standard output.

    For root that is no place for anything that could run a package's code: `_build_sandbox` has one.
    keep: file descriptors (locks) that it inherits, so that a lock outlives us for as long as the tool runs.
    Raises EnvironmentError_ with the tool's own last lines; not CHECK: whatever its exit status is, it is good.
    """
    try:
        done = subprocess.run(
            ["nice", "-n", "5", *command],
            cwd=cwd, env=surroundings(variables), pass_fds=tuple(keep), umask=0o022, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, errors="replace", check=False,
        )  # fmt: skip
    except OSError as error:
        raise EnvironmentError_(f"{doing} failed: {error}") from error
    return checked(done, doing, check)


def checked(done: subprocess.CompletedProcess[str], doing: str, check: bool = True) -> str:
    """Return what a tool printed; raise EnvironmentError_ with its last lines when it failed, unless not CHECK."""
    if check and done.returncode:
        output = "\n".join(part.strip("\n") for part in (done.stdout, done.stderr) if part.strip())
        raise EnvironmentError_(told(doing, output, done.returncode))
    return done.stdout


@dataclass(frozen=True)
class Uv:
    """One uv with the settings that are the same for all of its calls."""

    path: str
    index: Index
    cache: Path = CACHE
    log: Callable[[str], None] | None = None

    def variables(self, beside: Path) -> dict[str, str]:
        """Return uv's environment; links instead of copies only when the cache is on the file system of `beside`."""
        same = os.stat(self.cache).st_dev == os.stat(beside).st_dev
        return (
            self.index.variables()
            | {
                "UV_CACHE_DIR": str(self.cache),
                "UV_PYTHON_DOWNLOADS": "never",
                "UV_PYTHON_PREFERENCE": "only-system",
                "UV_COMPILE_BYTECODE": "false",  # it starts the environment's Python, and that runs what is in its .pth files
                "UV_LINK_MODE": "hardlink" if same else "copy",
                "UV_NO_PROGRESS": "true",
                "NO_COLOR": "1",
            }
        )


def sync(folder: Path) -> None:
    """Put the file system of `folder` on the disk: after a power cut a name must not stand for empty files."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if ctypes.CDLL(None, use_errno=True).syncfs(descriptor):
            raise OSError(ctypes.get_errno(), f"{folder} can't be written to the disk")
    finally:
        os.close(descriptor)
