# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The controller's side of slipway.flask.export_data: fetches an app's data and tells how far it is."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.slipway.flask.plugins.plugin_utils._action import exchange, on_host
from ansible_collections.slipway.flask.plugins.plugin_utils._app import choice
from ansible_collections.slipway.flask.plugins.plugin_utils._service import postgres
from ansible_collections.slipway.flask.plugins.plugin_utils._target import folders


class ActionModule(ActionBase):
    TRANSFERS_FILES = False
    _VALID_ARGS = frozenset({"apps", "app", "to"})

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        task_vars, given = task_vars or {}, self._task.args
        host = str(task_vars.get("inventory_hostname"))
        try:
            app = choice.choose_one(given.get("apps"), str(given.get("app") or ""), choice.everywhere(task_vars))
        except choice.ChoiceError as error:
            return {**result, **error.result}
        if app is None or host != choice.first_host(app["name"], host, task_vars):
            return {**result, "skipped": True, "skip_reason": "an export is made on one host only"}
        asked = {
            "app": app["name"], "url": postgres.direct_url(app) or postgres.url(app),
            "stamp": time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()),
            "folders": {folders.file_name(name): path for name, path in folders.of(app).items()},
        }  # fmt: skip
        if self._task.check_mode:
            answer = on_host.ask(self, "export_data", asked, task_vars)
            return {**result, **answer}
        return {**result, **self._export(app["name"], host, asked, task_vars)}

    def _export(self, app: str, host: str, asked: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        to, head = Path(str(self._task.args.get("to") or "exports")).expanduser().absolute(), f"{app} on {host}"
        try:
            if not to.is_dir():
                to.mkdir(mode=0o700, parents=True)
            exchange.sweep(to, app)
            answer = on_host.ask(self, "export_data", {**asked, "owner": self._make_tmp_path()}, task_vars)
            if answer.get("failed"):
                return answer
            found = answer["found"]
            telling = exchange.Telling(lambda text: Display().display(f"{head}: {text}"), "fetched", 0)
            fetch = exchange.Fetch(self, answer["folder"], to, telling)
            if (free := shutil.disk_usage(to).free) < found["octets"]:
                fetch.give_up()
                return {
                    "failed": True,
                    "msg": f"{to} has {exchange.size(free)} free, and {exchange.size(found['octets'])} may come: "
                    "name another folder with -e to=…",
                }
            files, notes = fetch.run()
        except (exchange.ExchangeError, OSError) as error:
            return {"failed": True, "msg": f"{head}: {error}. No file was written"}
        sizes = {path: exchange.size(path.stat().st_size) for path in files}
        Display().display("\n".join([f"{head}: exported", *(f"  {path}  ({sizes[path]})" for path in files),
                                     *(f"  Note: {note}" for note in notes),
                                     "  The database is as of one moment, the folders as of a moment after it."]))  # fmt: skip
        return {"changed": True, "files": [str(path) for path in files], "notes": notes}
