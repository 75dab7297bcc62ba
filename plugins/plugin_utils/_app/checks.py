# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What is wrong with the values of an app's description, a function per subject; types and ranges have been looked at.

Each gets those keys of a description that are of the right type. PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._app import secret_key
from ansible_collections.slipway.flask.plugins.module_utils._host import sandbox_needs
from ansible_collections.slipway.flask.plugins.module_utils._python import versions
from ansible_collections.slipway.flask.plugins.module_utils._release import hooks
from ansible_collections.slipway.flask.plugins.plugin_utils._app import (
    audit,
    commands,
    edge,
    metrics,
    notifications,
    placeholders,
    preview_key,
    procfile,
    stage,
    static,
    tracing,
)
from ansible_collections.slipway.flask.plugins.plugin_utils._app import domains as app_domains
from ansible_collections.slipway.flask.plugins.plugin_utils._app.keys import RANGES
from ansible_collections.slipway.flask.plugins.plugin_utils._gunicorn import process
from ansible_collections.slipway.flask.plugins.plugin_utils._schema import names
from ansible_collections.slipway.flask.plugins.plugin_utils._service import known
from ansible_collections.slipway.flask.plugins.plugin_utils._source import description

WSGI = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*(\(.*\))?")
RESERVED = {
    "root", "daemon", "bin", "sys", "sync", "games", "man", "lp", "mail", "news", "uucp", "proxy", "www-data", "backup",
    "list", "irc", "nobody", "nginx", "postgres", "systemd", "sshd", "ssh", "default", "template0", "template1", "local",
    # Services and folders that Debian's packages bring, installed now or later.
    "acpid", "apache2", "apt", "auditd", "bind9", "certbot", "chrony", "containerd", "cron", "cups", "dbus", "dhcpcd",
    "docker", "dovecot", "dpkg", "exim4", "fail2ban", "ftp", "getty", "haproxy", "init", "kernel", "letsencrypt", "lock",
    "log", "lxd", "mariadb", "memcached", "mongodb", "mount", "mysql", "named", "network", "ntp", "opt", "pam", "php",
    "polkit", "postfix", "postgresql", "prometheus", "python3", "rabbitmq", "redis", "rsyslog", "security", "shm", "slipway",
    "snapd", "ssl", "sudo", "sv", "tls", "tmux", "udev", "ufw", "user", "users", "utmp", "varnish", "video",
}  # fmt: skip
OURS = ("slipway-", "prometheus-")
"""How users, units and folders of Slipway's and of what it installs begin: an app of that name would be one of them."""


# Words that leave debugging off: Flask's own (flask.helpers.get_debug_flag), and what apps take for DEBUG.
OFF = {"FLASK_DEBUG": {"", "0", "false", "no"}, "DEBUG": {"", "0", "false", "no", "off", "n", "f", "none"}}
# Making one of these the app's own would break the host; the service can't see the homes at all.
SYSTEM_FOLDERS = re.compile(
    r"/+|/+(media|mnt|opt|run|srv|tmp|usr|usr/local|var|var/(lib|log|run|cache|tmp|spool|mail|www))/*"
    r"|/+(bin|boot|dev|etc|home|lib\w*|proc|root|run/user|sbin|sys|opt/slipway|usr/(?!local/)[^/]+"
    r"|var/lib/(apt|dpkg|systemd|postgresql|mysql|docker|letsencrypt|nginx|slipway)|var/log/(nginx|postgresql|journal|apt)"
    r"|var/(backups|spool/cron|lock))(/.*)?"
)


def problems(app: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with the values of APP, one sentence each."""
    return [
        *name_problems(app),
        *source_problems(app),
        *setting_problems(app),
        *path_problems(app),
        *edge.problems(app),
        *stage.problems(app),
        *deployer_problems(app),
        *preview_key.problems(app),
    ]


def deployer_problems(app: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with who may deploy by themselves: their program takes nothing but a commit."""
    deployers = app.get("deployers") or []
    found = [
        f"'{name}' in 'deployers' is not a valid user name: small letters, digits, - and _, a letter first, and not root"
        for name in deployers
        if not names.SYSTEM_USER.fullmatch(str(name)) or name == "root"
    ]
    if deployers and not (app.get("source") or {}).get("git"):
        found.append("'deployers' needs 'git' in 'source': what they deploy is a commit that the host fetches itself")
    if deployers and app.get("hooks"):
        found.append("'deployers' can't be used with 'hooks', whose tasks only Ansible can run; remove one of the two")
    return found


def debug_problems(environment: Mapping[str, Any], secrets: Mapping[str, Any]) -> list[str]:
    """Return one sentence for each variable that switches debugging on; the value of a secret is not shown."""
    values = {**environment, **secrets}
    found = []
    for name, off in OFF.items():
        value = values.get(name)
        if value is None or isinstance(value, (list, dict)) or str(value).strip().lower() in off:
            continue
        how = "on" if name in secrets else f"'{value}'"
        found.append(f"{name} is {how}, and its debugger lets anybody run code on the host. Remove it")
    return found


def name_problems(app: Mapping[str, Any]) -> list[str]:
    found = []
    name = app.get("name")
    if name is not None and not names.APP.fullmatch(name):
        found.append(
            f"'name' is '{name}'; it must be 1 to 31 lower-case letters, digits and hyphens, and start with a letter"
        )
    elif name in RESERVED or str(name).startswith(OURS):
        found.append(f"'name' is '{name}', which is taken by the system; choose another")
    if app.get("domains") == []:
        found.append("'domains' is empty; give at least one domain")
    for key in ("domains", "redirect_domains"):
        found += app_domains.problems(key, app.get(key, []))
    python = versions.problem(app.get("python", ""))
    found += [python] if python else []
    entry = app.get("wsgi")
    if entry is not None and ":" not in entry:
        found.append(f"'wsgi' is '{entry}', which has no colon; it must be `module:app` or `package:create_app()`")
    elif entry is not None and not WSGI.fullmatch(entry):
        found.append(f"'wsgi' is '{entry}'; it must be `module:app` or `package:create_app()`")
    return found


def source_problems(app: Mapping[str, Any]) -> list[str]:
    source = app.get("source")
    if source is None:
        return []
    found = [
        f"unknown key '{key}' in 'source'{names.nearest(key, description.KEYS)}"
        for key in source
        if key not in description.KEYS
    ]
    found += description.description_problems(source)
    if source.get("package"):
        found += [
            f"'{key}' is given, but a package has none: it is installed with what it requires"
            for key in ("subfolder", "requirements") if app.get(key)
        ]  # fmt: skip
    return found


def setting_problems(app: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with the environment, secrets and services."""
    found = []
    environment, secrets = app.get("environment", {}), app.get("secrets", {})
    for place, mapping in (("environment", environment), ("secrets", secrets)):
        for name, value in mapping.items():
            if not names.VARIABLE.fullmatch(str(name)):
                found.append(f"'{name}' in '{place}' is not a valid variable name: use letters, digits and underscores")
            elif value is None or isinstance(value, (list, dict)):
                found.append(f"'{name}' in '{place}' must be text, a number or true/false; quote it or remove it")
    found += [
        f"'{name}' is in both 'environment' and 'secrets'; keep one" for name in sorted(set(environment) & set(secrets))
    ]
    found += sandbox_needs.problems(app.get("sandbox", {}), "'sandbox'")
    values = {**environment, **secrets}
    found += debug_problems(environment, secrets)
    if values.get("FLASK_ENV") == "development":
        found.append("FLASK_ENV is 'development': remove it (Flask 2.3 dropped it, older ones switch debugging on)")
    if "SECRET_KEY" in environment:
        found.append("SECRET_KEY is in 'environment'; move it to 'secrets', whose values are never shown")
    found += secret_key.problems(app.get("secret_key_variable", "SECRET_KEY"), values)
    for name in app.get("migrations_allow", []):
        if not isinstance(name, str):
            found.append(f"'migrations_allow' holds {name}, which YAML has read as a number; quote it, as in \"0005\"")
    found += audit.problems(app.get("audit", "off"))
    for service in known.SERVICES:
        found += service.problems(app)
    return found + tracing.problems(app)


def path_problems(app: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with folders, static pairs, commands and certificates."""
    found = []
    inside = [("subfolder", app.get("subfolder", ""))]
    inside += [("shared_folders", folder) for folder in app.get("shared_folders", [])]
    inside += [("static", folder) for folder in static.folders(app.get("static", {}))]
    inside += [("files", path) for path in app.get("files", {})]
    inside += [("requirements", path) for path in app.get("requirements", [])]
    for key, path in inside:
        whole = key != "subfolder" and isinstance(path, str) and not set(path.split("/")) - {"", "."}
        if whole or not isinstance(path, str) or path.startswith("/") or ".." in path.split("/"):
            found.append(f"'{path}' in '{key}' must be a path inside the app, without '/' in front and without '..'")
    found += [
        f"the contents of '{path}' in 'files' must be text: quote a number, use to_json for anything else"
        for path, content in app.get("files", {}).items()
        if not isinstance(content, str)
    ]
    found += static.problems(app.get("static", {}))
    for path in app.get("writable_paths", []):
        if not str(path).startswith("/"):
            found.append(f"'{path}' in 'writable_paths' must be an absolute path")
        elif SYSTEM_FOLDERS.fullmatch(str(path)) or ".." in str(path).split("/"):
            found.append(f"'{path}' in 'writable_paths' belongs to the system; name a folder such as /var/lib/<app>")
    for key in ("extra_packages", "constraints", "overrides", "system_packages"):
        found += [f"'{name}' in '{key}' must be text" for name in app.get(key, []) if not isinstance(name, str)]
    found += notifications.problems(app.get("notifications", []))
    found += hooks.problems(app.get("hooks", {}))
    found += command_problems(app)
    found += process_problems(app)
    found += placeholders.problems(app)
    if app.get("certificate") == "provided":
        pair = ("certificate_file", "certificate_key_file")
        found += [f"'certificate' is 'provided' but '{key}' is empty" for key in pair if not app.get(key)]
    return found + health_problems(app)


def health_problems(app: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with the paths that are asked whether the app is well, and with the answers that say so."""
    found = [f"'{key}' is empty; give at least one" for key in ("health_path", "health_status") if app.get(key) == []]
    found += [
        f"'health_path' is '{path}'; it must begin with '/' and have no spaces"
        for path in several(app.get("health_path", "/"))
        if not isinstance(path, str) or not re.fullmatch(r"/[!-~]*", path)
    ]
    found += metrics.problems(app)
    low, high = RANGES["health_status"]
    found += [
        f"'health_status' is {status}; it must be from {low} to {high}"
        for status in several(app.get("health_status", 200))
        if isinstance(status, bool) or not isinstance(status, int) or not low <= status <= high
    ]
    return found


def several(value: Any) -> list[Any]:
    """Return VALUE as a list, which it may be already."""
    return value if isinstance(value, list) else [value]


def command_problems(app: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with the commands, and which secrets stand in them."""
    environment, secrets = app.get("environment", {}), {**app.get("secrets", {}), **known.variables(app)}
    names = [str(name) for name in (*environment, *secrets)]
    return [
        problem
        for key in ("release_commands", "build_commands", "setup_commands")
        for problem in commands.of_list(key, app.get(key, []), names, secrets)
    ]


def process_problems(app: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with the processes beside the web process, and which secrets stand in their commands."""
    processes = app.get("processes", {})
    if procfile.asked(app):
        return procfile.problems(app)
    if isinstance(processes, str):
        return ["'processes' must be `procfile`, or a mapping such as {worker: {command: celery -A shop.tasks worker}}"]
    if found := process.problems(processes):
        return found
    secrets = {**app.get("secrets", {}), **known.variables(app)}
    for name, entry in processes.items():
        own = (*app.get("environment", {}), *secrets, *entry.get("environment", {}), *process.RUNTIME)
        lines = [("'command'", entry["command"])]
        if isinstance(entry.get("ready"), Mapping):
            lines.append(("the command of 'ready'", entry["ready"]["command"]))
        for where, line in lines:
            found += commands.of_line(f"process '{name}': {where}", line, list(map(str, own)), secrets)
        found += [
            f"process '{name}': '{variable}' is in 'environment', and in the app's 'secrets'; keep one"
            for variable in entry.get("environment", {}) if variable in secrets
        ]  # fmt: skip
    return found
