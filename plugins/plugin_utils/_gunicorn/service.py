# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A service as the role gunicorn_systemd takes it (an entry of `gunicorn_systemd_services`), and as its templates read it.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._logs import mask
from ansible_collections.slipway.flask.plugins.module_utils._process import names
from ansible_collections.slipway.flask.plugins.plugin_utils._gunicorn import process, process_files
from ansible_collections.slipway.flask.plugins.plugin_utils._gunicorn.process_files import unit_quote as unit_quote

ROLE = "gunicorn_systemd_"
Service = dict[str, Any]

WORKER_MEMORY_MB = 150
"""What one worker is taken to need when nobody says."""
GRACE_SECONDS = 30
"""How long running requests get at a stop when nobody says."""


def own_defaults(name: str) -> Service:
    """Return the keys that only a service has, with their defaults for the one called NAME; `wsgi` has none."""
    return {
        "name": name,
        "wsgi": "",
        "user": name,
        "group": name,
        "working_directory": f"/srv/{name}/releases/%i/src",
        "venv": f"/srv/{name}/releases/%i/venv",
        "current_link": f"/srv/{name}/current",
        "instance": "",
        "settings_folder": f"/etc/{name}",
        "environment_file": "",
        "config_file": "",
        "environment": {},
        "secrets": {},
        "writable_paths": [],
        "sandbox": {},
        "handover": "",
        "web": True,
        "own_metrics": False,
        "tracing": False,
        "processes": {},
        "notifications": [],
    }


OWN = tuple(own_defaults(""))


def complete(service: Mapping[str, Any], common: Mapping[str, Any]) -> Service:
    """Return SERVICE with all its keys; COMMON are the role's variables, without its prefix, for what it does not say."""
    full = {**own_defaults(str(service["name"])), **common, **service}
    folder = full["settings_folder"]
    full["environment_file"] = full["environment_file"] or f"{folder}/environment"
    full["config_file"] = full["config_file"] or f"{folder}/gunicorn.conf.py"
    if not number(full["worker_memory_mb"], 1):
        full["worker_memory_mb"] = min(WORKER_MEMORY_MB, number(full["memory_max_mb"], 0) or WORKER_MEMORY_MB)
    if not number(full["graceful_timeout_seconds"], 1):
        full["graceful_timeout_seconds"] = max(GRACE_SECONDS, number(full["timeout_seconds"], 0))
    if not process.problems(full["processes"]):
        full["processes"] = {str(name): process.complete(entry) for name, entry in full["processes"].items()}
    return full


def number(value: Any, otherwise: int) -> int:
    """Return VALUE as a whole number, or OTHERWISE if it is none: that is for `problems` to say."""
    return int(str(value)) if str(value).isdecimal() else otherwise


def needs(service: Service) -> dict[str, bool]:
    """Return what the sandbox opens; a browser is made of all of it."""
    sandbox = service["sandbox"]
    browser = bool(sandbox.get("browser"))
    return {
        "browser": browser,
        "host_metrics": browser or bool(sandbox.get("host_metrics")),
        "runtime_code": browser or bool(sandbox.get("runtime_code")) or not service["memory_deny_write_execute"],
    }


def unit(service: Service) -> str:
    """Return the path of a service's template unit."""
    return f"/etc/systemd/system/{service['name']}@.service"


def user(service: Service) -> dict[str, Any]:
    """Return the entry of M(slipway.flask.service_users) for a service."""
    name = service["name"]
    free = [unit(service), f"/usr/lib/systemd/system/{name}@.service", f"/usr/lib/systemd/system/{name}.service"]
    return {
        "name": service["user"],
        "group": service["group"],
        "comment": f"Runs {name}",
        "must_be_free": [service["settings_folder"], *free],
    }


def files(service: Service) -> Iterator[dict[str, Any]]:
    """Yield the entries of M(slipway.flask.files) for a service: its unit and gunicorn's settings, no secrets."""
    folder, name = service["settings_folder"], service["name"]
    shown = {
        key: value
        for key, value in service.items()
        if key not in ("environment", "secrets", "processes", "notifications")
    }
    variables = {"service": {**shown, "needs": needs(service), "masked": mask.value(service["log_mask"])}}
    yield {"dest": folder, "state": "directory", "mode": "0711"}
    yield {"src": "gunicorn.conf.py.j2", "dest": f"{folder}/gunicorn.conf.py", "vars": variables}
    yield {"src": "app@.service.j2", "dest": unit(service), "vars": variables}
    if service["handover"] == "stop_first":
        yield {"src": "app-socket.service.j2", "dest": f"/etc/systemd/system/{name}-socket.service", "vars": variables}
        yield {"src": "app.socket.j2", "dest": f"/etc/systemd/system/{name}.socket", "vars": variables}
    yield from files_of_processes(service, variables["service"])


def files_of_processes(service: Service, shown: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the entries for a service's processes: what a deploy knows of them, and their units; SHOWN is for these."""
    folder, processes = service["working_directory"].removesuffix("/src"), service["processes"]
    listed = f"{service['settings_folder']}/processes.json"
    if text := process_files.document(processes, folder, bool(service["web"])):
        yield {"content": text, "dest": listed}
    else:
        yield {"dest": listed, "state": "absent"}
    if has_schedule(service):
        yield {"dest": "/usr/local/lib/slipway", "state": "directory"}
        yield {"src": "run-ended.j2", "dest": "/usr/local/lib/slipway/run-ended", "mode": "0755"}
    if service["tracing"] and not all(entry["schedule"] for entry in processes.values()):
        for path in ("/usr/local/lib/slipway", process_files.TRACING):
            yield {"dest": path, "state": "directory"}
        yield {"src": "trace-jobs.py.j2", "dest": f"{process_files.TRACING}/sitecustomize.py"}
    for name, number in process_units(service):
        is_traced = bool(service["tracing"]) and not processes[name]["schedule"]
        told = process_files.in_unit(name, processes[name], folder, service["environment"], number, is_traced)
        variables = {"service": shown, "process": told}
        kind, place = "schedule" if processes[name]["schedule"] else "process", process_unit(service, name, number)
        yield {"src": f"{kind}@.service.j2", "dest": place, "vars": variables}
        if processes[name]["schedule"]:
            timer = place.removesuffix(".service") + ".timer"
            yield {"src": "schedule@.timer.j2", "dest": timer, "vars": variables}


def schedule_problems(service: Service) -> list[str]:
    """Return what is wrong with schedules of a service whose processes are right by themselves: which release runs them."""
    if process.problems(service["processes"]) or (service["current_link"] and not service["instance"]):
        return []
    return [
        f"process '{name}': a schedule runs for the release that 'current_link' leads to, and is started by a deploy: it takes "
        "a `current_link`, and no `instance`."
        for name, entry in service["processes"].items() if entry["schedule"]
    ]  # fmt: skip


def has_schedule(service: Service) -> bool:
    """Tell whether one of the service's processes runs at times."""
    return any(entry["schedule"] for entry in service["processes"].values())


def process_units(service: Service) -> Iterator[tuple[str, int]]:
    """Yield the name of each process, with the number of each instance that has a template of its own.

    Those of a release are made from the first one's by the deploy; only an instance without one needs them all.
    """
    for name, entry in service["processes"].items():
        yield from ((name, number + 1) for number in range(int(entry["instances"]) if service["instance"] else 1))


def process_unit(service: Service, name: str, number: int = 1) -> str:
    """Return the path of the template unit of an instance of the process NAME."""
    return f"/etc/systemd/system/{names.template(service['name'], name, number)}@.service"


def prune(service: Service) -> Iterator[dict[str, str]]:
    """Yield the entries of `prune` of M(slipway.flask.files): templates of processes that the service has no more."""
    for kind in ("service", "timer"):
        yield {"folder": "/etc/systemd/system", "pattern": f"{service['name']}.*@.{kind}"}


def webhooks(service: Service) -> dict[str, Any]:
    """Return the entry of M(slipway.flask.files) for whom the host tells of a failed schedule; addresses are secret.

    The name begins with a dot: it is no setting of a release.
    """
    file = {"dest": f"{service['settings_folder']}/.notifications.json"}
    if not has_schedule(service) or not service["notifications"]:
        return {**file, "state": "absent"}
    return {**file, "content": json.dumps(service["notifications"]) + "\n", "mode": "0600"}


def environment(service: Service) -> dict[str, Any]:
    """Return the entry of M(slipway.flask.files) for a service's environment file, secrets included."""
    return {
        "src": "environment.j2",
        "dest": f"{service['settings_folder']}/environment",
        "mode": "0600",
        "vars": {"service": {key: service[key] for key in ("environment", "secrets")}},
    }


def instances(service: Service) -> Iterator[dict[str, Any]]:
    """Yield the arguments of M(slipway.flask.systemd_instance) for a service with an instance and its processes."""
    yield _instance(service, unit(service), service["config_file"])
    for name, number in process_units(service):
        yield _instance(service, process_unit(service, name, number))


def _instance(service: Service, template: str, *read: str) -> dict[str, Any]:
    name, paths = template.rpartition("/")[2], (template, service["environment_file"], *read)
    return {
        "name": name.replace("@", f"@{service['instance']}"),
        "files": [path.replace("%i", str(service["instance"])) for path in paths],
    }
