# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What names look like: of an app, a domain, an environment variable.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re

APP = re.compile(r"[a-z][a-z0-9-]{0,30}")
"""An app, and its site or service. Linux user names end at 32 characters (useradd(8)); it is a unit's name, too."""
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
"""A label of RFC 1035, section 2.3.1, with the digits of RFC 1123, section 2.1."""
DOMAIN = re.compile(rf"(\*\.)?({LABEL}\.)*{LABEL}")
DOMAIN_LENGTH = 253


def is_full_domain(domain: str) -> bool:
    """Tell whether DOMAIN, in ASCII, is one of the Internet: with a dot, also beside the `*.` of a wildcard."""
    return len(domain) <= DOMAIN_LENGTH and "." in domain.removeprefix("*.") and bool(DOMAIN.fullmatch(domain))
