# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The keys of `slipway_backups`: the one place that says what each is.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from ansible_collections.slipway.flask.plugins.plugin_utils._app import nested
from ansible_collections.slipway.flask.plugins.plugin_utils._schema.key import REQUIRED, Key

S3 = {
    "bucket": Key(str, REQUIRED, "Name of the bucket; it must exist."),
    "endpoint": Key(str, REQUIRED, "Host name of the service, e.g. `s3.eu-central-1.amazonaws.com`; with "
                                   "`:port` if it isn't 443."),
    "region": Key(str, "", "Region, if the service has several."),
    "key": Key(str, REQUIRED, "Access key."),
    "secret": Key(str, REQUIRED, "Secret key (secret)."),
    "prefix": Key(str, "", "Folder in the bucket for all backups."),
    "addressing": Key(str, "path", "Whether the bucket is addressed in the path or in the host name.", ("path", "virtual")),
    "ca": Key(str, "", "Certificate authority (PEM) of the service, if hosts don't trust it already."),
}  # fmt: skip
SFTP = {
    "host": Key(str, REQUIRED, "Host name or address of the server."),
    "port": Key(int, 22, "SSH port.", range=(1, 65535)),
    "user": Key(str, REQUIRED, "User to log in as."),
    "path": Key(str, REQUIRED, "Absolute path of a folder on the server."),
    "key": Key(str, REQUIRED, "Private SSH key without a passphrase (secret)."),
    "host_key": Key(
        str,
        REQUIRED,
        "The server's host keys: the whole output of `ssh-keyscan HOST`, because pgBackRest and ssh use "
        "different keys.",
    ),
}
TARGET = {
    "s3": Key(dict, {}, "A bucket of an S3-compatible service.", keys=S3),
    "sftp": Key(dict, {}, "A folder on an SSH server. Backups of the local database need pgBackRest 2.46 "
                          "(Debian 13).", keys=SFTP),
    "path": Key(str, "", "A folder on the host, such as a mounted disk or network share; it must exist."),
}  # fmt: skip
KEEP = {
    "days": Key(
        int, 7, "Number of days for which every restore point, and any moment in between, is kept.", range=(1, 366)
    ),
    "weeks": Key(int, 4, "Number of weeks for which one restore point per week is kept.", range=(0, 520)),
    "months": Key(int, 6, "Number of months for which one restore point per month is kept.", range=(0, 120)),
}
KEYS: dict[str, Key] = {
    "to": Key(list, REQUIRED, "Where to store backups: 1 to 4 targets, each of which gets everything.", of=dict, keys=TARGET),
    "passphrase": Key(str, REQUIRED, "Encrypts everything before it leaves the host; at least 20 characters. "
                                     "Keep a copy elsewhere: without it, no backup can be read (secret)."),
    "keep": Key(dict, {}, "How long backups are kept.", keys=KEEP),
    "every": Key(str, "1h", "How often to create a restore point, from `5min` to `1d`; the local PostgreSQL "
                            "database is saved continuously."),
    "drill": Key(str, "Sun *-*-* 04:00", "When to restore the latest backup as a test, as a systemd calendar "
                                         "expression; empty means never."),
    "notifications": Key(list, [], "Webhooks to notify when a backup, a check or a restore drill fails, and "
                                   "when it works again.",
                         of=dict, keys=nested.NOTIFICATION),
    "databases_elsewhere": Key(bool, False, "Include dumps of databases with `database: url` in restore points."),
}  # fmt: skip
