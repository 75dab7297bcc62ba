# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The controller's side of slipway.flask.remove: tells what will go, asks, fetches the last export, and tells what happened.

On one host that is one step. Where the app's database is on another host, all hosts are shown and asked about before the first
changes, and all are stopped before the database is exported, by the first that runs the app, and removed, last of all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.slipway.flask.plugins.plugin_utils._action import asking, export, on_host, switch
from ansible_collections.slipway.flask.plugins.plugin_utils._app import description
from ansible_collections.slipway.flask.plugins.plugin_utils._fleet import hosts as fleet
from ansible_collections.slipway.flask.plugins.plugin_utils._report import remove as report
from ansible_collections.slipway.flask.plugins.plugin_utils._schema import names
from ansible_collections.slipway.flask.plugins.plugin_utils._service import postgres

BACKUPS = ("keep", "forget")
STEPS = ("all", "look", "ask", "stop", "remove")
LOOKED = "slipway_removal"
"""What playbooks/remove.yml registers of the step `look` on each host."""


KEPT = ("there", "items", "problems", "notes", "step", "under_way", "remote", "clients", "serves")


class ActionModule(ActionBase):
    TRANSFERS_FILES = False
    _VALID_ARGS = frozenset({"app", "apps", "confirmed", "export", "to", "backups", "step"})

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        task_vars, given = task_vars or {}, self._task.args
        self.host, self.app = str(task_vars.get("inventory_hostname")), str(given.get("app") or "")
        if wrong := self._wrong():
            return {**result, "failed": True, "msg": wrong}
        self.step = str(given.get("step") or STEPS[0])
        self.asked = {"app": self.app, "by": on_host.asker(), "forget": given.get("backups") == "forget"}
        if self.step == "ask":
            return {**result, **self._ask_for_all(task_vars)}
        if self.step in ("stop", "remove"):
            return {**result, **self._go_on(task_vars)}
        answer = on_host.ask(self, "remove", self.asked, task_vars)
        if answer.get("failed"):
            return {**result, **answer}
        found = answer["found"]
        found["urls"] = self._urls(found, task_vars)
        found["problems"] += self._out_of_reach(found, task_vars)
        found["notes"] += self._stays(found, task_vars)
        result["found"] = {key: found[key] for key in KEPT if key in found}
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
        if self.step == "look":
            return {**result, "changed": False}
        if refusal := "" if self._confirmed else self._asked([self.host]):
            return {**result, "failed": True, "msg": refusal}
        return {**result, **(self._stop(task_vars) or self._remove(task_vars))}

    @property
    def _confirmed(self) -> bool:
        return switch.flag(self._task.args, "confirmed", "yes")

    def _ask_for_all(self, task_vars: Mapping[str, Any]) -> dict[str, Any]:
        """Ask once for all hosts that have something of the app."""
        hosts = _looked(task_vars, "there")
        if unexported := self._unexported(task_vars):
            return {"failed": True, "msg": unexported}
        if self._task.check_mode or not hosts or self._confirmed:
            return {"changed": False}
        refusal = self._asked(hosts)
        return {"failed": True, "msg": refusal} if refusal else {"changed": False}

    def _unexported(self, task_vars: Mapping[str, Any]) -> str:
        """Return why the database would go without the export that was asked for, "" if it would not."""
        serving = _looked(task_vars, "serves")
        if not serving or _looked(task_vars, "remote") or not switch.flag(self._task.args, "export", default=True):
            return ""
        return (
            f"Nothing was changed: the database of {self.app} on {', '.join(serving)} can't be exported, because no host in "
            f"this run runs the app. If an earlier run has exported it (look into {self._to}), or you have dumped it there, "
            "use -e export=false"
        )

    def _go_on(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        """Do the step of a removal that was looked at and confirmed in this run."""
        if self._task.check_mode or self.host not in _looked(task_vars, "there"):
            return {"skipped": True, "changed": False}
        return (self._stop(task_vars) or {"changed": True}) if self.step == "stop" else self._remove(task_vars)

    def _urls(self, found: Mapping[str, Any], task_vars: Mapping[str, Any]) -> list[str]:
        """Return the URLs of what this host exports: of several, the first exports the database that all of them use."""
        if not found.get("runs", True):
            return []
        exporters = _looked(task_vars, "remote")
        remote = found.get("remote") if self.host in exporters[:1] or self.step in ("all", "look") else ""
        return found["urls"] or ([remote] if remote else []) or ([] if found.get("remote") else self._urls_elsewhere())

    def _stays(self, found: Mapping[str, Any], task_vars: Mapping[str, Any]) -> list[str]:
        """Return what is said of a database on another host that this run leaves alone."""
        remote, groups, hostvars = found.get("remote"), task_vars.get("groups") or {}, task_vars.get("hostvars") or {}
        if not remote:
            return []
        address = remote.partition("@")[2].partition("/")[0].rpartition(":")[0].strip("[]")
        there = [one for one in groups.get("db") or [] if fleet.address(one, hostvars) == address]
        if set(there) & set(task_vars.get("ansible_play_hosts_all") or []):
            return []
        way = "run this again without --limit" if there else "drop it yourself"
        return [f"its database on {there[0] if there else address} stays: {way}"]

    def _out_of_reach(self, found: Mapping[str, Any], task_vars: Mapping[str, Any]) -> list[str]:
        """Return which hosts use the app's database here, and are left out by this run."""
        groups, hostvars = task_vars.get("groups") or {}, task_vars.get("hostvars") or {}
        using = [one for one in fleet.hosts_of(groups, fleet.RUNNING) if fleet.address(one, hostvars) in _alone(found)]
        out = [one for one in using if one != self.host and one not in task_vars.get("ansible_play_hosts_all", [])]
        return [f"{', '.join(out)} may still use its database: run this without --limit"] if out else []

    def _wrong(self) -> str:
        if not self.app:
            return "pass the app to remove: -e app=NAME"
        if not names.APP.fullmatch(self.app):
            return f"'{self.app}' in 'app' is not a valid app name"
        if (told := self._task.args.get("backups") or BACKUPS[0]) not in BACKUPS:
            return f"backups is '{told}'; it must be keep or forget"
        if (step := self._task.args.get("step") or STEPS[0]) not in STEPS:
            return f"step is '{step}'; it must be one of {', '.join(STEPS)}"
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
        wanted = switch.flag(self._task.args, "export", default=True)
        return bool(wanted and found["step"] != "exported" and (found["urls"] or found["folders"]))

    def _what_is_exported(self, found: Mapping[str, Any]) -> str:
        if found.get("serves") and not found["urls"]:
            return "Its database is removed here last, once a host that runs the app has exported it"
        if self._is_exported(found):
            return f"First its database and folders are exported to {self._to} on this machine (-e export=false skips that)"
        if found["step"] == "exported":
            return "Its database and folders have been exported"
        return "Nothing is exported first" if found["urls"] or found["folders"] else ""

    def _asked(self, hosts: Sequence[str]) -> str:
        """Ask whether to go on; return why not, "" to go on."""
        said = asking.ask(f"Remove {self.app} from {', '.join(hosts)}? Type its name and press Enter:")
        if said is None:
            return report.refused(self.app)
        return "" if said == self.app else "Nothing was changed: the answer was not the app's name"

    def _stop(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        """Close the site and end all that runs; return why it failed, {} when it is done."""
        answer = on_host.ask(self, "remove", {**self.asked, "what": "stop"}, task_vars)
        self.found: dict[str, Any] = answer.get("found") or {}
        if not answer.get("failed"):
            return {}
        return {**answer, "msg": report.killed(self.host, self.app, str(answer.get("msg")))}

    def _remove(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        if self.step == "remove" and (failed := self._stop(task_vars)):  # again: it tells what there is now
            return failed
        found, files = self.found, list[str]()
        found["urls"] = self._urls(found, task_vars)
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


def _looked(task_vars: Mapping[str, Any], key: str) -> list[str]:
    """Return the hosts of the play of which the step `look` has found KEY."""
    hostvars, found = task_vars.get("hostvars") or {}, []
    for host in task_vars.get("ansible_play_hosts_all") or []:
        looked = hostvars[host].get(LOOKED)
        if isinstance(looked, Mapping) and (looked.get("found") or {}).get(key):
            found.append(str(host))
    return found


def _alone(found: Mapping[str, Any]) -> list[str]:
    """Return the addresses that use the database here, without the masks that pg_hba.conf has."""
    return [str(one).partition("/")[0] for one in found.get("clients") or []]
