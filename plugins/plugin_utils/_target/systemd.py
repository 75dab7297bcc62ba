# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""An app on a host with systemd: its places, its service of gunicorn, its site of nginx, the packages that it needs.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._audit import wanted
from ansible_collections.slipway.flask.plugins.plugin_utils._app import stage, tracing
from ansible_collections.slipway.flask.plugins.plugin_utils._gunicorn import process_files
from ansible_collections.slipway.flask.plugins.plugin_utils._schedule import expression
from ansible_collections.slipway.flask.plugins.plugin_utils._service import known

GUNICORN = "gunicorn>=23,<28"
"""The series that its settings are tested with; one that the app's own list has goes before."""
GUNICORN_ASGI = "gunicorn>=27,<28"
"""Before 26.2 its ASGI workers keep connections open that have ended, and one that stops answers nobody any more."""
UPSTREAM_KEEPALIVE = 16
"""Idle connections that each worker of nginx keeps to an app: as many as a few workers of gunicorn have threads."""
WEB_USER = "www-data"
"""The user that nginx runs as on Debian and Ubuntu."""
SERVER = ("worker_class", "workers", "threads", "timeout_seconds", "memory_max_mb")
"""Keys of an app that gunicorn's service has by the same name."""
WORKERS = {"gevent": "gevent>=24.10"}


def places(app: Mapping[str, Any]) -> dict[str, str]:
    """Return where an app is on its host: what Paths takes."""
    return {"app": app["name"], "root": root(app), "settings": f"/etc/{app['name']}"}


def described(app: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the host must know of an app to tell whether it is well (module_utils/_app/described.py)."""
    return {**places(app), "health": {key: app[f"health_{key}"] for key in ("path", "status", "host")}}


def audits(apps: Iterable[Mapping[str, Any]], url: Any = "") -> list[dict[str, Any]]:
    """Return those of APPS whose `audit` is on, as sent to the host; URL is that of the service, if it is not the default."""
    return [
        {"app": app["name"], "root": root(app), "url": str(url or wanted.URL), "audit": app["audit"]}
        for app in apps
        if app["audit"]["mode"] != "off"
    ]


def root(app: Mapping[str, Any]) -> str:
    """Return the folder of the app's releases."""
    return f"/srv/{app['name']}"


def secrets(app: Mapping[str, Any]) -> dict[str, Any]:
    """Return the app's secret environment variables, those of its services among them."""
    return {**app["secrets"], **known.environment(app)}


def needed_packages(app: Mapping[str, Any]) -> list[str]:
    """Return the requirement lines that are added when the app's own set has no such package: server, workers, tracing."""
    workers = [WORKERS[app["worker_class"]]] if app["worker_class"] in WORKERS else []
    gunicorn = GUNICORN_ASGI if app["worker_class"] == "asgi" else GUNICORN
    return [gunicorn, *workers, *(tracing.PACKAGES if app["otel"] else [])]


def writable_paths(app: Mapping[str, Any]) -> list[str]:
    """Return the folders that the app's service may write."""
    return [f"{root(app)}/shared", *app["writable_paths"]]


def service(app: Mapping[str, Any]) -> dict[str, Any]:
    """Return the app's entry for the role gunicorn_systemd; a release has settings of its own."""
    settings = f"/etc/{app['name']}/releases/%i"
    same = ("name", "wsgi", "environment", "sandbox", "handover", "processes", *SERVER)
    return {
        **{key: app[key] for key in same},
        "socket_users": [WEB_USER],
        "web": serves(app),
        "own_metrics": bool(app["metrics_path"]),
        "tracing": bool(app["otel"]),
        "after": known.after_units(app),
        "environment_file": f"{settings}/environment",
        "config_file": f"{settings}/gunicorn.conf.py",
        "secrets": secrets(app),
        "notifications": app["notifications"] if any(one["schedule"] for one in app["processes"].values()) else [],
        "writable_paths": writable_paths(app),
    }


def serves(app: Mapping[str, Any]) -> bool:
    """Tell whether the host has the web process and the site of APP (_app/hosts.py); any has on whom nothing is said."""
    return bool(app.get("serves", True))


def processes(app: Mapping[str, Any]) -> str:
    """Return what the role gunicorn_systemd writes of the app's processes, "" when there are none."""
    return process_files.document(app["processes"], f"{root(app)}/releases/%i", serves(app))


def site(app: Mapping[str, Any], waiting: Iterable[str] = ()) -> dict[str, Any]:
    """Return the app's entry for the role nginx_tls; WAITING are the apps whose domains another site still serves."""
    current = f"{root(app)}/current"
    found = {
        "name": app["name"],
        "domains": list(app["domains"]),
        "redirect_domains": list(app["redirect_domains"]),
        "upstream": f"unix:{current}/run/gunicorn.sock",
        "static": [
            {
                **entry,
                "url": url,
                "folder": f"{current}/src/{entry['folder'].strip('/')}/",
                "previous_folder": f"{root(app)}/previous/src/{entry['folder'].strip('/')}/",
                "within": f"{current}/src",
                "vetted_folder": ""
                if _is_shared(entry["folder"], app)
                else f"{current}/vetted/{entry['folder'].strip('/')}/",
            }
            for url, entry in app["static"].items()
        ],
        "rate_limits": dict(app["rate_limits"]),
        "streaming": list(app["streaming"]),
        "protected_downloads": {
            url: folder if folder.startswith("/") else f"{root(app)}/shared/{folder.strip('/')}"
            for url, folder in app["protected_downloads"].items()
        },
        "body_size_mb": app["body_size_mb"],
        "header_kb": app["header_kb"],
        "timeout_seconds": app["timeout_seconds"],
        "headers": app["headers"],
        "access": app["access"],
        "client_ca_file": app["client_ca_file"],
        "probe_path": app["health_path"][0],
        "hidden_paths": [app["metrics_path"]] if app["metrics_path"] else [],
        "certificate": app["certificate"],
    }
    if app["worker_class"] == "gthread":  # the only one that gives no kept connection up while a request is on its way
        found["upstream_keepalive"] = UPSTREAM_KEEPALIVE
    if app["stage"] == stage.STAGING:
        found["staging"] = True
    elif app["hsts_preload"]:
        found["hsts_preload"] = True
    if app["name"] in waiting:
        found["waiting"] = True
    if app["certificate"] == "provided":
        found |= {"certificate_file": app["certificate_file"], "key_file": app["certificate_key_file"]}
    return found


def names(app: Mapping[str, Any]) -> dict[str, Any]:
    """Return the app's entry for the role host_dashboard: what it is called."""
    return {key: app[key] for key in ("name", "domains", "redirect_domains")}


def _is_shared(folder: str, app: Mapping[str, Any]) -> bool:
    """Tell whether a folder of the code is one of those that outlive a release, or is in one."""
    return any(f"{folder.strip('/')}/".startswith(f"{name.strip('/')}/") for name in app["shared_folders"])


def web_folders(app: Mapping[str, Any]) -> list[str]:
    """Return the app's folders that nginx serves directly: of its code and shared ones by name, others by path."""
    static = [entry["folder"] for entry in app["static"].values()]
    return sorted({folder.rstrip("/") for folder in (*static, *app["protected_downloads"].values())})


def packages(apps: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the APT packages that the apps need: what they ask for, git for a repository, setfacl for their sockets."""
    apps = list(apps)
    found = {name for app in apps for name in (*app["system_packages"], *known.packages(app), "acl")}
    zones = any(expression.has_zone(one["schedule"]) for app in apps for one in app["processes"].values())
    found |= {"sudo"} if any(app["deployers"] for app in apps) else set()
    return sorted(found | ({"tzdata"} if zones else set()) | {"git" for app in apps if app["source"]["git"]})
