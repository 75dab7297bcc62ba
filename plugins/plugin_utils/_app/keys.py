# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The keys of an app's description (an entry of `slipway_apps`): the one place that says what each is.

`description` checks by it, docs/variables.md is written from it, and a test holds what checks the keys inside a key
(`access`, `source`, …) to it. The keys of backing services, such as the database, are in `_service`.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from ansible_collections.slipway.flask.plugins.plugin_utils._app import nested
from ansible_collections.slipway.flask.plugins.plugin_utils._schema.key import REQUIRED as REQUIRED
from ansible_collections.slipway.flask.plugins.plugin_utils._schema.key import Key as Key
from ansible_collections.slipway.flask.plugins.plugin_utils._service import known

SCALARS = (str, int, bool)

KEYS: dict[str, Key] = {
    "name": Key(str, REQUIRED, "Name of the app; its user, unit, folder and database are named after it."),
    "domains": Key(
        list, REQUIRED, "Domains of the app, the main one first; others may be wildcards, `*.example.com`.", of=str
    ),
    "redirect_domains": Key(list, [], "Domains that redirect to the main one, e.g. `www.example.com`.", of=str),
    "adopt": Key(
        bool,
        False,
        "Takes over an existing site, service or database of that name on the host: the old site keeps serving until the "
        "first release answers; see docs/adopt.md.",
    ),
    "source": Key(
        dict,
        REQUIRED,
        "Where the code is: one of `path`, `git`, `archive` and `package`; see docs/sources.md.",
        keys=nested.SOURCE,
    ),
    "wsgi": Key(str, REQUIRED, "WSGI entry: `module:app` or `package:create_app()`."),
    "subfolder": Key(str, "", "Folder inside the source that holds the app."),
    "python": Key(
        str, "", "Python version such as `'3.12'` (`python3`: the distribution's); empty is what the project asks for."
    ),
    "requirements": Key(list, [], "Files that list what the app needs; empty finds a lock file by itself.", of=str),
    "extra_packages": Key(
        list, [], "Requirement lines installed together with the app's own, e.g. a database driver.", of=str
    ),
    "constraints": Key(
        list, [], "Requirement lines that limit versions, also of what the app's packages need themselves.", of=str
    ),
    "overrides": Key(
        list, [], "Requirement lines that replace what the app's list, its lock or any package says.", of=str
    ),
    "system_packages": Key(list, [], "APT packages needed to build or run the app.", of=str),
    "environment": Key(
        dict,
        {},
        "Environment variables; `{release_folder}/src` stands for the folder of the release's code.",
        of=SCALARS,
    ),
    "secrets": Key(dict, {}, "Secret environment variables (from Ansible Vault or any lookup).", of=SCALARS),
    "files": Key(
        dict, {}, "Files written into the release's code, path to contents; only the app can read them.", of=str
    ),
    "secret_key_variable": Key(
        str, "SECRET_KEY", "The secret that signs sessions; empty if the app reads it from a settings file."
    ),
    **{name: key for service in known.SERVICES for name, key in service.keys().items()},
    "build_commands": Key(
        list,
        [],
        "Commands run in the new release before it is checked, e.g. to build assets.",
        of=(str, dict),
        keys=nested.COMMAND,
    ),
    "setup_commands": Key(
        list,
        [],
        "Commands run before the app's code is imported, in every release, e.g. `git init data`; each must do no harm when "
        "it runs again.",
        of=(str, dict),
        keys=nested.COMMAND,
    ),
    "release_commands": Key(
        list,
        known.release_commands({}),
        "Commands run before the new release starts; with `database: none`, the default is none.",
        of=(str, dict),
        keys={**nested.COMMAND, "once": nested.ONCE},
    ),
    "migrations": Key(
        str,
        "guarded",
        "What happens when a pending migration has a dangerous statement: `guarded` stops the deploy, `report` only says "
        "so, `off` does not check.",
        ("guarded", "report", "off"),
    ),
    "migrations_allow": Key(
        list, [], "Revisions whose dangerous statements are allowed, each `revision` or `revision:rule`.", of=str
    ),
    "migrations_lock_timeout_seconds": Key(
        int, 5, "How long a migration waits for a lock in PostgreSQL; 0 is forever.", range=(0, 3600)
    ),
    "migrations_statement_timeout_seconds": Key(
        int, 0, "How long one statement of a migration may take; 0 is forever.", range=(0, 86400)
    ),
    "check_seconds": Key(int, 120, "How long importing the app may take.", range=(5, 3600)),
    "writes_at_import": Key(
        bool, False, "The app can't be imported without writing: it is imported at 'migrate', after a dump."
    ),
    "migrations_dump": Key(bool, True, "Dump the database before a migration that destroys something."),
    "static": Key(
        dict,
        {},
        "URL to folder of static files that nginx serves, e.g. `/static/: app/static`; see docs/edge.md.",
        of=(str, dict),
        keys=nested.STATIC,
        place="url",
    ),
    "shared_folders": Key(list, [], "Folders that outlive a release and that the app may write.", of=str),
    "writable_paths": Key(list, [], "Further folders on the host that the app may write.", of=str),
    "health_path": Key(
        (str, list), "/", "Path that answers when the app is ready, or a list of paths that all must answer.", of=str
    ),
    "health_status": Key(
        (int, list),
        200,
        "Status that the health path answers with, or a list of accepted ones.",
        of=int,
        range=(100, 599),
    ),
    "health_host": Key(str, "", "Host header of the health request; empty is the main domain."),
    "health_timeout_seconds": Key(int, 60, "How long a new release may take to become ready.", range=(1, 3600)),
    "metrics_path": Key(
        str,
        "",
        "Path of the app's own metrics in Prometheus' format, e.g. `/metrics`: they are collected with `slipway_metrics`, and "
        "visitors get 404; see docs/metrics.md.",
    ),
    "watch_seconds": Key(
        int,
        5,
        "Seconds to watch responses after the switch; rolls back automatically if they get worse. 0 does not watch.",
        range=(0, 600),
    ),
    "body_size_mb": Key(int, 10, "Largest request body, in megabytes.", range=(1, 10240)),
    "header_kb": Key(
        int,
        8,
        "Longest address and largest header (a cookie), in kilobytes; larger requests get 414 or 431.",
        range=(4, 64),
    ),
    "rate_limits": Key(
        dict,
        {},
        "Requests that one address may send, e.g. `{POST /login: 10/minute}`; more get 429.",
        of=str,
        place="requests",
    ),
    "streaming": Key(
        list, [], "Paths of WebSockets, server-sent events and other streamed responses, e.g. `[/events]`.", of=str
    ),
    "protected_downloads": Key(
        dict,
        {},
        "URL to shared folder of files that only the app can hand out, by answering with `X-Accel-Redirect`, e.g. "
        "`/protected/: uploads`.",
        of=str,
        place="url",
    ),
    "sandbox": Key(dict, {}, "What the sandbox opens, e.g. `{host_metrics: true}`.", keys=nested.SANDBOX),
    "otel": Key(
        dict,
        {},
        "Traces the app's requests with OpenTelemetry, e.g. `{endpoint: https://otel.example.com:4318}`; see docs/tracing.md.",
        keys=nested.OTEL,
    ),
    "handover": Key(
        str,
        "",
        "How a release follows the one before: `overlap` runs both for a moment, `stop_first` one at a time, while requests "
        "wait; empty is `overlap`, with a hint where the other may be needed.",
        ("", "overlap", "stop_first"),
    ),
    "processes": Key(
        (dict, str),
        {},
        "Further processes of each release beside the web server, e.g. `{worker: {command: celery -A shop.tasks worker}}`; "
        "`procfile` takes those of the source's Procfile; see docs/processes.md.",
        of=dict,
        keys=nested.PROCESS,
        place="process",
    ),
    "worker_class": Key(str, "gthread", "Gunicorn's worker class.", ("sync", "gthread", "gevent")),
    "workers": Key(
        int,
        0,
        "Gunicorn's worker processes; 0 is 2 × cores + 1, capped by memory; 1 with `handover: stop_first`.",
        range=(0, 256),
    ),
    "threads": Key(int, 4, "Threads per gthread worker.", range=(1, 256)),
    "timeout_seconds": Key(int, 30, "Longest time that a request may take.", range=(1, 3600)),
    "memory_max_mb": Key(
        int, 0, "Memory that all of the app's processes may use together; 0 is no limit.", range=(0, 1048576)
    ),
    "headers": Key(
        dict,
        {},
        'Security headers where the app sends none, e.g. `Content-Security-Policy`; `""` drops one.',
        of=(str, int),
        place="header",
    ),
    "hsts_preload": Key(bool, False, "Send HSTS with `includeSubDomains; preload`; needs a trusted certificate."),
    "access": Key(
        list,
        [],
        "Who may see which path, e.g. `[{path: /, basic_auth: {team: $6$…}}]` for a staging site; see docs/front.md.",
        of=dict,
        keys=nested.ACCESS,
    ),
    "client_ca_file": Key(str, "", "File on this machine: the authority (PEM) of visitors' certificates."),
    "certificate": Key(str, "self_signed", "Where the certificate comes from.", ("self_signed", "provided", "acme")),
    "certificate_file": Key(str, "", "File on this machine: the provided certificate with its chain (PEM)."),
    "certificate_key_file": Key(str, "", "File on this machine: the provided certificate's key (PEM)."),
    "hooks": Key(
        dict,
        {},
        "Files of your own tasks, run before or after a stage: `{after_switch: hooks/purge.yml}`.",
        of=str,
        place="when",
    ),
    "notifications": Key(
        list,
        [],
        "Webhooks that are told how each deploy and rollback ended (secret).",
        of=dict,
        keys=nested.NOTIFICATION,
    ),
    "keep_releases": Key(int, 5, "Releases kept on the host, including the one that serves.", range=(2, 100)),
}

RANGES = {name: key.range for name, key in KEYS.items() if key.range}
"""Least and greatest value of the keys that have one."""
