# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Secrets that an engine mounts as files: `NAME_FILE=/run/secrets/NAME` becomes NAME, as PostgreSQL's own image does it.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Mapping

from ansible_collections.slipway.flask.plugins.module_utils._image.places import SECRETS

ENDS = "_FILE"


class SecretError(ValueError):
    """A secret can't be read; the message is for the user."""


def read(environment: Mapping[str, str]) -> dict[str, str]:
    """Return ENVIRONMENT with the secrets that it names files of. Raises SecretError."""
    found = dict(environment)
    for name, path in environment.items():
        if not name.endswith(ENDS) or len(name) == len(ENDS) or not path.startswith(SECRETS):
            continue
        wanted = name.removesuffix(ENDS)
        if environment.get(wanted):
            raise SecretError(f"both {wanted} and {name} are set; keep one of them")
        try:
            with open(path, encoding="utf-8") as file:
                text = file.read()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is no text"
            raise SecretError(f"{name} is {path}, which can't be read: {reason}") from None
        found[wanted] = text.removesuffix("\n")  # an editor ends files so
        del found[name]
    return found
