# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The keys inside a key of an app's description: of its `source`, of an entry of `access`, and so on.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from ansible_collections.slipway.flask.plugins.module_utils._host import sandbox_needs, webhooks
from ansible_collections.slipway.flask.plugins.plugin_utils._app import static
from ansible_collections.slipway.flask.plugins.plugin_utils._gunicorn import process
from ansible_collections.slipway.flask.plugins.plugin_utils._schema.key import REQUIRED, Key

COMMAND = {
    "command": Key(
        str, REQUIRED, "Command line, run without a shell. `$NAME` is replaced by the app's environment variable."
    ),
    "name": Key(str, "", "Name that identifies a `once` command, if its program and subcommand are not unique."),
}
ONCE = Key(bool, False, "Run the command only once per app and host instead of with every release.")
SOURCE = {
    "path": Key(str, "", "Local folder; relative paths start at the inventory's folder."),
    "everything": Key(bool, False, "With `path`: also copy files that `.gitignore` and `.slipwayignore` exclude."),
    "git": Key(str, "", "URL of a Git repository."),
    "version": Key(str, "HEAD", "With `git`: branch, tag or commit."),
    "key": Key(str, "", "With `git`: private SSH deploy key (secret)."),
    "archive": Key(str, "", "Local archive, or its URL."),
    "sha256": Key(str, "", "SHA-256 of the archive; required for a URL."),
    "package": Key(str, "", "Pinned PyPI package to deploy instead of source, e.g. `shop==1.2`."),
}
STATIC = {
    "folder": Key(str, REQUIRED, "Folder inside the source, or one of `shared_folders`."),
    "expires_seconds": Key(
        int, 3600, "How long browsers may cache a file without revalidating it.", range=(0, static.YEAR)
    ),
    "immutable": Key(
        str,
        "auto",
        "Whether a file never changes under its name; `auto` treats file names with a hash as immutable.",
        static.CHOICES["immutable"],
    ),
    "fallback": Key(
        str, "404", "Who answers for a missing file: nginx with `404`, or the `app`.", static.CHOICES["fallback"]
    ),
}
ACCESS = {
    "path": Key(str, "/", "Path that the rule applies to, with everything below it."),
    "allow": Key(list, [], "Addresses and networks that are allowed; all others get 403.", of=str),
    "deny": Key(list, [], "Addresses and networks that get 403.", of=str),
    "basic_auth": Key(
        dict, {}, "Users and password hashes from `openssl passwd -6`; all others get 401.", of=str, place="user"
    ),
    "client_certificate": Key(bool, False, "Require a client certificate from the authority in `client_ca_file`."),
}
NOTIFICATION = {
    "url": Key(str, REQUIRED, "URL that receives a POST request (secret)."),
    "format": Key(
        str,
        webhooks.FORMATS[0],
        "Format of the request: everything as JSON (`slipway`), or a message for `slack` or `discord`.",
        webhooks.FORMATS,
    ),
}
PROCESS = process.KEYS
PREVIEW = {
    "domain": Key(
        str,
        REQUIRED,
        "Wildcard below which each preview has its domain, e.g. `*.preview.example.org`; DNS must lead it to the host.",
    ),
    "days": Key(int, 7, "Days after which the host removes a preview; each update starts them again.", range=(1, 90)),
    "most": Key(int, 5, "Number of previews that a host has at most; one more is refused.", range=(1, 50)),
    "access": Key(list, [], "Access control of the previews, as in `access`. If missing, that of the app."),
    "environment": Key(dict, {}, "Environment variables of the previews, in addition to those of the app."),
    "secrets": Key(dict, {}, "Secrets of the previews. They have none of the app's."),
    "database": Key(
        str,
        "empty",
        "What a preview's database begins with: `empty`, or a `copy` of the app's (PostgreSQL on the host), made anonymous first.",
        ("empty", "copy"),
    ),
    "anonymize": Key(
        str,
        "",
        "With `database: copy`: command of the app that makes the copy anonymous, before the branch's code can read it; `none` "
        "leaves it as it is.",
    ),
    "memory_max_mb": Key(
        int, 512, "Memory limit for all processes of a preview together, in MiB.", range=(64, 1048576)
    ),
}
OTEL = {
    "endpoint": Key(
        str, REQUIRED, "URL of an OTLP/HTTP endpoint, e.g. `http://127.0.0.1:4318`; `/v1/traces` is appended."
    ),
    "headers": Key(
        dict, {}, "Headers to send to the endpoint, such as `Authorization` (secret).", of=str, place="header"
    ),
    "sample_percent": Key(int, 100, "Percentage of requests to trace.", range=(1, 100)),
    "environment": Key(
        str, "", "Name of the environment in traces (`deployment.environment.name`); empty means the app's `stage`."
    ),
}
ALLOWED = {
    "id": Key(str, REQUIRED, "ID of the vulnerability: `CVE-…`, `GHSA-…` or `PYSEC-…`."),
    "reason": Key(str, REQUIRED, "Why it is accepted; shown at each deploy."),
    "until": Key(str, REQUIRED, "Last day of the exception (UTC), e.g. `2027-01-31`."),
}
AUDIT = {
    "mode": Key(
        str,
        "report",
        "What a known vulnerability does: `refuse` stops the deploy, `report` only reports it, `off` turns the check off.",
        ("off", "report", "refuse"),
    ),
    "severity": Key(
        str,
        "low",
        "Minimum severity that stops a deploy with `refuse`; lower ones are reported. An unknown severity always stops it.",
        ("low", "medium", "high", "critical"),
    ),
    "allow": Key(list, [], "Vulnerabilities that are accepted until a date.", of=dict, keys=ALLOWED),
    "private": Key(
        list,
        [],
        "Packages from your own index, as names or patterns such as `acme-*`: not checked, and their names are not sent.",
        of=str,
    ),
}
SANDBOX = {name: Key(bool, False, f"Open the sandbox for {meaning}.") for name, meaning in sandbox_needs.NEEDS.items()}
