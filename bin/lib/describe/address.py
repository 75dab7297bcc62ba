# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Where SSH reaches a VPS, as people type it."""

from __future__ import annotations

import ipaddress
import re

from ansible_collections.slipway.flask.plugins.plugin_utils._schema import names


def of_host(text: str) -> tuple[str, str]:
    """Return (address, user) of `[USER@]ADDRESS`, root where no user is given; raise ValueError with what it must be."""
    user, _, address = text.strip().rpartition("@")
    user = user or "root"
    if not names.SYSTEM_USER.fullmatch(user):
        raise ValueError(
            f"'{user}' is not a valid user name: lower-case letters, digits, hyphens, as in root or debian"
        )
    try:
        return str(ipaddress.ip_address(address.strip("[]"))), user
    except ValueError:
        looks_like_address = re.fullmatch(r"[\d.:]*", address)
        if looks_like_address or len(address) > names.DOMAIN_LENGTH or not names.DOMAIN.fullmatch(address.lower()):
            raise ValueError(
                f"'{address}' is not an IP address or host name, as in 203.0.113.10, 2001:db8::1 or vps1.example.com"
            ) from None
        return address.lower(), user
