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
WITH_ANYTHING = (
    "token",
    "password",
    "passwd",
    "secret",
    "signature",
    "apikey",
    "credential",
    "credentials",
    "sessionid",
)
"""Those that stand for nothing else at a name's end, so that there need be no sign before them: `accessToken`."""
ALL = "default"
STARS = "***"
NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")


def expanded(names: Iterable[str]) -> list[str]:
    """Return NAMES with DEFAULT in the place of the word `default`."""
    return sorted({one for name in names for one in (DEFAULT if name == ALL else (name,))})


def parameter(names: Iterable[str]) -> str:
    """Return the pattern of such a parameter's name with its equals sign, for Python and nginx (PCRE); case is ignored."""
    known = expanded(names)
    words = "|".join(re.escape(name) for name in known)
    ends = "|".join(re.escape(name) for name in known if name in WITH_ANYTHING)
    before = r"[^?&;=#\s\x22/]*"
    named = rf"(?:{before}(?:[_.\-\[]|%5b))?(?:{words})" + (f"|{before}(?:{ends})" if ends else "")
    return rf"(?:{named})(?:\]|%5d)?(?:\[\]|%5b%5d)?="


def value(names: Iterable[str]) -> str:
    """Return the pattern of such a parameter with its value, the first group being what stays; "" without NAMES."""
    known = list(names)
    return rf"([?&;]{parameter(known)})[^&;#\s\"'<>]+" if known else ""


def masker(names: Iterable[str]) -> Callable[[str], str]:
    """Return what takes the values of such parameters out of a text with addresses in it."""
    if not (written := value(names)):
        return lambda text: text
    pattern = re.compile(written, re.IGNORECASE)
    return lambda text: pattern.sub(rf"\1{STARS}", text) if "=" in text else text


def shortened(address: str) -> str:
    """Return an ADDRESS without the part that tells one visitor from another: /24 of IPv4, /48 of IPv6."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return address
    bits = 24 if known.version == 4 else 48
    return str(ipaddress.ip_network(f"{address}/{bits}", strict=False).network_address)
