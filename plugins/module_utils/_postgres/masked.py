# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""SQL without the values in it, for people to read. PRIVATE to the collection. It can have breaking changes."""

from __future__ import annotations

import re

VALUE = re.compile(
    r"""
    (?P<tag>\$(?:[A-Za-z_]\w*)?\$).*?(?:(?P=tag)|\Z)        # $$…$$, $tag$…$tag$
    | \b[eE]'(?:[^'\\]|\\.|'')*(?:'|\Z)                      # E'…', in which a backslash escapes
    | (?:\b[bxnBXN]|\b[uU]&)?'(?:[^']|'')*(?:'|\Z)           # '…'
    | (?P<kept>"(?:[^"]|"")*(?:"|\Z) | \$\d+)                # an identifier, a parameter
    | (?P<comment>--[^\n]*|/\*.*?(?:\*/|\Z))
    | (?<![\w.])\.?\d[\w.]*(?:(?<=[eE])[+-]\d+)?                # a number
    """,
    re.VERBOSE | re.DOTALL,
)


def masked(sql: str) -> str:
    """Return SQL on one line with ? in place of each string and number, also of one that is cut off; comments are left out."""

    def instead(found: re.Match[str]) -> str:
        if found["comment"]:
            return " "
        return found["kept"] or "?"

    return " ".join(VALUE.sub(instead, sql).split())
