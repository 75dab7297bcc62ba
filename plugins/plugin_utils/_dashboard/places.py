# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Where the page and what it needs is on a host. PRIVATE to the collection. It can have breaking changes."""

from __future__ import annotations

from pathlib import PurePosixPath

from ansible_collections.slipway.flask.plugins.module_utils._metrics import places

FOLDER = PurePosixPath("/usr/local/share/slipway/dashboard")
RULES = PurePosixPath(places.PROMETHEUS) / "rules" / "dashboard.yml"
NGINX_GLOB = f"{places.SECRETS}/prometheus.nginx.con[f]"
"""The store's password as nginx sends it. A pattern: nginx goes without a file that is not there yet."""
