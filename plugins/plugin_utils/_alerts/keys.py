# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The keys of `slipway_alerts`: the one place that says what each is.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from ansible_collections.slipway.flask.plugins.plugin_utils._schema.key import REQUIRED, Key

MAIL = {
    "to": Key(list, REQUIRED, "Addresses that get the mail.", of=str),
    "smtp": Key(
        str, REQUIRED, "Server that takes the mail, `host:port`; 587 starts TLS, 465 has it from the first byte."
    ),
    "user": Key(str, "", "User to log in as; empty does not log in."),
    "password": Key(str, "", "Its password (secret)."),
    "from": Key(str, "", "Sender; the default is the user, if that is an address."),
    "tls": Key(bool, True, "Whether the server must offer TLS. Without it, there can be no password."),
    "ca": Key(str, "", "Certificate authority (PEM) of the server, if the host doesn't trust it anyway."),
}


def _number(kind: type, default: float, text: str, low: int, high: int) -> Key:
    return Key((int, float) if kind is float else int, default, text, range=(low, high))


THRESHOLDS = {
    "error_percent": _number(float, 5, "Share of requests that the app answers with 5xx, in percent.", 1, 100),
    "slow_seconds": _number(float, 2, "What one request in twenty takes longer than (p95), in seconds.", 0, 600),
    "busy_percent": _number(float, 90, "Share of gunicorn's threads that are busy, for five minutes, in percent.", 10, 100),
    "restarts": _number(int, 3, "How often a process starts again by itself within ten minutes.", 1, 1000),
    "memory_percent": _number(
        float, 90, "Share of the host's memory, or of a process's limit, that is taken for five minutes, in percent.", 10, 100
    ),
    "disk_hours": _number(float, 12, "A disk that will be full within so many hours, as it has filled for an hour.", 1, 720),
    "certificate_days": _number(float, 10, "Days that a certificate still holds; it should have been renewed by then.", 1, 90),
    "backup_hours": _number(float, 26, "Age of the newest restore point, in hours.", 1, 720),
    "archive_minutes": _number(float, 15, "For how long PostgreSQL's WAL waits to be archived, in minutes.", 1, 1440),
    "queue_seconds": _number(float, 300, "For how long the oldest job waits in a queue, in seconds.", 1, 604_800),
    "connections_percent": _number(float, 90, "Share of PostgreSQL's connections that are taken, in percent.", 10, 100),
    "clock_seconds": _number(float, 1, "How wrong the clock is, in seconds.", 0, 3600),
    "maintenance_hours": _number(float, 4, "For how long a site may be closed for maintenance, in hours.", 1, 720),
    "reboot_days": _number(int, 7, "For how many days an update may wait for a reboot.", 1, 365),
}  # fmt: skip
KEYS = {
    "mail": Key(dict, {}, "Mail to people.", keys=MAIL),
    "slack": Key(str, "", "Address of an incoming webhook of Slack, or of what understands the same (secret)."),
    "discord": Key(str, "", "Address of a webhook of Discord (secret)."),
    "webhooks": Key(
        list, [], "Addresses that get Alertmanager's JSON (secret); see docs/alerts.md for what is in it.", of=str
    ),
    "heartbeat": Key(
        str, "", "Address that is called every minute for as long as all is well with the alerts themselves; a service such as "
        "healthchecks.io tells you when that stops (secret)."
    ),
    "thresholds": Key(dict, {}, "From where on there is an alert.", keys=THRESHOLDS),
}  # fmt: skip
WAYS = ("mail", "slack", "discord", "webhooks")
"""What reaches somebody; one of them must be there."""
