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
        list,
        REQUIRED,
        "Domains of the app. The first is the main domain; the others may be wildcards such as `*.example.com`.",
        of=str,
    ),
    "redirect_domains": Key(list, [], "Domains that redirect to the main one, e.g. `www.example.com`.", of=str),
    "stage": Key(
        str,
        "production",
        "`staging` closes the site to the public: a password is required, search engines are kept away, and `acme` certificates "
        "come from Let's Encrypt's staging environment; see docs/promotion.md.",
        ("production", "staging"),
    ),
    "preview": Key(
        dict,
        {},
        "Previews: `playbooks/preview.yml` sets up a branch as an app of its own for some days, e.g. `{domain: "
        "'*.preview.example.org'}`; see docs/previews.md.",
        keys=nested.PREVIEW,
    ),
    "adopt": Key(
        bool,
        False,
        "Take over an existing site, service or database with that name on the host. The old site keeps running "
        "until the first release answers; see docs/adopt.md.",
    ),
    "source": Key(
        dict,
        REQUIRED,
        "Where the code comes from: exactly one of `path`, `git`, `archive` and `package`; see docs/sources.md.",
        keys=nested.SOURCE,
    ),
    "wsgi": Key(str, REQUIRED, "WSGI entry: `module:app` or `package:create_app()`."),
    "subfolder": Key(str, "", "Subfolder of the source that contains the app."),
    "python": Key(
        str,
        "",
        "Python version, such as `'3.12'`; `python3` is the distribution's. If empty, the version that "
        "the project asks for.",
    ),
    "requirements": Key(
        list, [], "Requirements or lock files. If empty, the app's lock file is found automatically.", of=str
    ),
    "extra_packages": Key(
        list, [], "Additional requirements installed with the app's own, e.g. a database driver.", of=str
    ),
    "constraints": Key(list, [], "Version constraints, which also apply to transitive dependencies.", of=str),
    "overrides": Key(list, [], "Requirements that override those of the app, its lock file or any package.", of=str),
    "system_packages": Key(list, [], "APT packages that the app needs to build or run.", of=str),
    "audit": Key(
        (str, dict),
        "off",
        "Check the installed packages for known vulnerabilities at each deploy: `off`, `report` or `refuse`, or a mapping with "
        "a severity and exceptions; see docs/audit.md.",
        keys=nested.AUDIT,
    ),
    "environment": Key(
        dict,
        {},
        "Environment variables. `{release_folder}/src` is replaced by the folder with the release's code.",
        of=SCALARS,
    ),
    "secrets": Key(dict, {}, "Secret environment variables, from Ansible Vault or any lookup (secret).", of=SCALARS),
    "files": Key(
        dict, {}, "Files to write into the release's code, as path to contents; only the app can read them.", of=str
    ),
    "secret_key_variable": Key(
        str, "SECRET_KEY", "Name of the secret that signs sessions. Empty if the app reads it from a settings file."
    ),
    **{name: key for service in known.SERVICES for name, key in service.keys().items()},
    "build_commands": Key(
        list,
        [],
        "Commands to run in the new release before it is checked, e.g. to build assets.",
        of=(str, dict),
        keys=nested.COMMAND,
    ),
    "setup_commands": Key(
        list,
        [],
        "Commands to run in every release before the app's code is imported, e.g. `git init data`. Each must be "
        "safe to run again.",
        of=(str, dict),
        keys=nested.COMMAND,
    ),
    "release_commands": Key(
        list,
        known.release_commands({}),
        "Commands to run before the new release starts. With `database: none`, the default is `[]`.",
        of=(str, dict),
        keys={**nested.COMMAND, "once": nested.ONCE},
    ),
    "migrations": Key(
        str,
        "guarded",
        "What to do when a pending migration contains a dangerous statement: `guarded` stops the deploy, "
        "`report` only reports it, `off` doesn't check.",
        ("guarded", "report", "off"),
    ),
    "migrations_allow": Key(
        list, [], "Revisions whose dangerous statements are allowed, as `revision` or `revision:rule`.", of=str
    ),
    "migrations_lock_timeout_seconds": Key(
        int, 5, "Maximum time that a migration waits for a lock in PostgreSQL; 0 means no limit.", range=(0, 3600)
    ),
    "migrations_statement_timeout_seconds": Key(
        int, 0, "Maximum time for one statement of a migration; 0 means no limit.", range=(0, 86400)
    ),
    "check_seconds": Key(int, 120, "Maximum time for importing the app.", range=(5, 3600)),
    "writes_at_import": Key(
        bool,
        False,
        "The app writes to its database when it is imported. It is then imported at the stage 'migrate', after a dump.",
    ),
    "migrations_dump": Key(bool, True, "Dump the database before a migration that destroys something."),
    "static": Key(
        dict,
        {},
        "Static files that nginx serves, as URL to folder, e.g. `/static/: app/static`; see docs/edge.md.",
        of=(str, dict),
        keys=nested.STATIC,
        place="url",
    ),
    "shared_folders": Key(
        list, [], "Folders that the app may write to and that are kept across releases, e.g. for uploads.", of=str
    ),
    "writable_paths": Key(list, [], "Other folders on the host that the app may write to.", of=str),
    "state_per_host": Key(
        bool,
        False,
        "Several hosts may each have their own uploads (`shared_folders`), SQLite files and local databases; without it, "
        "such an app is refused on more than one host. See docs/fleet.md.",
    ),
    "health_path": Key(
        (str, list), "/", "Path that answers when the app is ready, or a list of paths that must all answer.", of=str
    ),
    "health_status": Key(
        (int, list),
        200,
        "Status code expected from the health path, or a list of accepted ones.",
        of=int,
        range=(100, 599),
    ),
    "health_host": Key(str, "", "Host header of the health request. If empty, the main domain."),
    "health_timeout_seconds": Key(
        int,
        60,
        "Maximum time for a new release to become ready. While it is not, it should answer 503 or nothing: "
        "one that answers 500 for 20 s without a break is given up at once.",
        range=(1, 3600),
    ),
    "metrics_path": Key(
        str,
        "",
        "Path of the app's own metrics in Prometheus format, e.g. `/metrics`. They are collected if "
        "`slipway_metrics` is set; visitors get 404. See docs/metrics.md.",
    ),
    "watch_seconds": Key(
        int,
        5,
        "Seconds to watch responses after the switch; rolls back automatically if they get worse. 0 turns this off.",
        range=(0, 600),
    ),
    "body_size_mb": Key(
        int, 10, "Maximum size of a request body, in megabytes; larger ones get 413.", range=(1, 10240)
    ),
    "header_kb": Key(
        int,
        8,
        "Maximum length of a URL and of one header, such as a cookie, in kilobytes; longer ones get 414 or 431.",
        range=(4, 64),
    ),
    "rate_limits": Key(
        dict,
        {},
        "Rate limits per client address, e.g. `{POST /login: 10/minute}`; requests beyond them get 429.",
        of=str,
        place="requests",
    ),
    "streaming": Key(
        list, [], "Paths of WebSockets, server-sent events and other streamed responses, e.g. `[/events]`.", of=str
    ),
    "protected_downloads": Key(
        dict,
        {},
        "Files that only the app can hand out, with `X-Accel-Redirect`, as URL to shared folder, e.g. "
        "`/protected/: uploads`.",
        of=str,
        place="url",
    ),
    "sandbox": Key(dict, {}, "Exceptions from the sandbox, e.g. `{host_metrics: true}`.", keys=nested.SANDBOX),
    "otel": Key(
        dict,
        {},
        "Trace the app's requests with OpenTelemetry, e.g. `{endpoint: https://otel.example.com:4318}`; see "
        "docs/tracing.md.",
        keys=nested.OTEL,
    ),
    "handover": Key(
        str,
        "",
        "How a release replaces the previous one: `overlap` runs both for a moment; `stop_first` stops the old "
        "one first, while requests wait. Empty means `overlap`, with a hint if the app may need `stop_first`.",
        ("", "overlap", "stop_first"),
    ),
    "processes": Key(
        (dict, str),
        {},
        "Processes that run next to the web server, e.g. `{worker: {command: celery -A shop.tasks worker}}`; "
        "`procfile` takes them from the source's Procfile. See docs/processes.md.",
        of=dict,
        keys=nested.PROCESS,
        place="process",
    ),
    "worker_class": Key(
        str,
        "gthread",
        "Worker class of gunicorn; `asgi` is for ASGI apps (Quart, FastAPI, Starlette).",
        ("sync", "gthread", "gevent", "asgi"),
    ),
    "workers": Key(
        int,
        0,
        "Number of gunicorn's worker processes; 0 means 2 × cores + 1, limited by memory, or 1 with `handover: "
        "stop_first`.",
        range=(0, 256),
    ),
    "threads": Key(int, 4, "Threads per gthread worker.", range=(1, 256)),
    "timeout_seconds": Key(int, 30, "Maximum time for a request.", range=(1, 3600)),
    "memory_max_mb": Key(
        int, 0, "Memory limit for all of the app's processes together, in MiB; 0 means no limit.", range=(0, 1048576)
    ),
    "headers": Key(
        dict,
        {},
        'Security headers to add where the app sends none, e.g. `Content-Security-Policy`; `""` removes one.',
        of=(str, int),
        place="header",
    ),
    "hsts_preload": Key(bool, False, "Send HSTS with `includeSubDomains; preload`; needs a trusted certificate."),
    "access": Key(
        list,
        [],
        "Access control by path, e.g. `[{path: /, basic_auth: {team: $6$…}}]` for a staging site; see docs/front.md.",
        of=dict,
        keys=nested.ACCESS,
    ),
    "client_ca_file": Key(str, "", "Local file with the certificate authority (PEM) that issues client certificates."),
    "certificate": Key(
        str,
        "self_signed",
        "Where the certificate comes from; see docs/certificates.md.",
        ("self_signed", "provided", "acme"),
    ),
    "certificate_file": Key(
        str, "", "Local file with the certificate and its chain (PEM), for `certificate: provided`."
    ),
    "certificate_key_file": Key(
        str, "", "Local file with the certificate's private key (PEM), for `certificate: provided`."
    ),
    "deployers": Key(
        list,
        [],
        "Users of the host who may deploy commits of the app's branch with `sudo slipway-deploy`, and nothing else; see "
        "docs/ci.md.",
        of=str,
    ),
    "hooks": Key(
        dict,
        {},
        "Task files to run before or after a stage, e.g. `{after_switch: hooks/purge.yml}`; `after_switch_once` runs on one of "
        "several hosts.",
        of=str,
        place="when",
    ),
    "notifications": Key(
        list,
        [],
        "Webhooks to notify of the outcome of each deploy and rollback (secret).",
        of=dict,
        keys=nested.NOTIFICATION,
    ),
    "keep_releases": Key(int, 5, "Number of releases to keep on the host, including the live one.", range=(2, 100)),
}

RANGES = {name: key.range for name, key in KEYS.items() if key.range}
"""Least and greatest value of the keys that have one."""
