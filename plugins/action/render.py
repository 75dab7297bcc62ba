# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""slipway.flask.render: writes an app down for an engine of containers. It is all done on the controller; no host is asked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.slipway.flask.plugins.plugin_utils._app import choice, procfile
from ansible_collections.slipway.flask.plugins.plugin_utils._render import (
    certificate,
    description,
    given,
    output,
    refusals,
    servers,
    targets,
)
from ansible_collections.slipway.flask.plugins.plugin_utils._schema.plain import plain
from ansible_collections.slipway.flask.plugins.plugin_utils._target import refusals as of_roles


class RenderError(Exception):
    """Nothing is written; the message is for the user."""


class ActionModule(ActionBase):
    TRANSFERS_FILES = False
    _VALID_ARGS = frozenset({"apps", "app", "target", "to", "image", "settings", "base", "front", "only_check"})

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        task_vars, asked = task_vars or {}, self._task.args
        host = str(task_vars.get("inventory_hostname"))
        try:
            # Without Ansible's marks, which YAML would not be written with.
            apps = procfile.expanded(plain(asked.get("apps")), Path(str(asked.get("base") or ".")))
            app = choice.choose_one(apps, str(asked.get("app") or ""), choice.everywhere(task_vars))
            if app is None or host != choice.first_host(app["name"], host, task_vars):
                return {
                    **result,
                    "skipped": True,
                    "skip_reason": "the files are written for the first host that has the app",
                }
            return {**result, **self._rendered(app, apps)}
        except choice.ChoiceError as error:
            return {**result, **error.result}
        except (RenderError, output.OutputError) as error:
            return {**result, "failed": True, "msg": str(error)}

    def _rendered(self, app: dict[str, Any], apps: Any) -> dict[str, Any]:
        """Check what is asked and, unless only that is wanted, write the files. Raises RenderError, output.OutputError."""
        asked = self._task.args
        target, image = plain(str(asked.get("target") or "")), plain(str(asked.get("image") or ""))
        settings = plain(asked.get("settings") or {})
        found = given.problems(target, image, settings)
        if not found:
            own = [one for one in apps if one.get("name") == app["name"]]
            options = (settings.get("options") or {}).get(target) or {}
            replicas = int(settings.get("replicas", given.KEYS["replicas"].default))
            found = [*of_roles.problems(own), *refusals.problems(app, target)]
            found += targets.KNOWN[target].problems(app, options, replicas)
        if found:
            raise RenderError("\n".join(found))
        chosen = targets.KNOWN[target]
        folder = Path(str(asked.get("to") or target)).expanduser().absolute()
        if asked.get("only_check"):
            return {"changed": False, "sites": [chosen.site(app)] if chosen.site else []}
        kept = output.Kept(folder)
        run = given.Given(
            target, folder, image, replicas,
            {**given.IMAGES, **settings.get("images", {})}, kept, plain(asked.get("front") or []),
            self._certificate(app), options,
        )  # fmt: skip
        made = description.deployment(
            app,
            image,
            release=run.release,
            replicas=1 if target == "compose" else run.replicas,
            passwords={name: kept.get(name) for name in servers.names(app)},
        )
        files = chosen.render(made, run)
        changed = output.write(folder, f"{app['name']} for {target}", files, self._task.check_mode)
        notes = refusals.notes(app, target)
        if changed and not self._task.check_mode:
            self._tell(app["name"], target, folder, changed, notes, chosen.next(made))
        return {"changed": bool(changed), "files": changed, "notes": notes, "to": str(folder)}

    def _certificate(self, app: Mapping[str, Any]) -> dict[str, str]:
        """Return the certificate that APP provides, as the role reads it: unlocked, if it is vaulted. Raises RenderError."""
        if app["certificate"] != "provided":
            return {}
        files = {certificate.CERTIFICATE: app["certificate_file"], certificate.KEY: app["certificate_key_file"]}
        try:
            return {name: str(self._loader.get_text_file_contents(str(path))) for name, path in files.items()}
        except AnsibleError as error:
            raise RenderError(f"slipway_apps, app '{app['name']}': its certificate can't be read: {error}") from None

    def _tell(self, name: str, target: str, folder: Path, changed: list[str], notes: list[str], following: str) -> None:
        lines = [f"{name} for {refusals.TITLES[target]} is in {folder}: {len(changed)} files written"]
        lines += [f"  note: {note}" for note in notes]
        lines.append(f"  next: cd {folder} && {following}")
        Display().display("\n".join(lines))
