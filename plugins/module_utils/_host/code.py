# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The code of an action plugin's half on the host, kept there for the next call: it need not be sent and compiled again.

A deploy is a quarter of a megabyte of Python, which is the same from one deploy to the next. So the controller asks with a
module of a few lines first (kept_half), which runs what an earlier call has kept here under the same key: a hash of every file
that it could consist of, so that another version of the collection is other code. Only where there is none, on a new host or
after an upgrade, it is sent as Ansible sends every module, and keeps itself. It is a cache: whoever removes it loses nothing.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import json
import os
import py_compile
import shutil
import stat
import sys
import tempfile
import time
import zipfile
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._host.task import HALF, SUFFIX

FOLDER = Path("/var/cache/slipway/code")
MODULES = "ansible_collections.slipway.flask.plugins.modules"
UNUSED_SECONDS = 30 * 86400
"""After so long, code that was not used goes: it is of a version that nobody has any more."""


def place(half: dict[str, str]) -> Path:
    """Return where the code of HALF is kept for this Python: what is compiled is not for another one."""
    return FOLDER / f"{half['name']}-{half['key']}.{sys.implementation.cache_tag}.zip"


def kept(half: dict[str, str]) -> Path | None:
    """Return the code of HALF, None where there is none. What anybody else could have written is none."""
    file = place(half)
    try:
        for path, is_kind in ((FOLDER, stat.S_ISDIR), (file, stat.S_ISREG)):
            about = path.lstat()
            if about.st_uid != os.geteuid() or about.st_mode & 0o022 or not is_kind(about.st_mode):
                return None
        os.utime(file)
    except OSError:
        return None
    return file


def keep(task: str) -> None:
    """Keep the code that runs, if the TASK says under which name. Where that can't be done, the next call is sent it again."""
    half, payload = json.loads(task).get(HALF), _payload()
    if not half or not payload or kept(half):
        return
    with suppress(OSError, py_compile.PyCompileError, zipfile.BadZipFile):
        FOLDER.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        FOLDER.mkdir(mode=0o700, exist_ok=True)
        _sweep()
        with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
            made = Path(folder) / "code.zip"
            _copy(payload, made, Path(folder))
            made.replace(place(half))


def _payload() -> Path | None:
    """Return the archive in which Ansible has sent this code, None where it came in another way."""
    path = next((parent for parent in Path(__file__).parents if parent.suffix == ".zip"), None)
    return path if path and path.is_file() else None


def _copy(payload: Path, made: Path, folder: Path) -> None:
    """Write what is the collection's in PAYLOAD to MADE, which is on disk then, with all of it compiled; FOLDER is for that."""
    source, compiled = folder / "source.py", folder / "source.pyc"
    with zipfile.ZipFile(payload) as sent, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sent.namelist():
            if name.startswith("ansible_collections/") and name.endswith(".py"):
                source.write_bytes(sent.read(name))
                archive.write(source, name)  # for the lines of a traceback
                py_compile.compile(
                    str(source), str(compiled), f"{name}", doraise=True,
                    invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
                )  # fmt: skip
                archive.write(compiled, f"{name}c")
    with made.open("rb+") as file:  # a file that a power cut has left empty would be taken for the code
        os.fsync(file.fileno())


def _sweep() -> None:
    """Remove what was not used for long, and what a run that was killed has left."""
    for path in FOLDER.iterdir():
        if time.time() - path.lstat().st_mtime > UNUSED_SECONDS:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def run(module: Any, task: str) -> None:
    """Run the half that TASK names from the code that is kept; answer with MODULE that there is none. It does not return."""
    half = json.loads(task)[HALF]
    file = kept(half)
    if file:
        for name in [name for name in sys.modules if name.partition(".")[0] == "ansible_collections"]:
            del sys.modules[name]  # they are of the module that was sent, which has next to nothing
        sys.path.insert(0, str(file))
        try:
            main = import_module(f"{MODULES}.{half['name']}{SUFFIX}").main
        except Exception:
            with suppress(OSError):
                file.unlink()
        else:
            main()
    module.exit_json(changed=False, lacks_code=True)
