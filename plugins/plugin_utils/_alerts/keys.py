# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The keys of `slipway_alerts`: the one place that says what each is.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from ansible_collections.slipway.flask.plugins.plugin_utils._schema.key import REQUIRED, Key

MAIL = {
    "to": Key(list, REQUIRED, "Recipients.", of=str),
    "smtp": Key(str, REQUIRED, "SMTP server, as `host:port`; port 587 uses STARTTLS, port 465 TLS from the start."),
    "user": Key(str, "", "User name for the login; empty means no login."),
    "password": Key(str, "", "Password for the login (secret)."),
    "from": Key(str, "", "Sender. The default is `user`, if that is an address."),
    "tls": Key(bool, True, "Require TLS. Without TLS, no password can be used."),
    "ca": Key(str, "", "Certificate authority (PEM) of the server, if the host doesn't trust it already."),
}


def _number(kind: type, default: float, text: str, low: int, high: int) -> Key:
    return Key((int, float) if kind is float else int, default, text, range=(low, high))


THRESHOLDS = {
    "error_percent": _number(float, 5, "Percentage of requests that the app answers with 5xx.", 1, 100),
    "slow_seconds": _number(float, 2, "95th percentile of response times (p95), in seconds.", 0, 600),
    "busy_percent": _number(float, 90, "Percentage of gunicorn's threads that are busy for five minutes.", 10, 100),
    "restarts": _number(int, 3, "Number of times that a process restarts on its own within ten minutes.", 1, 1000),
    "memory_percent": _number(
        float, 90, "Percentage of the host's memory, or of a process's memory limit, that is in use for five "
                   "minutes.", 10, 100
    ),
    "disk_hours": _number(float, 12, "Hours until a disk is full, at the rate of the last hour.", 1, 720),
    "certificate_days": _number(float, 10, "Days until a certificate expires; it should have been renewed by "
                                           "then.", 1, 90),
    "backup_hours": _number(float, 26, "Age of the newest restore point, in hours.", 1, 720),
    "archive_minutes": _number(float, 15, "How long PostgreSQL's WAL has been waiting to be archived, in "
                                          "minutes.", 1, 1440),
    "standby_minutes": _number(float, 5, "How far a PostgreSQL standby is behind its primary, in minutes.", 1, 1440),
    "queue_seconds": _number(float, 300, "How long the oldest job has been waiting in a queue, in seconds.", 1, 604_800),
    "connections_percent": _number(float, 90, "Percentage of PostgreSQL's connections that are in use.", 10, 100),
    "clock_seconds": _number(float, 1, "Deviation of the host's clock, in seconds.", 0, 3600),
    "maintenance_hours": _number(float, 4, "How long a site may be in maintenance mode, in hours.", 1, 720),
    "reboot_days": _number(int, 7, "How long an update may wait for a reboot, in days.", 1, 365),
}  # fmt: skip
KEYS = {
    "mail": Key(dict, {}, "Send alerts by email.", keys=MAIL),
    "slack": Key(str, "", "URL of a Slack incoming webhook, or of a compatible service (secret)."),
    "discord": Key(str, "", "URL of a Discord webhook (secret)."),
    "webhooks": Key(
        list, [], "URLs that receive Alertmanager's JSON (secret); see docs/alerts.md for its contents.", of=str
    ),
    "heartbeat": Key(
        str, "", "URL to call every minute as long as alerting itself works; a service such as healthchecks.io "
                 "notifies you when the calls stop (secret)."
    ),
    "thresholds": Key(dict, {}, "Values at which an alert is sent.", keys=THRESHOLDS),
}  # fmt: skip
WAYS = ("mail", "slack", "discord", "webhooks")
"""What reaches somebody; one of them must be there."""
