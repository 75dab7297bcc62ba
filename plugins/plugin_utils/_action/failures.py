# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Releases that failed in a run that goes on with the other apps, kept on the controller until its last task tells of them.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from ansible import constants


def add(host: str, app: str, text: str) -> None:
    """Remember that the release of APP on HOST failed, with the TEXT that was displayed of it."""
    folder = _folder(host)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    number = len(list(folder.iterdir()))  # one task of a host runs at a time
    (folder / f"{number:04d}.json").write_text(json.dumps({"app": app, "text": text}))


def of(host: str) -> dict[str, str]:
    """Return what failed on HOST: app -> what was displayed of it, in that order."""
    folder = _folder(host)
    files = sorted(folder.iterdir()) if folder.is_dir() else []
    found = [json.loads(file.read_text()) for file in files]
    return {one["app"]: one["text"] for one in found}


def _folder(host: str) -> Path:
    """Return the folder for HOST, in the one that Ansible removes at the end of its run."""
    name = hashlib.sha256(host.encode()).hexdigest()[:16]
    return Path(constants.DEFAULT_LOCAL_TMP) / "slipway" / f"failures-{name}"
