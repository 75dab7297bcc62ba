# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The controller's side of slipway.flask.preflight: everything that can be refused before a host is changed."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible_collections.slipway.flask.plugins.module_utils._release import hooks
from ansible_collections.slipway.flask.plugins.plugin_utils._access import login, ways
from ansible_collections.slipway.flask.plugins.plugin_utils._access.login import Way
from ansible_collections.slipway.flask.plugins.plugin_utils._action import packing
from ansible_collections.slipway.flask.plugins.plugin_utils._action.once import once
from ansible_collections.slipway.flask.plugins.plugin_utils._app import audit as app_audit
from ansible_collections.slipway.flask.plugins.plugin_utils._app import choice, hosts, origin, procfile, state
from ansible_collections.slipway.flask.plugins.plugin_utils._app import description as app_description
from ansible_collections.slipway.flask.plugins.plugin_utils._app import version as app_version
from ansible_collections.slipway.flask.plugins.plugin_utils._backup import description as backups_description
from ansible_collections.slipway.flask.plugins.plugin_utils._edge import problems as edges
from ansible_collections.slipway.flask.plugins.plugin_utils._fleet import apps as fleet
from ansible_collections.slipway.flask.plugins.plugin_utils._fleet import database
from ansible_collections.slipway.flask.plugins.plugin_utils._fleet import hosts as fleet_hosts
from ansible_collections.slipway.flask.plugins.plugin_utils._fleet import problems as fleet_problems
from ansible_collections.slipway.flask.plugins.plugin_utils._preflight import host, line, taken
from ansible_collections.slipway.flask.plugins.plugin_utils._preflight import look as preflight_look
from ansible_collections.slipway.flask.plugins.plugin_utils._source import description as source_description
from ansible_collections.slipway.flask.plugins.plugin_utils._target import refusals


def refs_of(address: str) -> set[str] | None:
    """Ask a repository for its names once in a run, however many hosts and apps it is for."""

    def ask(place: Path) -> None:
        refs = source_description.git_refs(address)
        (place / "refs.json").write_text(json.dumps(None if refs is None else sorted(refs)))

    answer = json.loads((once(("refs", address), ask) / "refs.json").read_text())
    return None if answer is None else set(answer)


ORIGINS = "slipway_origins"
"""The fact that says where a release is promoted from: `host` and `app` of each."""


class ActionModule(ActionBase):
    TRANSFERS_FILES = False
    _VALID_ARGS = frozenset(
        {
            "apps",
            "app",
            "version",
            "one_app",
            "disk_mb",
            "provision",
            "words",
            "restore",
            "anew",
            "moved",
            "audit",
            "revision_of",
        }
    )

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        task_vars = task_vars or {}
        base = source_description.base_of(task_vars)
        apps, only = procfile.expanded(self._task.args.get("apps"), base), str(self._task.args.get("app") or "")
        version = str(self._task.args.get("version") or "")
        one = boolean(self._task.args.get("one_app", False))
        found = (
            app_description.problems(apps)
            or choice.problems(apps, only, choice.everywhere(task_vars), one)
            or app_version.problems(apps, only, version)
            or app_audit.run_problems(self._task.args.get("audit"))
            or refusals.problems(apps)
        )
        origins: list[dict[str, str]] = []
        if not found and (of := str(self._task.args.get("revision_of") or "")):
            origins, found = self._origins(of, version, apps, only, task_vars)
        chosen: list[dict[str, Any]] = []
        if task_vars.get("inventory_hostname") == "web" and "web" not in task_vars.get("groups", {}):
            # The playbooks' `hosts: web` matches it, but which hosts belong together is asked of the group.
            found.append(
                "inventory: 'web' is a host; it must be the group of your hosts, such as web: {hosts: {vps1: …}}"
            )
        groups, hostvars = task_vars.get("groups", {}), task_vars.get("hostvars", {})
        name = str(task_vars.get("inventory_hostname"))
        found = found or fleet_problems.problems(groups, hostvars) or self._said(task_vars)
        if not found:
            chosen = [
                app_version.wanted(app_description.normalise(app), version) for app in apps if only in ("", app["name"])
            ]
            for app in chosen:
                wrong = source_description.problems(app, base, refs_of) + hooks.file_problems(app["hooks"], base)
                wrong += self._of_fleet(app, task_vars)
                found += [f"slipway_apps, app '{app['name']}': {text}" for text in wrong]
            found += [
                f"slipway_apps, app '{app['name']}': {text}" for app in apps for text in procfile.missing(app, base)
            ]
        address = str(task_vars.get("ansible_host") or "")
        if address.startswith("TODO"):  # bin/describe has written it
            found.append(f"{task_vars['inventory_hostname']}: 'ansible_host' is still {address}")
        # The description is the same for every host: a host is asked only when it is right.
        facts: dict[str, str] = {}
        way: dict[str, Any] = {}
        inventory: list[str] = []
        whole: list[dict[str, Any]] = []
        if not found:
            chosen, whole = (
                [database.placed(app, name, groups, hostvars) for app in some]
                for some in (chosen, [app_description.normalise(app) for app in apps])
            )
            with ExitStack() as hold:
                now = login.way_of(self)
                facts, told, other = self._ask(chosen, whole, task_vars, hold)
            if other:
                way, inventory = login.other(self, other), [ways.advice(now, other)]
            found = [f"{task_vars['inventory_hostname']}: {text}" for text in told]
        if found:
            head = (
                "Nothing was changed, because:"
                if len(found) == 1
                else f"Nothing was changed, because of {len(found)} things:"
            )
            result.update(failed=True, msg="\n".join([head, *(f"  - {text}" for text in found)]), problems=found)
            return result
        previews = host.previews(whole, facts)
        result.update(
            changed=False,
            # A fact, for a later play of the run that skips this task.
            ansible_facts={**preflight_look.ansible_facts(facts), ORIGINS: origins},
            python=facts.get("python") == "yes",
            cores=int(facts.get("cores") or 1),
            memory_mb=int(facts.get("memory_mb") or 0),
            warnings=[
                f"{task_vars['inventory_hostname']}: {text}"
                for text in [*inventory, *host.left(whole, facts, runs=False)]
            ],
            way=way,
            packages=facts.get("packages", ""),
            backups=facts.get("backups") == "yes",
            metrics=facts.get("metrics") == "yes",
            alerts=facts.get("alerts") == "yes",
            dashboard=facts.get("dashboard") == "yes",
            logs=facts.get("logs") == "yes",
            databases=taken.databases(facts),
            remote=host.remote(facts),
            uv=host.uv(facts),
            waiting=host.waiting(whole, facts),
            provisioned=host.provisioned(whole, facts) + [one["name"] for one in previews],
            previews=previews,
        )
        return result

    def _given(self, name: str) -> str:
        return str(self._task.args.get(name) or "")

    def _said(self, task_vars: dict[str, Any]) -> list[str]:
        """Return what is wrong with the command line of a run that provisions, and with settings that no role gets whole."""
        if not boolean(self._task.args.get("provision", False)):
            return []
        backups, logs = (
            self._templar.template(task_vars[name]) if name in task_vars else None
            for name in ("slipway_backups", "slipway_logs")
        )
        words, restore = self._task.args.get("words") or {}, self._task.args.get("restore")
        return line.problems(words, restore, backups, logs, task_vars.get("groups", {}), task_vars.get("hostvars", {}))

    def _of_fleet(self, app: dict[str, Any], task_vars: dict[str, Any]) -> list[str]:
        """Return what is wrong with APP, a whole description, on all the hosts that have it."""
        groups, variables = task_vars.get("groups", {}), task_vars.get("hostvars", {})
        members = fleet.members(app, groups, variables)
        shared = fleet.database_host_of(app, groups, variables)
        balanced = edges.of_app(app, str(task_vars["inventory_hostname"]), groups, variables)
        described = {host: one for host in members if (one := fleet.app_of(app, host, variables)) is not None}
        apart = [*state.problems(app, members, shared), *state.sessions_problems(app, described)]
        return [*hosts.problems(app, groups, variables), *apart, *balanced]

    def _origins(
        self, of: str, version: str, apps: list[dict[str, Any]], only: str, task_vars: dict[str, Any]
    ) -> tuple[list[dict[str, str]], list[str]]:
        """Return where the release is that is promoted, and what is wrong with that."""
        try:
            places = origin.places(of, only or str(apps[0]["name"]), task_vars["groups"], task_vars["hostvars"])
        except choice.ChoiceError as error:
            return [], [str(error)]
        return places, origin.problems(of, version, apps, only, places, str(task_vars["inventory_hostname"]))

    def _ask(
        self, chosen: list[dict[str, Any]], apps: list[dict[str, Any]], task_vars: dict[str, Any], hold: ExitStack
    ) -> tuple[dict[str, str], list[str], Way | None]:
        """Return what the host is, what is in the way of the CHOSEN apps, and the way in if it isn't the inventory's.

        That is one round trip, unless sudo wants a password. As long as HOLD is open, it goes that way.
        """
        provision = boolean(self._task.args.get("provision", False))
        targets = backups_description.folders(self._templar.template(task_vars.get("slipway_backups") or {}))
        look = host.script(apps, targets, str(self._templar.template(task_vars.get("python_venv_uv") or "")))
        if provision:
            packing.provision(self, boolean(task_vars.get("slipway_baseline", True), strict=False), task_vars)
        script = preflight_look.with_look(look) if provision else preflight_look.PROBE
        said, other = ways.reach(self, lambda: self._low_level_execute_command(script, sudoable=False), task_vars, hold)
        facts = preflight_look.read(said.get("stdout", ""))
        password = bool(self._connection.become and self._connection.become.get_option("become_pass"))
        found = preflight_look.problems(facts, int(self._task.args.get("disk_mb") or 0), password)
        if not provision:
            return facts, found, other
        packing.release(self, facts.get("code", "").split(), task_vars)
        if "looked" not in facts and not found:
            facts |= preflight_look.read(self._low_level_execute_command(look, sudoable=True).get("stdout", ""))
        roles = fleet_hosts.roles_of(str(task_vars.get("inventory_hostname")), task_vars.get("groups", {})) or ["web"]
        challenge = self._templar.template(task_vars.get("nginx_tls_acme_challenge", "http-01"))
        problems = [
            *found,
            *host.problems(chosen, facts, str(challenge), self._given("anew"), roles, self._given("moved")),
            *host.missing_targets(targets, facts),
            *host.left(apps, facts, runs=True),  # nginx serves what is in the list, and nothing else of ours
        ]
        return facts, problems, other
