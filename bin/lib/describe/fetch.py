# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A source that is not a folder here: a git repository that is cloned, a package whose wheel is unpacked. Nothing of it runs."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from pathlib import Path
from urllib.parse import urlsplit

from ansible_collections.slipway.flask.plugins.module_utils._source import git as source_git
from ansible_collections.slipway.flask.plugins.module_utils._source import urls

URL = re.compile(r"(https?|ssh|git|file)://.+|[\w.-]+@[\w.-]+:.+")
PACKAGE = re.compile(r"([A-Za-z0-9][\w.-]*)==([\w.!+-]+)")
SECONDS = 300
UNPACKED = 500_000_000
"""Most bytes of a wheel's files."""


class FetchError(RuntimeError):
    """The source can't be had; the message is for the user."""


def git(url: str, to: Path) -> None:
    """Clone a repository without its history, its hooks, its submodules and what Git LFS keeps elsewhere."""
    command = ["git", "clone", "--quiet", "--depth", "1", "--", urls.split(url)[0], str(to)]
    quiet = source_git.environment(url, {"advice.detachedHead": "false"})
    quiet |= {"GIT_LFS_SKIP_SMUDGE": "1", "GIT_CONFIG_NOSYSTEM": "1"}
    try:
        done = subprocess.run(command, env=quiet, capture_output=True, text=True, check=False, timeout=SECONDS)
    except FileNotFoundError:
        raise FetchError("git is not installed here; clone the repository elsewhere and give the folder") from None
    except subprocess.TimeoutExpired:
        raise FetchError(f"the repository did not come within {SECONDS} s") from None
    if done.returncode:
        raise FetchError(f"git could not clone {shown(url)}: {gits_reason(done.stderr).replace(url, shown(url))}")


def shown(url: str) -> str:
    """Return a URL without its password, a web address without its user, too: a token may stand for either."""
    parts = urlsplit(url) if "://" in url else None
    hidden = url if parts is None or parts.password is None else url.replace(f":{parts.password}@", ":***@", 1)
    return urls.without_credentials(hidden)


def has_password(url: str) -> bool:
    return shown(url) != url


def package(wanted: str, to: Path) -> list[str]:
    """Unpack the wheel of NAME==VERSION and return what it requires; an archive of sources would have to be built."""
    if not PACKAGE.fullmatch(wanted):
        raise FetchError(f"'{wanted}' must be NAME==VERSION, as in ihatemoney==7.2")
    (to / "wheel").mkdir(parents=True)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-input",
               "--only-binary", ":all:", "--dest", str(to / "wheel"), wanted]  # fmt: skip
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        raise FetchError(f"the package did not come within {SECONDS} s") from None
    wheels = list((to / "wheel").glob("*.whl"))
    if done.returncode or not wheels:
        raise FetchError(
            f"{wanted} has no wheel for this Python on the index ({last_line(done.stderr)}); unpack its source archive and "
            "give the folder"
        )
    unpack(wheels[0], to / "source")
    return requires(to / "source")


def unpack(wheel: Path, to: Path) -> None:
    """Unpack an archive whose members all lie in it (zipfile drops `..` and absolute names)."""
    with zipfile.ZipFile(wheel) as archive:
        if sum(member.file_size for member in archive.infolist()) > UNPACKED:
            raise FetchError(f"{wheel.name} holds more than {UNPACKED // 10**6} MB")
        archive.extractall(to)


def requires(source: Path) -> list[str]:
    """Return the requirement lines of an unpacked wheel's metadata."""
    for path in source.glob("*.dist-info/METADATA"):
        head = path.read_text(encoding="utf-8", errors="replace").partition("\n\n")[0]
        return re.findall(r"^Requires-Dist: (.+)$", head, re.MULTILINE)
    return []


def gits_reason(text: str) -> str:
    """Return the line of git's that says why; over SSH, git's own are about access rights, and ssh's line is before them."""
    text = text.partition("\nPlease make sure you have the correct access rights")[0].strip()
    return last_line(text.removesuffix("fatal: Could not read from remote repository.").strip() or text)


def last_line(text: str) -> str:
    """Return the last line that says something."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:200] if lines else "no reason was given"
