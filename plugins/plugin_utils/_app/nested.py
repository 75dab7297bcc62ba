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
        str, REQUIRED, "The command line; no shell reads it. `$NAME` is replaced by a variable of the app's."
    ),
    "name": Key(str, "", "Name of a command that runs once, if its first words don't tell it from others."),
}
ONCE = Key(bool, False, "Run the command only once per app and host, not with every release.")
SOURCE = {
    "path": Key(str, "", "Folder on this machine; relative paths start at the inventory's folder."),
    "everything": Key(bool, False, "With `path`: also copy what `.gitignore` and `.slipwayignore` name."),
    "git": Key(str, "", "URL of a Git repository."),
    "version": Key(str, "HEAD", "With `git`: branch, tag or commit."),
    "key": Key(str, "", "With `git`: private SSH deploy key (secret)."),
    "archive": Key(str, "", "Archive on this machine, or its URL."),
    "sha256": Key(str, "", "SHA-256 of the archive; required for a URL."),
    "package": Key(str, "", "Pinned PyPI package to deploy instead of source, e.g. `shop==1.2`."),
}
STATIC = {
    "folder": Key(str, REQUIRED, "Folder inside the source, or one of `shared_folders`."),
    "expires_seconds": Key(
        int, 3600, "How long browsers may keep a file without asking again.", range=(0, static.YEAR)
    ),
    "immutable": Key(
        str,
        "auto",
        "Whether a file never changes under its name: `auto` decides by a hash in the name.",
        static.CHOICES["immutable"],
    ),
    "fallback": Key(
        str, "404", "What answers for a file that is not there: `404`, or the `app`.", static.CHOICES["fallback"]
    ),
}
ACCESS = {
    "path": Key(str, "/", "Path that the rule covers, with everything below it."),
    "allow": Key(list, [], "Addresses and networks that may visit; all others get 403.", of=str),
    "deny": Key(list, [], "Addresses and networks that get 403.", of=str),
    "basic_auth": Key(
        dict, {}, "User to password hash, from `openssl passwd -6`; others get 401.", of=str, place="user"
    ),
    "client_certificate": Key(bool, False, "Require a certificate of the authority in `client_ca_file`."),
}
NOTIFICATION = {
    "url": Key(str, REQUIRED, "Address that gets a POST request (secret)."),
    "format": Key(
        str,
        webhooks.FORMATS[0],
        "What is sent: everything as JSON (`slipway`), or a message for `slack` or `discord`.",
        webhooks.FORMATS,
    ),
}
PROCESS = process.KEYS
OTEL = {
    "endpoint": Key(
        str, REQUIRED, "Address that takes OTLP over HTTP, e.g. `http://127.0.0.1:4318`; `/v1/traces` is added to it."
    ),
    "headers": Key(dict, {}, "Headers of each call to it, such as `Authorization` (secret).", of=str, place="header"),
    "sample_percent": Key(int, 100, "How many of a hundred requests are traced.", range=(1, 100)),
    "environment": Key(str, "production", "What the traces call the environment (`deployment.environment.name`)."),
}
SANDBOX = {name: Key(bool, False, f"Opens the sandbox for {meaning}.") for name, meaning in sandbox_needs.NEEDS.items()}
