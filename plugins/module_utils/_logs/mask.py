# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Which parameters of an address are secret, and a text without their values.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable

DEFAULT = (
    "token", "code", "password", "passwd", "pwd", "pass", "secret", "key", "apikey", "signature", "sig", "auth",
    "authorization", "credential", "credentials", "session", "sessionid", "jwt", "assertion", "otp", "ticket", "nonce",
)  # fmt: skip
"""Parameters whose values are masked; also with something before them: `access_token`, `X-Amz-Signature`, `user[password]`."""
STARS = "***"
NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")


def parameter(names: Iterable[str]) -> str:
    """Return the pattern of such a parameter's name with its equals sign, for Python and nginx (PCRE); case is ignored."""
    return rf"(?:[^?&;=#\s\x22/]*[_.\-\[])?(?:{'|'.join(re.escape(name) for name in sorted(names))})\]?="


def masker(names: Iterable[str]) -> Callable[[str], str]:
    """Return what takes the values of such parameters out of a text with addresses in it."""
    known = list(names)
    if not known:
        return lambda text: text
    pattern = re.compile(rf"([?&;]{parameter(known)})[^&;#\s\"'<>]+", re.IGNORECASE)
    return lambda text: pattern.sub(rf"\1{STARS}", text) if "=" in text else text


def shortened(address: str) -> str:
    """Return an ADDRESS without the part that tells one visitor from another: /24 of IPv4, /48 of IPv6."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return address
    bits = 24 if known.version == 4 else 48
    return str(ipaddress.ip_network(f"{address}/{bits}", strict=False).network_address)
