# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Filter slipway.flask.python_venv_problems."""

from __future__ import annotations

DOCUMENTATION = r"""
name: python_venv_problems
short_description: Checks the variables of the role python_venv
version_added: 0.2.0
author: Slipway contributors (@slipway)
description: Finds every mistake at once, without contacting a host. Values that may be secret are not shown.
options:
  _input:
    description:
      - C(uv_version), C(uv_hashes) (accepted hashes of its wheels), C(known) (versions whose hashes the role knows),
        C(uv) (its path), C(python) and C(urls).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Reject an invalid path of uv
  ansible.builtin.assert:
    that: problems == []
    fail_msg: "{{ problems | join('\n') }}"
  vars:
    problems: "{{ {'uv_version': '', 'uv_hashes': [], 'known': [], 'uv': uv, 'python': '', 'urls': []}
      | slipway.flask.python_venv_problems }}"
"""

RETURN = r"""
_value:
  description: One sentence per mistake; [] if there are none.
  type: list
  elements: str
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

HASH = re.compile(r"sha256:[0-9a-f]{64}")
UV = re.compile(r"/.+/bin/uv")
PYTHON = re.compile(r"|python3|(python)?3\.\d+(\.(\d+|\*))?|/.+")
URL = re.compile(r"(https?|file)://\S+")


def python_venv_problems(given: Mapping[str, Any]) -> list[str]:
    """Return one sentence per mistake in the role's variables; the names are those of the filter's documentation."""
    found = []
    version, hashes = str(given["uv_version"]), given["uv_hashes"]
    if (version and not hashes) or not all(HASH.fullmatch(str(one)) for one in hashes):
        found.append(
            f"python_venv_uv_version is {version}, and the role knows the hashes of {', '.join(given['known'])} only. "
            f"Set python_venv_uv_hashes to what `echo uv=={version} | uv pip compile --generate-hashes -` prints: "
            "a list of sha256:<64 hex>."
        )
    if (version and not UV.fullmatch(str(given["uv"]))) or not PYTHON.fullmatch(str(given["python"])):
        found.append(
            f'python_venv_uv is "{given["uv"]}" (must be an absolute path that ends in /bin/uv) and python_venv_python is '
            f'"{given["python"]}" (must be empty, python3, a version such as "3.12" in quotes, or an absolute path).'
        )
    if not all(URL.fullmatch(str(url)) for url in given["urls"] if url):
        found.append(
            "python_venv_index_url, python_venv_python_mirror, python_venv_python_list_url or one of "
            "python_venv_extra_index_urls is not a valid URL: each must start with https:// (or http://, file://) and have no "
            "spaces. Their values may be secret and are not shown."
        )
    return found


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"python_venv_problems": python_venv_problems}
