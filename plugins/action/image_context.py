# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The controller's side of slipway.flask.image_context: fetches the live release and writes what its image is built from."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible import constants
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.slipway.flask.plugins.plugin_utils._action import image, on_host, promotion
from ansible_collections.slipway.flask.plugins.plugin_utils._app import choice, procfile
from ansible_collections.slipway.flask.plugins.plugin_utils._gunicorn import service
from ansible_collections.slipway.flask.plugins.plugin_utils._image import context, settings
from ansible_collections.slipway.flask.plugins.plugin_utils._target import systemd as target


class ActionModule(ActionBase):
    TRANSFERS_FILES = False
    _VALID_ARGS = frozenset({"apps", "app", "image", "to", "base"})

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        task_vars, given = task_vars or {}, self._task.args
        asked, host = given.get("image") or {}, str(task_vars.get("inventory_hostname"))
        base = Path(str(given.get("base") or task_vars.get("inventory_dir") or "."))
        try:
            apps = choice.meant({**given, "apps": procfile.expanded(given.get("apps"), base)}, task_vars)
        except choice.ChoiceError as error:
            return {**result, **error.result}
        wrong = [text for app in apps for text in settings.problems(asked, app["name"])]
        if wrong:
            return {**result, "failed": True, "msg": "\n".join(dict.fromkeys(wrong))}
        contexts = []
        for app in apps:
            if host != choice.first_host(app["name"], host, task_vars):
                continue
            try:
                contexts.append(self._context(app, settings.complete(asked), len(apps) > 1, base, task_vars))
            except (image.ImageError, context.ContextError) as error:
                return {**result, "failed": True, "msg": f"{app['name']} on {host}: {error}"}
        return {**result, "contexts": contexts, "changed": bool(given.get("to")) and not self._task.check_mode}

    def _context(
        self, app: Mapping[str, Any], asked: Mapping[str, Any], several: bool, base: Path, task_vars: dict[str, Any]
    ) -> dict[str, Any]:
        """Write the context of APP's live release and return it. Raises ImageError and ContextError."""
        release, tar = self._release(app, asked, base, task_vars)
        if wrong := context.problems(release):
            raise image.ImageError("\n".join(wrong))
        folder, given = tar.parent / "context", str(self._task.args.get("to") or "")
        if given and not self._task.check_mode:
            folder = Path(given).expanduser().absolute() / (app["name"] if several else "")
        variables = {name: self._templar.template(value) for name, value in task_vars.items() if _is_of_gunicorn(name)}
        made = context.write(folder, app, asked, release, tar, variables)
        tar.unlink()
        if given:
            Display().display(f"{app['name']}: {folder / context.CONTAINERFILE}")
        return {
            "app": app["name"],
            "folder": str(folder),
            "reference": made.name,
            "base": made.base,
            "timestamp": made.timestamp,
            "revision": made.revision,
        }

    def _release(
        self, app: Mapping[str, Any], asked: Mapping[str, Any], base: Path, task_vars: dict[str, Any]
    ) -> tuple[context.Release, Path]:
        """Return the live release of APP, and the file here with its code. Raises ImageError."""
        remote = self._make_tmp_path()
        try:
            question = {
                **target.places(app), "folder": remote, "by": on_host.asker(), "written": list(app["files"]),
                "left_out": list(asked["leave_out"]),
            }  # fmt: skip
            answer = on_host.ask(self, "image_context", question, task_vars)
            if answer.get("failed") or answer.get("unreachable"):
                raise image.ImageError(str(answer.get("msg") or "the host can't be reached"))
            found = answer["release"]
            if not promotion.credible(found):
                raise image.ImageError("what the host says of its release is no release")
            root = Path(constants.DEFAULT_LOCAL_TMP) / "slipway"
            root.mkdir(mode=0o700, exist_ok=True)
            place = Path(tempfile.mkdtemp(dir=root)) / "release.tar"
            self._connection.fetch_file(found["tar"], str(place))
        finally:
            self._remove_tmp_path(remote)
        committed = int(found["committed"] or 0) or image.committed(app, base, str(found["revision"]))
        return context.Release(
            str(found["revision"]), str(found["source"]), str(found["lock"]), str(found["python"]), committed, str(found["sbom"])
        ), place  # fmt: skip


def _is_of_gunicorn(name: str) -> bool:
    return name.startswith(service.ROLE) and name.removeprefix(service.ROLE) not in (
        "services",
        "packages",
        *service.OWN,
    )
