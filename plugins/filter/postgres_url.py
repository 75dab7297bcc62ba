# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Filter slipway.flask.postgres_url."""

from __future__ import annotations

DOCUMENTATION = r"""
name: postgres_url
short_description: Rewrites a PostgreSQL URL for a driver
version_added: 0.1.0
author: Slipway contributors (@slipway)
description:
  - Changes the scheme of the URL and adds parameters that it doesn't have yet. URLs of other databases are returned
    unchanged.
options:
  _input:
    description: A database URL.
    type: str
    required: true
  scheme:
    description: Scheme to use, such as V(postgresql+psycopg). Empty keeps the scheme of the URL.
    type: str
    default: ""
  parameters:
    description: Parameters to add unless the URL already has them, such as C(sslrootcert). Empty values are omitted.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Show the URL for SQLAlchemy with psycopg
  ansible.builtin.debug:
    msg: >-
      {{ 'postgres://db.example/shop' | slipway.flask.postgres_url('postgresql+psycopg', {'sslmode': 'verify-full'}) }}
"""

RETURN = r"""
_value:
  description: The URL.
  type: str
  sample: postgresql+psycopg://db.example/shop?sslmode=verify-full
"""

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.slipway.flask.plugins.module_utils._source.url_parts import UrlError
from ansible_collections.slipway.flask.plugins.plugin_utils._connection.postgres import rewrite_url


def postgres_url(url: str, scheme: str = "", parameters: dict[str, str] | None = None) -> str:
    """Return URL with SCHEME and further PARAMETERS."""
    try:
        return rewrite_url(url, scheme, parameters)
    except UrlError as error:
        raise AnsibleFilterError(f"slipway.flask.postgres_url: the URL {error}") from None


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"postgres_url": postgres_url}
