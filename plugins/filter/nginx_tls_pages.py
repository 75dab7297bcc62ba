# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Filter slipway.flask.nginx_tls_pages."""

from __future__ import annotations

DOCUMENTATION = r"""
name: nginx_tls_pages
short_description: The files of nginx's error pages, for people and for programs
version_added: 0.1.0
author: Slipway contributors (@slipway)
description: Makes two entries for M(slipway.flask.files) of each page, one in HTML and one in JSON.
options:
  _input:
    description: C(title) and C(text) of each page by HTTP status.
    type: dict
    required: true
  own:
    description: HTML by HTTP status that is used as it is.
    type: dict
    default: {}
  folder:
    description: Folder of the files on the host.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Write the error pages
  slipway.flask.files:
    files: "{{ {'404': {'title': 'Nothing here', 'text': 'It may have moved.'}}
      | slipway.flask.nginx_tls_pages(folder='/etc/nginx/slipway/pages') }}"
"""

RETURN = r"""
_value:
  description: Entries with C(dest), and C(src) and C(vars) or C(content).
  type: list
  elements: dict
"""

import json
from collections.abc import Callable, Mapping
from typing import Any


def nginx_tls_pages(
    pages: Mapping[str, Mapping[str, str]], folder: str, own: Mapping[Any, str] | None = None
) -> list[dict[str, Any]]:
    """Return the entries of slipway.flask.files for PAGES in FOLDER.

    The JSON has the members that RFC 9457 (Problem Details for HTTP APIs, section 3.1) defines.
    """
    html = {str(status): text for status, text in (own or {}).items()}
    found: list[dict[str, Any]] = []
    for status, page in pages.items():
        entry: dict[str, Any] = {"dest": f"{folder}/{status}.html"}
        if status in html:
            entry["content"] = html[status].rstrip() + "\n"
        else:
            entry |= {"src": "page.html.j2", "vars": {**page, "status": status}}
        answer = {"title": page["title"], "status": int(status), "detail": page["text"]}
        found += [entry, {"dest": f"{folder}/{status}.json", "content": json.dumps(answer) + "\n"}]
    return found


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"nginx_tls_pages": nginx_tls_pages}
