# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Apps written down for a target, for tests to read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from ansible_collections.slipway.flask.plugins.plugin_utils._app import description as app_description
from ansible_collections.slipway.flask.plugins.plugin_utils._render import description, given, output, targets
from ansible_collections.slipway.flask.plugins.plugin_utils._render.output import File
from app_descriptions import shop as described

FRONT = [
    {
        "dest": "/etc/nginx/nginx.conf",
        "content": "pid /run/nginx.pid;\nhttp {\n    include /run/slipway/sites/*.conf;\n}\n",
    },
    {"dest": "/run/slipway/sites/shop.conf", "content": "server {\n    listen 443 ssl;\n}\n"},
    {"dest": "/run/slipway/pages/503.html", "content": "<p>$closed</p>\n"},
    {"dest": "/run/secrets/access/shop-1.users", "content": "team:$6$x\n"},
]
PASSWORDS = {"postgres": "pg", "redis-queue": "rq", "redis-cache": "rc"}


def files(target: str, folder: Path, image: str = "registry.example.com/shop:7", **changes: Any) -> dict[str, File]:
    """Return the files of the shop with CHANGES for TARGET by their paths."""
    return files_of(target, folder, described(**changes), image)


def files_of(
    target: str, folder: Path, app: dict[str, Any], image: str = "registry.example.com/shop:7"
) -> dict[str, File]:
    """Return the files of a described APP for TARGET by their paths."""
    whole = app_description.normalise(app)
    (folder / "secrets").mkdir(parents=True, exist_ok=True)
    for name in ("tls-certificate", "tls-key"):
        (folder / "secrets" / name).write_text("PRIVATE KEY" if name == "tls-key" else "CERTIFICATE")
    kept = output.Kept(folder, {"name-key": "k", "postgres-admin": "pa", "salt": "s"})
    run = given.Given(target, folder, image, 2, given.IMAGES, kept, FRONT)
    made = description.deployment(whole, image, release=run.release, replicas=2, passwords=PASSWORDS)
    return {file.path: file for file in targets.KNOWN[target].render(made, run)}


def document(text: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(text)
    return found
