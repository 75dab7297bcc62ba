# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Where the metrics of a host have their settings, secrets and files. PRIVATE to the collection. It can have breaking changes."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._alerts import places as alerts

SETTINGS = Path("/etc/slipway/metrics.json")
"""All that the collector is told: which apps are on the host, and where."""
PROGRAM = Path("/usr/local/sbin/slipway-metrics")
OUTPUT = Path("/run/slipway-metrics")
"""Where the collector writes a file for each of its parts, and the node exporter reads them: in memory, gone after a boot."""
PSQL = Path("/run/slipway-metrics-psql.sock")
"""Where root asks PostgreSQL, by a psql that systemd starts as the server's own user."""
STATE = Path("/var/lib/slipway-metrics")
"""What parts keep over a restart, such as how far a log was read; root's alone."""
SECRETS, PROMETHEUS = alerts.SECRETS, alerts.FOLDER
WEB = alerts.WEB.parent
"""Hashes of those passwords, as each server reads them, and the passwords for Prometheus: for the group prometheus."""
RULES = alerts.RULES.parent
