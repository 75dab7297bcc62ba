# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""PRIVATE to the collection. Putting a pinned, hash-verified uv on a host that has neither pip nor curl.

Debian's and Ubuntu's package `python3-pip-whl` has pip's wheel, and a wheel of pure Python can be run where it lies.
Each version gets a folder of its own; one symbolic link, replaced atomically, says which is used.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._python import uv as tools

WHEELS = Path("/usr/share/python-wheels")


@dataclass(frozen=True)
class Installed:
    """The uv that a link leads to: its version, its file, and whether this call changed anything."""

    changed: bool
    version: str
    before: str
    path: Path


def current(link: Path) -> str:
    """Return the version that `link` leads to, "" when it leads to none of ours."""
    try:
        target = Path(os.path.realpath(link, strict=True))
    except OSError:
        return ""
    return version_of(target) if os.access(target, os.X_OK) else ""


def version_of(file: Path) -> str:
    """Return the version of uv that FILE is, "" when it is none of ours."""
    found = re.fullmatch(r"uv-(\d[\w.]*)", file.parent.parent.name)
    return found.group(1) if found else ""


def install(version: str, hashes: list[str], link: Path, index: tools.Index, *, check: bool = False) -> Installed:
    """Make `link` (…/bin/uv) lead to uv `version`, installed beside bin/ from a wheel that has one of `hashes`.

    Raises EnvironmentError_ with pip's own last lines; what was there stays in use then.
    """
    base = link.parent.parent
    folder = base / f"uv-{version}"
    before = current(link)
    if before == version:
        return Installed(False, version, before, link)
    if not check:
        try:
            if not os.access(folder / "bin/uv", os.X_OK):
                fetch(version, hashes, folder, index)
            point(link, folder / "bin/uv")
            for old in base.glob("uv-*"):
                if old != folder:
                    shutil.rmtree(old)
        except OSError as error:
            raise tools.EnvironmentError_(f"uv {version} can't be put into {base}: {error}") from error
    return Installed(True, version, before, link)


def fetch(version: str, hashes: list[str], folder: Path, index: tools.Index) -> None:
    """Download uv's wheel with pip, which refuses another hash, and put its files into `folder` in one step."""
    pip = next(iter(sorted(WHEELS.glob("pip-*.whl"))), None)
    if pip is None:
        raise tools.EnvironmentError_(
            f"there is no wheel of pip in {WHEELS}; install python3-pip-whl (it is in python_venv_packages by default)"
        )
    folder.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".uv-", dir=folder.parent) as work:
        wanted = Path(work) / "requirements.txt"
        wanted.write_text(f"uv=={version} " + " ".join(f"--hash={known}" for known in hashes) + "\n", encoding="utf-8")
        tools.run(
            ["/usr/bin/python3", "-m", "pip", "install", "--quiet", "--no-input", "--no-cache-dir", "--no-compile",
             "--disable-pip-version-check", "--root-user-action", "ignore", "--only-binary", ":all:", "--no-deps",
             "--require-hashes", "--target", f"{work}/files", "--requirement", str(wanted)],
            f"installing uv {version}", cwd=Path(work), variables=index.variables() | {"PYTHONPATH": str(pip)},
        )  # fmt: skip
        new = Path(work) / "files"
        if not os.access(new / "bin/uv", os.X_OK):
            raise tools.EnvironmentError_(f"uv {version} has no bin/uv")
        new.chmod(0o755)
        tools.sync(new)
        shutil.rmtree(folder, ignore_errors=True)
        new.rename(folder)


def point(link: Path, target: Path) -> None:
    """Make `link` lead to `target`, by a relative path, in one atomic step."""
    link.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    new = link.with_name(f".{link.name}.{os.getpid()}")
    new.unlink(missing_ok=True)
    new.symlink_to(os.path.relpath(target, link.parent.resolve()))
    new.replace(link)
