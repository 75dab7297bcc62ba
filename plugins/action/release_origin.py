# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The controller's side of slipway.flask.release_origin: fetches the code of a release that is promoted, and proves it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from ansible import constants
from ansible.plugins.action import ActionBase
from ansible_collections.slipway.flask.plugins.plugin_utils._action import on_host, promotion
from ansible_collections.slipway.flask.plugins.plugin_utils._target import systemd as target


class ActionModule(ActionBase):
    TRANSFERS_FILES = False
    _VALID_ARGS = frozenset({"app", "of", "revision"})

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        task_vars = task_vars or {}
        app, of = str(self._task.args.get("app") or ""), str(self._task.args.get("of") or "")
        host = str(self._task.delegate_to or task_vars.get("inventory_hostname"))
        folder = self._make_tmp_path()
        try:
            asked = {
                **target.places({"name": app}),
                "folder": folder,
                "by": on_host.asker(),
            }
            answer = on_host.ask(self, "release_origin", asked, task_vars)
            if answer.get("failed"):
                return {**result, "failed": True, "msg": f"{of} can't be promoted: on {host}, {answer.get('msg')}"}
            only = str(self._task.args.get("revision") or "")
            if told := promotion.wrong(answer.get("origin"), only):
                return {**result, "failed": True, "msg": f"{of} can't be promoted: on {host}, {told}"}
            origin = {**answer["origin"], "of": of, "app": app, "host": host, "only": only}
            if origin["archive"]:
                origin["archive"] = self._fetch(origin)
                if not origin["archive"]:
                    what = f"the code that is kept of release {origin['release']} is not what it was made of"
                    return {**result, "failed": True, "msg": f"{of} can't be promoted: on {host}, {what}"}
        finally:
            self._remove_tmp_path(folder)
        return {**result, "changed": False, "origin": origin}

    def _fetch(self, origin: dict[str, Any]) -> str:
        """Return where the code of ORIGIN is here, "" if it is another one; Ansible removes it at its end."""
        root = Path(constants.DEFAULT_LOCAL_TMP) / "slipway"
        root.mkdir(mode=0o700, exist_ok=True)
        place = Path(tempfile.mkdtemp(dir=root)) / "source"
        self._connection.fetch_file(origin["archive"], str(place))
        return str(place) if promotion.proven(place, origin["made_of"]["kind"], origin["source_key"]) else ""
