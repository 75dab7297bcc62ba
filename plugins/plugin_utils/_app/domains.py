# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The domains of an app: plain ones, wildcards, and international ones, which nginx and certificates want in ASCII.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._schema import names

DEVIATING = "\u00df\u03c2\u200c\u200d"
"""Characters that IDNA 2003, which Python has, spells otherwise than IDNA 2008, which registries have (RFC 5894, 7.2)."""


def in_ascii(domain: str) -> str:
    """Return a domain as nginx, certificates and browsers name it: in lower case, `bücher.example` as `xn--…`."""
    bare = domain.lower()
    star = "*." if bare.startswith("*.") else ""
    return bare if bare.isascii() else star + bare.removeprefix(star).encode("idna").decode()


def same(domain: str) -> str:
    """Return what is equal for two ways to write one domain, whether it is valid or not."""
    try:
        return in_ascii(domain)
    except UnicodeError:
        return domain.lower()


def problems(key: str, domains: list[Any]) -> Iterator[str]:
    """Yield what is wrong with the DOMAINS of KEY, one sentence each."""
    for domain in domains:
        said = f"'{domain}' in '{key}' is not a valid domain"
        if not isinstance(domain, str):
            yield f"{said}: it must be text"
        elif "://" in domain or "/" in domain:
            yield (
                f"{said}: it has a path or a scheme. An app has its own domains, as in blog.example.com; nothing can be served "
                "below a path of another app's domain (see docs/front.md)"
            )
        elif set(domain) & set(DEVIATING):
            yield f"{said} here: the old and the new rules for international names spell it differently; write it as xn--…"
        else:
            if not names.is_full_domain(same(domain)):
                yield f"{said}: letters, digits, hyphens and dots, as in www.example.com, or *.example.com"
    if key == "domains" and domains and str(domains[0]).startswith("*."):
        yield f"'domains' begins with the wildcard '{domains[0]}'; start with the main domain, which is requested after a deploy"
