# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""squawk, the linter of PostgreSQL migrations, on a host that has uv: pinned, hash-verified, installed when it is needed.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._python import uv as tools

FOLDER = Path("/opt/slipway")
VERSION = "2.70.0"
# Every wheel of this version, as written by `echo squawk-cli==2.70.0 | uv pip compile --generate-hashes -`.
HASHES = (
    "sha256:1bdaf04df63c21c60171377608875773bfdd326f693d727ab4270c9ce7121e4a",
    "sha256:1c352fd18443d808d8ce48f5d4efa43646e210fc951437f6c3c25e51394f4a8f",
    "sha256:699021805add4ec82274796081c0bc64ea2516ffd48be7690e3a3b6d60211411",
    "sha256:7da1629aee5855f6b12eed127b8dac518d71fcbd120559fd4facfce925967dfe",
    "sha256:a2d10a22cafd400e1eec78d487e662aaff996825788f99418e0c7ba85c749c32",
    "sha256:c6164a083f8bee368fc7c9c1cd7de4704c0775aa75767eefb371c0bd37d3bf08",
    "sha256:e67651bb984b01276752ca685f870b281cf493d5d7bd318607148b657c359b52",
)


def path(folder: Path = FOLDER) -> Path:
    """Return where this version is, or would be."""
    return folder / f"squawk-{VERSION}" / "bin/squawk"


def ensure(uv: tools.Uv, folder: Path = FOLDER) -> Path:
    """Return squawk's path, after installing it beside uv if it is not there; older versions are removed.

    Raises EnvironmentError_ with uv's own last lines.
    """
    there = path(folder)
    if os.access(there, os.X_OK):
        return there
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    uv.cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".squawk-", dir=folder) as work:
        wanted = Path(work) / "requirements.txt"
        wanted.write_text(f"squawk-cli=={VERSION} " + " ".join(f"--hash={known}" for known in HASHES) + "\n")
        tools.run(
            [uv.path, "pip", "install", "--quiet", "--require-hashes", "--only-binary", ":all:", "--no-deps",
             "--python", "/usr/bin/python3", "--target", f"{work}/files", "--requirement", str(wanted)],
            f"installing squawk {VERSION}", cwd=Path(work), variables=uv.variables(Path(work)),
        )  # fmt: skip
        new = Path(work) / "files"
        if not os.access(new / "bin/squawk", os.X_OK):
            raise tools.EnvironmentError_(f"squawk {VERSION} has no bin/squawk")
        new.chmod(0o755)
        tools.sync(new)
        for old in folder.glob("squawk-*"):
            shutil.rmtree(old)
        new.rename(there.parent.parent)
    return there
