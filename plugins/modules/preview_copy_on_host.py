#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The host's half of slipway.flask.preview_copy."""

from __future__ import annotations

DOCUMENTATION = r"""
module: preview_copy_on_host
short_description: The host's half of slipway.flask.preview_copy
version_added: 0.4.0
author: Slipway contributors (@slipway)
extends_documentation_fragment:
  - slipway.flask.task
"""

EXAMPLES = r"""
[]
"""

RETURN = r"""
{}
"""

import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._app import previews
from ansible_collections.slipway.flask.plugins.module_utils._app.places import ReleaseError
from ansible_collections.slipway.flask.plugins.module_utils._app.previews import Preview
from ansible_collections.slipway.flask.plugins.module_utils._backup.error import BackupError
from ansible_collections.slipway.flask.plugins.module_utils._host.task import begin
from ansible_collections.slipway.flask.plugins.module_utils._postgres.names import PostgresError, find_cluster
from ansible_collections.slipway.flask.plugins.module_utils._release.record import Paths
from ansible_collections.slipway.flask.plugins.module_utils._restore.preview_copy import PreviewCopy

ARGUMENTS: dict[str, Any] = {
    **{name: {"type": "str", "required": True} for name in ("app", "preview", "wsgi", "variable")},
    **{name: {"type": "path", "required": True} for name in ("root", "settings")},
    "words": {"type": "str", "required": True},
    "environment": {"type": "str", "required": True, "no_log": True},
    "folders": {"type": "list", "elements": "path", "default": []},
    "files": {"type": "list", "elements": "str", "default": []},
    "fresh": {"type": "bool", "default": False},
    "cluster": {"type": "str", "default": ""},
}


def run(asked: dict[str, Any], check: bool) -> dict[str, Any]:
    """Make the copy if there is to be one, and return the answer. Raises BackupError."""
    preview = previews.read(asked["preview"])
    if preview is None:
        if check:
            return {"changed": True}
        raise BackupError("the preview is not noted on this host: run preview.yml again")
    if (preview.copied and not asked["fresh"]) or check:
        return {"changed": not preview.copied or asked["fresh"], "copied": preview.copied}
    try:
        cluster = find_cluster(asked["cluster"])
    except PostgresError as error:
        raise BackupError(str(error)) from None
    if cluster is None or not cluster.online:
        raise BackupError("PostgreSQL does not run on this host: run site.yml first")
    make_way()
    copy = PreviewCopy(
        Paths(asked["app"], Path(asked["root"]), Path(asked["settings"])), asked["preview"], json.loads(asked["words"]),
        asked["wsgi"], asked["variable"], json.loads(asked["environment"]), asked["folders"],
        asked["files"],
    )  # fmt: skip
    notes = copy.make(cluster, lambda: give_up(preview))
    preview.copied = previews.moment(time.time())
    preview.write()
    return {"changed": True, "copied": preview.copied, "notes": notes}


def make_way() -> None:
    """Let all else on the host go first."""
    os.nice(15)
    subprocess.run(["ionice", "--class", "idle", "--pid", str(os.getpid())], capture_output=True, check=False)


def give_up(preview: Preview) -> None:
    """Note that the preview has no whole database from here on, and have the next deploy migrate it, even for the same commit."""
    preview.copied = ""
    preview.write()
    name = preview.name
    paths = Paths(name, Path(f"/srv/{name}"), Path(f"/etc/{name}"))
    record = paths.record(paths.current_id())
    if record:
        record.fingerprint = ""
        record.write(paths.release(record.id) / "release.json")


def main() -> None:
    module, asked = begin(ARGUMENTS)
    try:
        answer = run(asked, module.check_mode)
    except (BackupError, ReleaseError) as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg=f"{error.filename or 'the host'}: {error.strerror}")
    module.exit_json(**answer)


if __name__ == "__main__":
    main()
