# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The controller's side of slipway.flask.import_data: what is brought, whether it may come, and its way to the host."""

from __future__ import annotations

from typing import Any

from ansible.utils.display import Display
from ansible_collections.slipway.flask.plugins.plugin_utils._action import brought, exchange, switch
from ansible_collections.slipway.flask.plugins.plugin_utils._action.release import ReleaseAction
from ansible_collections.slipway.flask.plugins.plugin_utils._app import choice
from ansible_collections.slipway.flask.plugins.plugin_utils._report import transfer as report
from ansible_collections.slipway.flask.plugins.plugin_utils._schema.names import nearest
from ansible_collections.slipway.flask.plugins.plugin_utils._service import mariadb, postgres
from ansible_collections.slipway.flask.plugins.plugin_utils._target import folders
from ansible_collections.slipway.flask.plugins.plugin_utils._target import release as described

NAME = "import_data"


class ActionModule(ReleaseAction):
    TRANSFERS_FILES = False
    _VALID_ARGS = frozenset({"apps", "app", "dump", "folder", "into", "replace", "schema"})

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        task_vars, given = task_vars or {}, self._task.args
        host = str(task_vars.get("inventory_hostname"))
        try:
            app = choice.choose_one(given.get("apps"), str(given.get("app") or ""), choice.everywhere(task_vars))
            if app is None or host != choice.first_host(app["name"], host, task_vars):
                return {**result, "skipped": True, "skip_reason": "an import goes to one host only"}
            app = choice.here(app, task_vars)
            asked, files = wanted(app, given)
        except choice.ChoiceError as error:
            return {**result, **error.result}
        except brought.BroughtError as error:
            return {**result, "failed": True, "msg": str(error)}
        self.description = described.complete(described.release(app), "rollback")
        for key in ("hooks", "notifications"):
            self.description.pop(key, None)
        try:
            answer = self._bring({**self.description, **asked}, files, task_vars, host)
        except (exchange.ExchangeError, brought.BroughtError, OSError) as error:
            answer = {"failed": True, "msg": f"it did not arrive on the host: {error}", "stage": "send"}
        if answer.get("failed"):
            answer["msg"] = report.import_failed(host, self.app, answer)
        elif not self._task.check_mode:
            Display().display(report.imported(host, self.app, asked, answer))
        return {**result, **answer}

    def _bring(
        self, asked: dict[str, Any], files: dict[str, brought.Brought], task_vars: dict[str, Any], host: str
    ) -> dict[str, Any]:
        """Ask whether it may come, send it, and have it imported."""
        folder = "" if self._task.check_mode else self._make_tmp_path()
        answer = self.call(NAME, {**asked, "owner": folder}, task_vars)
        if answer.get("failed") or self._task.check_mode:
            return answer
        place, digests = str(answer["folder"]), {}
        try:
            for name, one in files.items():
                telling = exchange.Telling(
                    lambda text: Display().display(f"{self.app} on {host}: {text}"), f"{one.name} sent", one.size
                )
                with one.stream() as content:
                    _, digests[name] = exchange.send(self, content, f"{place}/{name}", telling)
        except BaseException:
            exchange.remove(self, place)
            raise
        return self.call(NAME, {**asked, "sent": place.rsplit("/", 1)[-1], "digests": digests}, task_vars)


def wanted(app: dict[str, Any], given: dict[str, Any]) -> tuple[dict[str, Any], dict[str, brought.Brought]]:
    """Return what the host is asked to import into APP, and what is sent, by name. Raises ChoiceError and BroughtError."""
    dump, folder = str(given.get("dump") or ""), str(given.get("folder") or "")
    if not dump and not folder:
        raise choice.ChoiceError("there is nothing to import: pass -e dump=old.dump, -e folder=uploads.tar, or both")
    schema = str(given.get("schema") or "upgrade")
    if schema not in ("upgrade", "keep"):
        raise choice.ChoiceError(f"import_schema is '{schema}'; it must be upgrade or keep")
    files: dict[str, brought.Brought] = {}
    asked: dict[str, Any] = {
        "replace": switch.flag(given, "replace"), "keep_schema": schema == "keep",
        "commands": [one if isinstance(one, str) else one["command"] for one in app["release_commands"]],
    }  # fmt: skip
    if dump:
        if said := refused_database(app):
            raise choice.ChoiceError(said)
        one = files["dump.upload"] = brought.dump(dump, mysql=app["database"] == mariadb.LOCAL)
        asked |= {"dump": one.size, "dump_name": one.name}
        if app["database"] == mariadb.LOCAL:
            asked |= {"mariadb": app["name"], "database": ""}  # the description has a key of that name too
        elif app["database"] == "local":
            asked |= {"database": app["name"], "extensions": app["database_extensions"]}
        else:
            asked["url"] = postgres.url(app)
    if folder:
        _, path = chosen(app, str(given.get("into") or ""))
        one = files["files.upload"] = brought.files(folder)
        asked |= {"files": one.size, "files_name": one.name, "into": path}
    return asked, files


def refused_database(app: dict[str, Any]) -> str:
    """Return why no dump can be imported into APP, "" where one can."""
    if app["database"] == "none":
        return f"{app['name']} has no database (`database: none`), so there is nothing to import a dump into"
    if app["database_owner_url"]:
        return (
            f"{app['name']} has `database_owner_url`: the tables of a dump would belong to one role and be used by another, "
            "whose privileges are unknown. See docs/moving.md for how to load a dump"
        )
    if app["database"] == "url" and mariadb.is_used(app):
        return (
            f"{app['name']}'s database is on another MySQL or MariaDB server (`database: url`), which commits each CREATE "
            "TABLE on its own: an import that fails half-way could not be undone. See docs/moving.md for how to "
            "load a dump manually"
        )
    return ""


def chosen(app: dict[str, Any], into: str) -> tuple[str, str]:
    """Return the folder of APP that is meant: its name, and its path on the host. Raises ChoiceError."""
    known = folders.of(app)
    if not known:
        raise choice.ChoiceError(f"{app['name']} has no shared_folders or writable_paths to import files into")
    if into and into.rstrip("/") not in known:
        raise choice.ChoiceError(
            f"{app['name']} has no folder '{into}'{nearest(into, sorted(known))}; its folders are: {', '.join(known)}"
        )
    if not into and len(known) > 1:
        raise choice.ChoiceError(
            f"choose the folder for the files with -e into=FOLDER; {app['name']} has: {', '.join(known)}"
        )
    name = into.rstrip("/") or next(iter(known))
    return name, known[name]
