# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""How a backup or a restore fails. PRIVATE to the collection. It can have breaking changes."""

from __future__ import annotations


class BackupError(RuntimeError):
    """A backup or a restore can't go on; the message is one sentence for the user, without a secret in it."""


def plain(path: object) -> str:
    """Return what an app has chosen, such as the PATH of a file, for a message: it could look like another message."""
    text = str(path)
    return text if text.isprintable() else ascii(text)[1:-1]
