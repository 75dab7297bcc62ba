# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Modules that an earlier run has packed, for as long as neither the collection nor Ansible changes.

Ansible packs each module once a run: it reads and compiles all that the module imports, a tenth of a second of the processor
or more each. What comes of it depends on the code alone, so it is kept from one run to the next, in
`~/.ansible/slipway/modules/<key of the code>`. A module is Python that hosts run as root: only a folder that nobody else can
write to is used, and each file is named after its contents, so that one that was cut off is told by its name.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from ansible import constants, module_utils
from ansible.plugins.loader import module_utils_loader
from ansible.release import __version__

PLUGINS = Path(__file__).parents[2]
OURS = "ansible_collections.slipway.flask.plugins.modules."
"""How Ansible begins the name of a packed module of the collection."""
KEPT_KEYS = 3
"""How many versions of the code are kept: a project that was updated, another one, and the one in use."""
DIGEST = 32
MARK = ".slipway"
"""In the run's folder: it has got what there was, from the folder that this file names."""


def bring() -> None:
    """Give this run what an earlier one has packed, once, however many of its processes ask."""
    run = _run()
    with suppress(OSError):
        if (run / MARK).exists():
            return
        run.mkdir(parents=True, exist_ok=True)
        kept = _kept()
        for file in _whole(kept) if kept else ():
            _copy(file, run / file.name[DIGEST + 1 :])
        (run / MARK).write_text(str(kept or ""))


def keep() -> None:
    """Keep what this run has packed for the next ones. Without room or rights for that, they pack it themselves."""
    with suppress(OSError):
        run = _run()
        if not (place := (run / MARK).read_text()):
            return
        kept = Path(place)
        there = {file.name[DIGEST + 1 :] for file in kept.iterdir()}
        new = [file for file in run.glob(f"{OURS}*") if file.name not in there and file.suffix != ".lock"]
        for file in new:
            if not file.name.endswith("-part"):  # Ansible still writes it
                _copy(file, kept / f"{_digest(file)}-{file.name}")
        if new:
            for old in sorted(kept.parent.iterdir(), key=lambda folder: folder.stat().st_mtime)[:-KEPT_KEYS]:
                shutil.rmtree(old, ignore_errors=True)


def _run() -> Path:
    """Return the folder in which Ansible looks for what this run has packed."""
    return Path(constants.DEFAULT_LOCAL_TMP) / "ansiballz_cache"


def _kept() -> Path | None:
    """Return the folder for the code that is in use, or None if there can be none."""
    own = {path for path in module_utils_loader._get_paths(subdirs=False) if Path(path).is_dir()}
    if own - set(module_utils.__path__):
        return None  # somebody's module_utils can stand in for Ansible's
    top = Path(constants.ANSIBLE_HOME) / "slipway" / "modules"
    folder = top / _key()
    top.parent.mkdir(parents=True, exist_ok=True)
    for one in (top, folder):
        one.mkdir(mode=0o700, exist_ok=True)
        if not _ours_alone(one):
            return None
    os.utime(folder)  # the ones that were in use last stay
    return folder


def _ours_alone(folder: Path) -> bool:
    found = folder.lstat()
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o022


def _key() -> str:
    """Return the name of all that a packed module can consist of."""
    around = f"{__version__}\0{sys.version}\0{constants.DEFAULT_MODULE_COMPRESSION}"
    return hashlib.sha256(f"{code('modules/*.py')}\0{around}".encode()).hexdigest()[:DIGEST]


def code(modules: str) -> str:
    """Return the digest of all that the collection's MODULES, a pattern of files, can consist of."""
    found = hashlib.sha256()
    for file in sorted([*PLUGINS.glob("module_utils/**/*.py"), *PLUGINS.glob(modules)]):
        found.update(f"{file.relative_to(PLUGINS)}\0".encode() + file.read_bytes() + b"\0")
    return found.hexdigest()


def _whole(kept: Path) -> Iterator[Path]:
    """Yield the files of KEPT that are what their names say; the others are removed."""
    for file in kept.iterdir():
        if file.name.startswith("."):
            continue  # another run still writes it
        if file.name[:DIGEST] == _digest(file):
            yield file
        else:
            file.unlink(missing_ok=True)


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:DIGEST]


def _copy(file: Path, place: Path) -> None:
    """Copy FILE to PLACE, where it is whole or not at all."""
    partial = place.with_name(f".{os.getpid()}-{place.name}")
    try:
        shutil.copyfile(file, partial)
        partial.rename(place)
    except OSError:
        partial.unlink(missing_ok=True)
        raise
