# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What trying a connection brought, and why one failed: a program's words turned into the cause and what to do about it.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Attempt:
    """What trying a connection brought: the server's answers, or the kind and text of the failure."""

    facts: Any
    kind: str = ""
    message: str = ""


@dataclass(frozen=True)
class Reason:
    """`kind` for programs, `cause` and `fix` for people; both may name groups of the pattern as {name}."""

    kind: str
    pattern: str
    cause: str
    fix: str


def explain(said: str, reasons: Iterable[Reason], program: str) -> tuple[str, str, str]:
    """Return (kind, cause, fix) for PROGRAM's error output SAID, by the first of the REASONS; `unknown` when no pattern fits.

    A text's {name} is "in question" where neither that group nor `pooled`, a pooler's word for it, has matched.
    """
    for reason in reasons:
        found = re.search(reason.pattern, said)
        if found:
            groups = {name: value or "" for name, value in found.groupdict().items()}
            if not groups.get("pooled"):
                groups["name"] = groups.get("name") or "in question"
            return reason.kind, reason.cause.format(**groups), reason.fix.format(**groups)
    return "unknown", "the connection failed", f"see the message of {program}"
