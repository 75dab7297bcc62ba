# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The controller's side of slipway.flask.sbom: fetches what a release is made of. The host's half is Ansible's own slurp."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.slipway.flask.plugins.module_utils._app import places
from ansible_collections.slipway.flask.plugins.module_utils._audit.sbom import NAME
from ansible_collections.slipway.flask.plugins.plugin_utils._app import choice
from ansible_collections.slipway.flask.plugins.plugin_utils._target import systemd as target


class ActionModule(ActionBase):
    TRANSFERS_FILES = False
    _VALID_ARGS = frozenset({"apps", "app", "release", "to"})

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        task_vars, files, failed = task_vars or {}, [], []
        host, release = str(task_vars.get("inventory_hostname")), str(self._task.args.get("release") or "")
        if release and not places.ID.fullmatch(release):
            msg = f"release is '{release}'; it must be the id of one, such as 0007-4f2c1a9 (playbooks/releases.yml lists them)"
            return {**result, "failed": True, "msg": msg}
        try:
            apps = choice.meant(self._task.args, task_vars)
        except choice.ChoiceError as error:
            return {**result, **error.result}
        folder = Path(str(self._task.args.get("to") or "sboms")).expanduser().absolute()
        for app in apps:
            path = folder / f"{host}-{app['name']}.cdx.json"
            try:
                text = self._content(target.root(app), release, task_vars)
                result["changed"] = self._write(path, text) or result.get("changed", False)
                files.append(str(path))
                Display().display(f"{app['name']} on {host}: {path}")
            except OSError as error:
                failed.append(f"{app['name']} on {host}: {error}")
        return {**result, "files": files, **({"failed": True, "msg": "\n".join(failed)} if failed else {})}

    def _content(self, root: str, release: str, task_vars: dict[str, Any]) -> bytes:
        """Return the SBOM of a RELEASE, of the one that serves if it is "". Raises OSError."""
        place = f"{root}/{f'releases/{release}' if release else 'current'}/{NAME}"
        answer = self._execute_module("ansible.builtin.slurp", {"src": place}, task_vars=task_vars)
        if answer.get("failed") or answer.get("unreachable"):
            said = str(answer.get("msg") or "it could not be reached")
            if "not found" in said:
                which = (
                    f"release {release} is not on the host, or" if release else "nothing has been deployed yet, or it"
                )
                said = f"there is no {place}: {which} was made by a version of Slipway that wrote none; the next deploy does"
            raise OSError(said)
        return base64.b64decode(answer["content"])

    def _write(self, path: Path, text: bytes) -> bool:
        """Write the file and tell whether it was another one before."""
        if path.is_file() and path.read_bytes() == text:
            return False
        if not self._task.check_mode:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text)
        return True
