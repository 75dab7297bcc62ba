# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The controller's side of slipway.flask.remove: tells what will go, asks, fetches the last export, and tells what happened."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.slipway.flask.plugins.plugin_utils._action import asking, export, on_host
from ansible_collections.slipway.flask.plugins.plugin_utils._app import description
from ansible_collections.slipway.flask.plugins.plugin_utils._report import remove as report
from ansible_collections.slipway.flask.plugins.plugin_utils._schema import names
from ansible_collections.slipway.flask.plugins.plugin_utils._service import postgres

BACKUPS = ("keep", "forget")


class ActionModule(ActionBase):
    TRANSFERS_FILES = False
    _VALID_ARGS = frozenset({"app", "apps", "confirmed", "export", "to", "backups"})

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        task_vars, given = task_vars or {}, self._task.args
        self.host, self.app = str(task_vars.get("inventory_hostname")), str(given.get("app") or "")
        if wrong := self._wrong():
            return {**result, "failed": True, "msg": wrong}
        self.asked = {"app": self.app, "by": on_host.asker(), "forget": given.get("backups") == "forget"}
        answer = on_host.ask(self, "remove", self.asked, task_vars)
        if answer.get("failed"):
            return {**result, **answer}
        found = answer["found"]
        found["urls"] = found["urls"] or self._urls_elsewhere()
        result["found"] = {key: found[key] for key in ("items", "problems", "notes", "step", "under_way")}
        if not found["there"]:
            text = report.nothing(self.host, self.app, found)
            Display().display(f"{text}\n  {report.still_listed(self.app)}" if self._listed and found["begun"] else text)
            return {**result, "changed": False}
        Display().display(report.question(self.host, self.app, found, self._what_is_exported(found)))
        if found["problems"]:
            return {**result, "failed": True, "msg": report.problems(self.host, self.app, found["problems"])}
        if self._task.check_mode:
            Display().display("Nothing was changed: --check only shows it")
            return {**result, "changed": True}
        if refusal := "" if boolean(given.get("confirmed") or False) else self._asked():
            return {**result, "failed": True, "msg": refusal}
        return {**result, **self._remove(task_vars)}

    def _wrong(self) -> str:
        if not self.app:
            return "pass the app to remove: -e app=NAME"
        if not names.APP.fullmatch(self.app):
            return f"'{self.app}' in 'app' is not a valid app name"
        if (told := self._task.args.get("backups") or BACKUPS[0]) not in BACKUPS:
            return f"backups is '{told}'; it must be keep or forget"
        return ""

    @property
    def _described(self) -> Mapping[str, Any] | None:
        """The app's entry in the list, None when it is not in it any more."""
        apps = self._task.args.get("apps") or []
        return next((app for app in apps if isinstance(app, Mapping) and app.get("name") == self.app), None)

    @property
    def _listed(self) -> bool:
        return self._described is not None

    def _urls_elsewhere(self) -> list[str]:
        """Return the URL of the app's database on another server, which the list alone has."""
        described = self._described
        if not described or description.problems([described]):
            return []
        app = description.normalise(described)
        return [postgres.url(app)] if app["database"] == "url" else []

    @property
    def _to(self) -> str:
        return str(self._task.args.get("to") or "exports")

    def _is_exported(self, found: Mapping[str, Any]) -> bool:
        """Tell whether there is something to export, and somebody wants it."""
        wanted = boolean(self._task.args.get("export", True))
        return bool(wanted and found["step"] != "exported" and (found["urls"] or found["folders"]))

    def _what_is_exported(self, found: Mapping[str, Any]) -> str:
        if self._is_exported(found):
            return f"First its database and folders are exported to {self._to} on this machine (-e export=false skips that)"
        if found["step"] == "exported":
            return "Its database and folders have been exported"
        return "Nothing is exported first" if found["urls"] or found["folders"] else ""

    def _asked(self) -> str:
        """Ask whether to go on; return why not, "" to go on."""
        said = asking.ask(f"Remove {self.app} from {self.host}? Type its name and press Enter:")
        if said is None:
            return report.refused(self.app)
        return "" if said == self.app else "Nothing was changed: the answer was not the app's name"

    def _remove(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        answer = on_host.ask(self, "remove", {**self.asked, "what": "stop"}, task_vars)
        if answer.get("failed"):
            return {**answer, "msg": report.killed(self.host, self.app, str(answer.get("msg")))}
        found, files = answer["found"], list[str]()
        found["urls"] = found["urls"] or self._urls_elsewhere()
        if exports := self._is_exported(found):
            folders = {path.removeprefix(f"/srv/{self.app}/shared/"): path for path in found["folders"]}
            first, *more = found["urls"] or [""]
            for asked in (export.asked(self.app, first, folders), *(export.asked(self.app, url, {}) for url in more)):
                fetched = export.fetch(self, f"{self.app} on {self.host}", self._to, asked, task_vars)
                if fetched.get("failed"):
                    return {**fetched, "msg": report.stopped(self.host, self.app, str(fetched.get("msg")))}
                files += fetched["files"]
                if lacks := report.lacking(fetched.get("notes", [])):
                    why = f"{lacks}. What could be exported is in {', '.join(files)}"
                    return {"failed": True, "msg": report.stopped(self.host, self.app, why), "files": files}
        answer = on_host.ask(self, "remove", {**self.asked, "what": "remove", "exported": exports}, task_vars)
        if answer.get("failed"):
            return {**answer, "msg": report.killed(self.host, self.app, str(answer.get("msg"))), "files": files}
        Display().display(report.done(self.host, self.app, answer["notes"], self._listed, self.asked["forget"]))
        return {**answer, "files": files}
