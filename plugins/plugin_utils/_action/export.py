# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""An export of one app, from its host to a folder of the controller's, and what a person reads of it on the way.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.slipway.flask.plugins.plugin_utils._action import exchange, on_host
from ansible_collections.slipway.flask.plugins.plugin_utils._target import folders as target_folders

ONE_MOMENT = "  The database is from one point in time, the folders from shortly after."


def asked(app: str, url: str, folders: Mapping[str, str]) -> dict[str, Any]:
    """Return what the host is asked to export of APP: the database at URL ("" for none), FOLDERS by the name people know."""
    return {
        "app": app, "url": url, "stamp": time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()),
        "folders": _by_file(folders),
    }  # fmt: skip


def _by_file(folders: Mapping[str, str]) -> dict[str, str]:
    """Return what FOLDERS are called as files; two whose names become the same (`a-b`, `a/b`) both have one of their own."""
    found: dict[str, str] = {}
    for name, path in folders.items():
        wanted = file = target_folders.file_name(name)
        number = 2
        while file in found:
            file, number = f"{wanted}-{number}", number + 1
        found[file] = path
    return found


def fetch(
    action: ActionBase, head: str, given: str, asked: Mapping[str, Any], task_vars: dict[str, Any]
) -> dict[str, Any]:
    """Export what is ASKED into the folder GIVEN, which is made; return the result of the task. HEAD begins each line."""
    to, app = Path(given).expanduser().absolute(), str(asked["app"])
    try:
        if not to.is_dir():
            to.mkdir(mode=0o700, parents=True)
        exchange.sweep(to, app)
        answer = on_host.ask(action, "export_data", {**asked, "owner": action._make_tmp_path()}, task_vars)
        if answer.get("failed"):
            return answer
        found = answer["found"]
        telling = exchange.Telling(lambda text: Display().display(f"{head}: {text}"), "fetched", 0)
        fetched = exchange.Fetch(action, answer["folder"], to, telling)
        if (free := shutil.disk_usage(to).free) < found["octets"]:
            fetched.give_up()
            return {
                "failed": True,
                "msg": f"{to} has {exchange.size(free)} free, and up to {exchange.size(found['octets'])} "
                "is needed: name another folder with -e to=…",
            }
        files, notes = fetched.run()
    except (exchange.ExchangeError, OSError) as error:
        return {"failed": True, "msg": f"{head}: {error}. No file was written"}
    sizes = {path: exchange.size(path.stat().st_size) for path in files}
    Display().display("\n".join([f"{head}: exported", *(f"  {path}  ({sizes[path]})" for path in files),
                                 *(f"  Note: {note}" for note in notes),
                                 *([] if asked.get("at") else [ONE_MOMENT])]))  # fmt: skip
    return {"changed": True, "files": [str(path) for path in files], "notes": notes}
