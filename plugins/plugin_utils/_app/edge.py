# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What is wrong with what an app wants of nginx; types and ranges have been looked at.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._nginx import access, limits, site_problems


def problems(app: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with what nginx does for the app."""
    found = [
        *(f"'headers': {problem}" for problem in site_problems.header_problems(app.get("headers", {}))),
        *access.problems(app.get("access", []), app.get("client_ca_file", "")),
        *limits.rate_problems(app.get("rate_limits", {})),
        *limits.streaming_problems(app.get("streaming", [])),
    ]
    if app.get("hsts_preload") and app.get("certificate", "self_signed") == "self_signed":
        found.append(
            "'hsts_preload' is on with a self-signed certificate, which would lock out all visitors; turn it off"
        )
    shared = {str(folder).strip("/") for folder in app.get("shared_folders", [])}
    downloads = app.get("protected_downloads", {})
    for url, folder in downloads.items():
        if not str(folder).startswith("/") and str(folder).strip("/") not in shared:
            found.append(
                f"the folder '{folder}' of '{url}' in 'protected_downloads' must be one of 'shared_folders', or an "
                "absolute path"
            )
        if url in app.get("static", {}):
            found.append(f"'{url}' is in both 'static' and 'protected_downloads'; keep one")
    absolute = {url: folder if str(folder).startswith("/") else f"/{folder}" for url, folder in downloads.items()}
    return [*found, *limits.download_problems(absolute)]
