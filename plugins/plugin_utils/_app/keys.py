# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The keys of an app's description (an entry of `slipway_apps`): types, defaults, meaning and ranges.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from ansible_collections.slipway.flask.plugins.plugin_utils._schema.key import REQUIRED as REQUIRED
from ansible_collections.slipway.flask.plugins.plugin_utils._schema.key import Key as Key
from ansible_collections.slipway.flask.plugins.plugin_utils._service import known

KEYS: dict[str, Key] = {
    "name": Key(str, REQUIRED, "Name of the app: its user, unit, folder and database are called so."),
    "domains": Key(list, REQUIRED, "Domains that the app answers, the main one first; others may be wildcards, `*.example.com`."),
    "redirect_domains": Key(list, [], "Domains that lead visitors to the main one, e.g. `www.example.com`."),
    "adopt": Key(bool, False, "Takes over a site, service or database of that name which is on the host already: the old "
                              "site goes on until the first release answers; see docs/adopt.md."),
    "source": Key(dict, REQUIRED, "Where the code is: `path`, `git` with `version`, `archive` or `package`; see docs/sources.md."),
    "wsgi": Key(str, REQUIRED, "WSGI entry: `module:app` or `package:create_app()`."),
    "subfolder": Key(str, "", "Folder inside the source that holds the app."),
    "python": Key(str, "", "Python such as `'3.12'` (`python3`: the distribution's); empty is what the project asks for."),
    "requirements": Key(list, [], "Files that list what the app needs; empty finds a lock file by itself."),
    "extra_packages": Key(list, [], "Requirement lines installed together with the app's own, e.g. a database driver."),
    "constraints": Key(list, [], "Requirement lines that limit versions, also of what the app's packages need themselves."),
    "overrides": Key(list, [], "Requirement lines that go before what the app's list, its lock or any package says."),
    "system_packages": Key(list, [], "APT packages that building or running the app needs."),
    "environment": Key(dict, {}, "Environment variables; `{release_folder}/src` stands for the folder of the release's code."),
    "secrets": Key(dict, {}, "Environment variables that are secret (from Ansible Vault or any lookup)."),
    "files": Key(dict, {}, "Files written into the release's code, path to contents; only the app can read them."),
    "secret_key_variable": Key(str, "SECRET_KEY",
                               "The secret that signs sessions; empty when the app has it from a settings file."),
    **{name: key for service in known.SERVICES for name, key in service.keys().items()},
    "build_commands": Key(list, [], "Commands run in the new release before it is checked, e.g. to build assets."),
    "release_commands": Key(list, ["flask db upgrade"],
                            "Commands run before the new release starts; `{command: …, once: true}` runs but once, and "
                            "`$NAME` stands for a variable of the app's."),
    "migrations": Key(str, "guarded", "What a dangerous statement in a pending migration does: `guarded` stops the deploy, "
                                      "`report` tells of it, `off` does not look.", ("guarded", "report", "off")),
    "migrations_allow": Key(list, [], "Revisions that may do what they do, each `revision` or `revision:rule`."),
    "migrations_lock_timeout_seconds": Key(int, 5, "How long a migration waits for a lock in PostgreSQL; 0 is for ever."),
    "migrations_statement_timeout_seconds": Key(int, 0, "How long one statement of a migration may take; 0 is for ever."),
    "check_seconds": Key(int, 120, "How long importing the app may take before it is given up."),
    "writes_at_import": Key(bool, False, "The app can't be imported without writing: it is imported at 'migrate', after a dump."),
    "migrations_dump": Key(bool, True, "Whether the database is dumped before a migration that destroys something."),
    "static": Key(dict, {}, "URL to folder of static files that nginx serves, e.g. `/static/: app/static`, or"
                            " `{folder, expires_seconds, immutable, fallback}`; see docs/edge.md."),
    "shared_folders": Key(list, [], "Folders that outlive a release and that the app may write."),
    "writable_paths": Key(list, [], "Further folders on the host that the app may write."),
    "health_path": Key((str, list), "/", "Path that answers when the app is ready, or a list of paths that all must."),
    "health_status": Key((int, list), 200, "Status that the health path answers with, or a list of those that will do."),
    "health_host": Key(str, "", "Host header of the health request; empty is the main domain."),
    "health_timeout_seconds": Key(int, 60, "How long a new release may take to become ready."),
    "watch_seconds": Key(int, 5, "How long visitors' answers are watched after the switch: worse than before, it goes back."),
    "body_size_mb": Key(int, 10, "Largest request body, in megabytes."),
    "header_kb": Key(int, 8, "Longest address and largest header (a cookie), in kilobytes; more get 414 and 431."),
    "rate_limits": Key(dict, {}, "Requests that one address may send, e.g. `{POST /login: 10/minute}`; more get 429."),
    "streaming": Key(list, [], "Paths of WebSockets, server-sent events and other streamed answers, e.g. `[/events]`."),
    "protected_downloads": Key(dict, {}, "URL to shared folder of files that only the app can hand out, by answering"
                                         " with `X-Accel-Redirect`, e.g. `/protected/: uploads`."),
    "sandbox": Key(dict, {}, "What the sandbox opens, e.g. `{host_metrics: true}`: `host_metrics` memory, load and network "
                             "interfaces (psutil, LibreOffice), `runtime_code` code compiled while it runs (Node.js, numba), "
                             "`browser` a headless Chromium."),
    "handover": Key(str, "", "How a release follows the one before: `overlap` runs both for a moment, `stop_first` one at a "
                             "time, while requests wait; empty is `overlap`, with a hint where the other may be needed.",
                    ("", "overlap", "stop_first")),
    "worker_class": Key(str, "gthread", "Gunicorn's worker class.", ("sync", "gthread", "gevent")),
    "workers": Key(int, 0, "Gunicorn's worker processes; 0 is 2 × cores + 1, capped by memory; 1 with `handover: stop_first`."),
    "threads": Key(int, 4, "Threads of a gthread worker."),
    "timeout_seconds": Key(int, 30, "Longest time that a request may take."),
    "memory_max_mb": Key(int, 0, "Memory that all of the app's processes may use together; 0 is no limit."),
    "headers": Key(dict, {}, "Security headers where the app sends none, e.g. `Content-Security-Policy`; `\"\"` drops one."),
    "hsts_preload": Key(bool, False, "HSTS for all subdomains and for browsers' preload lists; needs a trusted certificate."),
    "access": Key(list, [], "Who may see which path, e.g. `[{path: /, basic_auth: {team: $6$…}}]` for a staging site;"
                            " also `allow`, `deny`, `client_certificate`; see docs/front.md."),
    "client_ca_file": Key(str, "", "File here with the authority (PEM) that visitors' certificates come from."),
    "certificate": Key(str, "self_signed", "Where the certificate comes from.", ("self_signed", "provided", "acme")),
    "certificate_file": Key(str, "", "File here with the provided certificate and its chain (PEM)."),
    "certificate_key_file": Key(str, "", "File here with the provided certificate's key (PEM)."),
    "hooks": Key(dict, {}, "Files of your own tasks, run before or after a stage: `{after_switch: hooks/purge.yml}`."),
    "notifications": Key(list, [], "Webhooks told how each deploy and rollback ended (secret): "
                         "`[{url: …, format: slack}]`; `format` is `slipway` (all as JSON), `slack` or `discord`."),
    "keep_releases": Key(int, 5, "Releases kept on the host, the one that serves among them."),
}  # fmt: skip

RANGES = {
    "health_status": (100, 599),
    "health_timeout_seconds": (1, 3600),
    "watch_seconds": (0, 600),
    "check_seconds": (5, 3600),
    "body_size_mb": (1, 10240),
    "header_kb": (4, 64),
    "workers": (0, 256),
    "threads": (1, 256),
    "timeout_seconds": (1, 3600),
    "memory_max_mb": (0, 1048576),
    "keep_releases": (2, 100),
    "migrations_lock_timeout_seconds": (0, 3600),
    "migrations_statement_timeout_seconds": (0, 86400),
}
