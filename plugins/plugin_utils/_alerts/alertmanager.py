# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Alertmanager's configuration: recipients, channels, and the grouping of alerts.

Its keys: https://prometheus.io/docs/alerting/0.25/configuration/ (0.28 of Debian 13 takes the same).
PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._alerts import places
from ansible_collections.slipway.flask.plugins.plugin_utils._alerts.description import sender
from ansible_collections.slipway.flask.plugins.plugin_utils._alerts.rules import (
    EVERY_SECONDS,
    FLAPPING,
    PROCESSES,
    SITE,
    WAIT_SECONDS,
    WARNING,
    WATCHDOG,
)

PEOPLE, TEST, HEARTBEAT, NOBODY = "people", "test", "heartbeat", "nobody"
REPEAT = "24h"
"""What is still wrong is told again."""
CAUSES: Sequence[tuple[str, str, Sequence[str]]] = (
    ("SiteDown", "ErrorsHigh|ResponsesSlow|WorkersBusy", ("host", "app")),
    ("DiskFull", "DiskFillsUp", ("host", "mountpoint")),
    ("MetricsMissing", "MetricsPartMissing", ("host",)),
    ("BackupFailed", "BackupOld", ("host", "target")),
    # An app decides when its queues and its answers are slow: it must not have people told without end.
    (
        FLAPPING,
        "|".join(rule.name for rule in (*SITE, *PROCESSES) if rule.severity == WARNING),
        ("host", "app"),
    ),
)
"""An alert, those that it is the cause of, and what must be the same of both: then only the first is told."""


def document(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the configuration for SETTINGS, `slipway_alerts` that has passed `description.problems`."""
    wait = {"group_wait": f"{WAIT_SECONDS}s", "group_interval": f"{EVERY_SECONDS}s", "repeat_interval": REPEAT}
    heartbeat = settings.get("heartbeat")
    beats = {"group_wait": "0s", "group_interval": "1m", "repeat_interval": "30s"}
    return {
        "global": {"resolve_timeout": "5m"},
        "templates": [str(places.TEMPLATE)],
        "route": {
            "receiver": PEOPLE,
            "group_by": ["host"],
            **wait,
            "routes": [
                {"matchers": [f'alertname="{WATCHDOG}"'], "receiver": HEARTBEAT if heartbeat else NOBODY, **beats},
                {"matchers": [f'alertname="{places.TEST}"'], "receiver": TEST, "group_by": ["..."], "group_wait": "0s"},
            ],
        },
        "inhibit_rules": [
            {
                "source_matchers": [f'alertname="{cause}"'],
                "target_matchers": [f'alertname=~"{effects}"'],
                "equal": list(equal),
            }
            for cause, effects, equal in CAUSES
        ],
        "receivers": [
            {"name": PEOPLE, **ways(settings, tells_ends=True)},
            {"name": TEST, **_tested(settings)},
            *([{"name": HEARTBEAT, "webhook_configs": [_webhook(heartbeat, tells_ends=False)]}] if heartbeat else []),
            {"name": NOBODY},
        ],
    }


def ways(settings: Mapping[str, Any], tells_ends: bool) -> dict[str, Any]:
    """Return the ways to people, as a receiver has them; TELLS_ENDS is whether the end of an alert is told as well."""
    slack = {"title": '{{ template "slipway.slack.title" . }}', "text": '{{ template "slipway.slack.text" . }}'}
    discord = {"title": '{{ template "slipway.title" . }}', "message": '{{ template "slipway.text" . }}'}
    ends = {"send_resolved": tells_ends}
    found: dict[str, Any] = {}
    if mail := settings.get("mail"):
        found["email_configs"] = [_mail(mail, to) | ends for to in mail["to"]]
    if url := settings.get("slack"):
        color = '{{ if eq .Status "firing" }}danger{{ else }}good{{ end }}'
        found["slack_configs"] = [
            {"api_url": str(url), "color": color, "title_link": "", "fallback": slack["title"], **slack, **ends}
        ]
    if url := settings.get("discord"):
        found["discord_configs"] = [{"webhook_url": str(url), **discord, **ends}]
    if urls := settings.get("webhooks"):
        found["webhook_configs"] = [_webhook(url, tells_ends) for url in urls]
    return found


def _tested(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return all that can be told, the heartbeat last among the webhooks; of a test, no end is told."""
    urls = [*(settings.get("webhooks") or ()), *filter(None, [settings.get("heartbeat")])]
    return ways({**settings, "webhooks": urls}, tells_ends=False)


def _webhook(url: Any, tells_ends: bool) -> dict[str, Any]:
    return {"url": str(url), "send_resolved": tells_ends}


def _mail(mail: Mapping[str, Any], to: str) -> dict[str, Any]:
    login = {"auth_username": str(mail["user"]), "auth_password": str(mail["password"])} if mail.get("user") else {}
    return {
        "to": str(to),
        "from": sender(mail),
        "smarthost": str(mail["smtp"]),
        **login,
        "require_tls": bool(mail.get("tls", True)),
        **({"tls_config": {"ca_file": str(places.CA)}} if mail.get("ca") else {}),
        "headers": {"Subject": '{{ template "slipway.title" . }}'},
        "html": "",
        "text": '{{ template "slipway.text" . }}',
    }


def named(settings: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the ways of the receiver for tests by names without a secret, with what Alertmanager calls them."""
    found = [{"name": f"mail to {to}", "kind": "email", "number": number} for number, to in enumerate(_to(settings))]
    found += [{"name": name, "kind": name, "number": 0} for name in ("slack", "discord") if settings.get(name)]
    urls = settings.get("webhooks") or []
    hooks = [f"webhook {number}" for number, _ in enumerate(urls, 1)]
    hooks += ["heartbeat"] if settings.get("heartbeat") else []
    return found + [{"name": name, "kind": "webhook", "number": number} for number, name in enumerate(hooks)]


def _to(settings: Mapping[str, Any]) -> list[str]:
    return [str(to) for to in (settings.get("mail") or {}).get("to", ())]
