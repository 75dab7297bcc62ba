# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Where the alerts of a host have their settings. PRIVATE to the collection. It can have breaking changes."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path("/etc/prometheus/slipway")
"""Configuration and rules of Prometheus and Alertmanager; the role host_metrics has the first of both."""
SECRETS = Path("/etc/slipway/metrics")
"""Passwords of the servers on loopback, made on the host and never anywhere else; root's alone."""
SETTINGS = FOLDER / "alertmanager.yml"
"""Whom Alertmanager tells, passwords and addresses of webhooks among it: root's alone."""
HANDED = Path("/run/slipway-alertmanager/alertmanager.yml")
"""The copy that the service is handed when it starts."""
TEMPLATE = FOLDER / "alertmanager.tmpl"
RULES = FOLDER / "rules/slipway.yml"
WEB = FOLDER / "web/alertmanager.yml"
"""Who may ask Alertmanager, as a hash; slipway-metrics-secrets.service makes it."""
PASSWORD = SECRETS / "alertmanager.password"
STATE = Path("/var/lib/prometheus/alertmanager")
UNIT = "prometheus-alertmanager.service"
ADDRESS = ("127.0.0.1", 9093)
USER = "slipway"
TEST = "Test"
"""The alert that playbooks/alerts.yml sends with test=true, and the receiver that gets nothing else, without an end."""
CA = FOLDER / "mail-ca.pem"
"""The authority of the server for mail, where one is given."""
