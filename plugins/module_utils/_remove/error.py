# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""PRIVATE to the collection. It can have breaking changes."""

from __future__ import annotations


class RemoveError(RuntimeError):
    """Something of an app can't be removed; the message is for the user."""
