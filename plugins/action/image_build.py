# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The controller's side of slipway.flask.image_build: sends the context to the builder and fetches what it has made."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible import constants
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.slipway.flask.plugins.plugin_utils._action import image, on_host, switch
from ansible_collections.slipway.flask.plugins.plugin_utils._image import settings


class ActionModule(ActionBase):
    TRANSFERS_FILES = True
    _VALID_ARGS = frozenset({"contexts", "image", "tag", "push", "to", "index_url", "extra_index_urls", "ca_bundle"})

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        task_vars, given, images = task_vars or {}, self._task.args, []
        if wrong := settings.problems(given.get("image") or {}):
            return {**result, "failed": True, "msg": "\n".join(wrong)}
        tag = str(given.get("tag") or "")
        if tag and not settings.TAG.fullmatch(tag):
            return {
                **result,
                "failed": True,
                "msg": f"tag is '{tag}'; it must be letters, digits and . _ -, such as 1.4.2",
            }
        for made in given.get("contexts") or []:
            answer = self._build(made, tag, settings.complete(given.get("image") or {}), task_vars)
            if answer.get("failed") or answer.get("unreachable"):
                host = str(self._task.delegate_to or task_vars.get("inventory_hostname"))
                return {**result, **answer, "failed": True, "msg": f"{made['app']}: the image could not be built on {host}: "
                        f"{answer.get('msg')}"}  # fmt: skip
            result["changed"] = result.get("changed", False) or answer["changed"]
            if not self._task.check_mode:
                images.append(answer["image"])
                Display().display(image.said(answer["image"]))
        return {**result, "images": images}

    def _build(
        self, made: Mapping[str, Any], tag: str, asked: Mapping[str, Any], task_vars: dict[str, Any]
    ) -> dict[str, Any]:
        if self._task.check_mode:
            return {"changed": True}
        given = self._task.args
        reference = f"{made['reference'].rpartition(':')[0]}:{tag}" if tag else made["reference"]
        push = switch.flag(given, "push") or asked["push"]
        if push and (wrong := settings.problems({**(given.get("image") or {}), "push": True}, made["app"])):
            return {"failed": True, "msg": "\n".join(wrong)}
        remote = self._make_tmp_path()
        try:
            with tempfile.TemporaryDirectory(dir=constants.DEFAULT_LOCAL_TMP) as folder:
                packed = Path(folder) / "context.tar.gz"
                image.pack(Path(made["folder"]), packed)
                sent = self._transfer_file(str(packed), self._connection._shell.join_path(remote, packed.name))
            question = {
                **{name: asked[name] for name in ("engine", "isolation", "format", "layers", "insecure", "user", "password")},
                "context": sent, "folder": remote, "app": made["app"], "reference": reference, "timestamp": made["timestamp"],
                "push": push, "save": bool(given.get("to")),
                **{name: given.get(name) or usual for name, usual in
                   (("index_url", ""), ("extra_index_urls", []), ("ca_bundle", ""))},
            }  # fmt: skip
            answer = on_host.ask(self, "image_build", question, task_vars)
            if not answer.get("failed") and given.get("to"):
                answer["image"]["file"] = self._fetch(answer["image"].pop("saved"), made["app"], reference)
            return answer
        finally:
            self._remove_tmp_path(remote)

    def _fetch(self, saved: str, app: str, reference: str) -> str:
        """Fetch the image's file and return where it is here."""
        to = Path(str(self._task.args["to"])).expanduser().absolute()
        to.mkdir(parents=True, exist_ok=True)
        place = to / f"{app}-{reference.rpartition(':')[2]}.tar"
        half = place.with_name(f".{place.name}.new")
        self._connection.fetch_file(saved, str(half))
        shutil.move(half, place)
        return str(place)
