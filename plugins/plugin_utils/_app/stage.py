# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""An app's `stage`: what is otherwise for one that is not for the public. Its site's part is in the role nginx_tls (`staging`).

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

STAGING = "staging"
VARIABLE = "SLIPWAY_STAGE"
"""By which the app's own code can tell: to send no mail to customers, for example."""


def problems(app: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with the stage of APP, a description as the user wrote it: nobody opens a site by leaving a key out."""
    if app.get("stage") != STAGING or "access" in app:
        return []
    return [
        "'stage' is 'staging', and 'access' is missing: anybody could see the site. Add `access: [{path: /, basic_auth: {team: "
        "HASH}}]` with a hash from `openssl passwd -6`; `access: []` leaves the site open"
    ]


def settings(app: Mapping[str, Any]) -> dict[str, str]:
    """Return the environment variables that APP, a whole description, has by its stage; none in production."""
    return {VARIABLE: STAGING} if app["stage"] == STAGING else {}
