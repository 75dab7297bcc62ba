# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The pieces of a dump's text, and how a dump or an archive is refused. PRIVATE to the collection. It can have breaking changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["statement", "command", "rows", "end"]


class DumpError(RuntimeError):
    """A dump that can't be imported; the message is for the user."""


@dataclass(frozen=True)
class Part:
    """A piece of a dump: a statement without its semicolon, a command of psql's, some rows of a COPY, or their end."""

    kind: Kind
    text: bytes
    line: int
    """Where it begins, from 1."""
