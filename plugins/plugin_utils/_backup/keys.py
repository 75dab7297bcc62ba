# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The keys of `slipway_backups`: the one place that says what each is.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from ansible_collections.slipway.flask.plugins.plugin_utils._app import nested
from ansible_collections.slipway.flask.plugins.plugin_utils._schema.key import REQUIRED, Key

S3 = {
    "bucket": Key(str, REQUIRED, "Name of the bucket, which must exist."),
    "endpoint": Key(str, REQUIRED, "Host of the service, e.g. `s3.eu-central-1.amazonaws.com`; with `:port` if it isn't 443."),
    "region": Key(str, "", "Region, if the service has several."),
    "key": Key(str, REQUIRED, "Access key."),
    "secret": Key(str, REQUIRED, "Secret key (secret)."),
    "prefix": Key(str, "", "Folder in the bucket that everything goes below."),
    "addressing": Key(str, "path", "Whether the bucket is part of the path or of the host name.", ("path", "virtual")),
    "ca": Key(str, "", "Certificate authority (PEM) of the service, if hosts don't trust it anyway."),
}  # fmt: skip
SFTP = {
    "host": Key(str, REQUIRED, "Host name or address of the server."),
    "port": Key(int, 22, "Its port.", range=(1, 65535)),
    "user": Key(str, REQUIRED, "User to log in as."),
    "path": Key(str, REQUIRED, "Folder on the server, absolute."),
    "key": Key(str, REQUIRED, "Private SSH key without a passphrase (secret)."),
    "host_key": Key(
        str,
        REQUIRED,
        "The server's keys: all that `ssh-keyscan HOST` prints, for pgBackRest and ssh take different ones.",
    ),
}
TARGET = {
    "s3": Key(dict, {}, "A bucket of a service that speaks S3.", keys=S3),
    "sftp": Key(dict, {}, "A folder on a server with SSH; for the local database it needs pgBackRest 2.46 (Debian 13).", keys=SFTP),
    "path": Key(str, "", "A folder on the host: a mounted disk or share. It must exist."),
}  # fmt: skip
KEEP = {
    "days": Key(int, 7, "Days for which every restore point and any moment in between is kept.", range=(1, 366)),
    "weeks": Key(int, 4, "Weeks for which one restore point each is kept.", range=(0, 520)),
    "months": Key(int, 6, "Months for which one restore point each is kept.", range=(0, 120)),
}
KEYS: dict[str, Key] = {
    "to": Key(list, REQUIRED, "Where backups go, 1 to 4 targets; everything goes to each of them.", of=dict, keys=TARGET),
    "passphrase": Key(str, REQUIRED, "Encrypts everything before it leaves the host; 20 characters or more. Keep it elsewhere: "
                                     "without it no backup can be read (secret)."),
    "keep": Key(dict, {}, "How long backups are kept.", keys=KEEP),
    "every": Key(str, "1h", "How often a restore point is made, from `5min` to `1d`; the database is saved all the time."),
    "drill": Key(str, "Sun *-*-* 04:00", "When the newest backup is restored as a test, as systemd's OnCalendar; empty is never."),
    "notifications": Key(list, [], "Webhooks that are told when a backup, a check or a drill fails, and when all is well again.",
                         of=dict, keys=nested.NOTIFICATION),
    "databases_elsewhere": Key(bool, False, "Also dump databases of `database: url` into the restore points."),
}  # fmt: skip
