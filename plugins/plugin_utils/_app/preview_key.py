# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What is wrong with an app's `preview`. PRIVATE to the collection: it may change without notice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._app import nested
from ansible_collections.slipway.flask.plugins.plugin_utils._schema import names

MUST: dict[Any, str] = {str: "text", int: "a whole number", list: "a list", dict: "a mapping"}


def problems(app: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with `preview` of APP, whose keys have been checked for their types."""
    given = app.get("preview")
    if not given:
        return
    where = "in 'preview'"
    for key, value in given.items():
        known = nested.PREVIEW.get(key)
        if known is None:
            yield f"unknown key '{key}' {where}{names.nearest(str(key), nested.PREVIEW)}"
        elif not isinstance(value, known.kind) or (isinstance(value, bool) and known.kind is int):
            yield f"'{key}' {where} must be {MUST[known.kind]}"
        elif known.range and isinstance(value, int) and not known.range[0] <= value <= known.range[1]:
            yield f"'{key}' {where} is {value}; it must be from {known.range[0]} to {known.range[1]}"
    domain = given.get("domain", "")
    if not (isinstance(domain, str) and domain.startswith("*.") and names.is_full_domain(domain)):
        yield f"'domain' {where} is '{domain}'; it must be a wildcard such as *.preview.example.org, below which each preview is"
    if "access" not in given and "access" not in app:
        yield (
            f"'access' is missing {where}: anybody could see the previews. Add `access: [{{path: /, basic_auth: {{team: HASH}}}}]` "
            "with a hash from `openssl passwd -6`; `access: []` leaves them open"
        )
