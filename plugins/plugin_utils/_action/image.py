# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What the controller does for an image: when its commit was made, the context as one file, and what is said in the end.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._source.revision import WHOLE
from ansible_collections.slipway.flask.plugins.plugin_utils._source import description


class ImageError(RuntimeError):
    """There will be no image; the message is for the user."""


def committed(app: Mapping[str, Any], base: Path, revision: str) -> int:
    """Return when the commit REVISION was made of which APP's folder here is a copy, 0 where nobody knows."""
    path = app["source"]["path"]
    if not path or not WHOLE.fullmatch(revision):
        return 0
    command = ["git", "-C", str(description.place_of(path, base)), "show", "--no-patch", "--format=%ct", revision]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return 0
    told = done.stdout.strip()
    return int(told) if done.returncode == 0 and re.fullmatch(r"\d{1,11}", told) else 0


def pack(folder: Path, to: Path) -> None:
    """Write FOLDER to the tar TO: owners, order and times are the same for the same contents."""

    def plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
        entry.uid = entry.gid = 0
        entry.uname = entry.gname = ""
        entry.mtime = 0
        return entry

    with tarfile.open(to, "w:gz", compresslevel=1) as tar:
        for path in sorted(folder.iterdir()):
            tar.add(path, path.name, filter=plain)


def said(built: Mapping[str, Any]) -> str:
    """Return what is told of an image that was BUILT."""
    lines = [
        f"{built['app']}: {built['reference']}  {megabytes(built['bytes'])}, built in {built['seconds']:.0f} s",
        f"  id      {built['id']}",
    ]
    if built.get("digest"):
        lines.append(f"  digest  {built['digest']} (in the registry)")
    if built.get("file"):
        lines.append(f"  file    {built['file']}")
    if built.get("note"):
        lines.append(f"  note    {built['note']}")
    return "\n".join(lines)


def megabytes(size: int) -> str:
    """Return octets as a person reads them."""
    return f"{size / 1e6:.0f} MB"
