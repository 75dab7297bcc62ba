# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What names look like: of an app, a domain, an environment variable; and which one was meant.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import Any

APP = re.compile(r"[a-z][a-z0-9-]{0,30}")
"""An app, and its site or service. Linux user names end at 32 characters (useradd(8)); it is a unit's name, too."""
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
"""A label of RFC 1035, section 2.3.1, with the digits of RFC 1123, section 2.1."""
DOMAIN = re.compile(rf"(\*\.)?({LABEL}\.)*{LABEL}")
DOMAIN_LENGTH = 253
SYSTEM_USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
"""A user or group of the host's (useradd(8))."""


def is_full_domain(domain: str) -> bool:
    """Tell whether DOMAIN, in ASCII, is one of the Internet: with a dot, also beside the `*.` of a wildcard."""
    return len(domain) <= DOMAIN_LENGTH and "." in domain.removeprefix("*.") and bool(DOMAIN.fullmatch(domain))


def nearest(word: Any, known: Iterable[str]) -> str:
    """Return " (did you mean 'x'?)" for the known word nearest to WORD, or "" when none is near."""
    found = difflib.get_close_matches(str(word), list(known), n=1)
    return f" (did you mean '{found[0]}'?)" if found else ""
