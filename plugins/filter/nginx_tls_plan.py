# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Filter slipway.flask.nginx_tls_plan."""

from __future__ import annotations

DOCUMENTATION = r"""
name: nginx_tls_plan
short_description: Turns TLS sites into certificates and files for the host
version_added: 0.2.0
author: Slipway contributors (@slipway)
description:
  - Finds every mistake in C(nginx_tls_sites) and in the role's variables at once, without contacting a host or a
    certificate authority.
  - Creates the arguments of M(slipway.flask.tls_certificates) and M(slipway.flask.files) for sites without mistakes.
options:
  _input:
    description: The sites, in the format of C(nginx_tls_sites).
    type: list
    elements: dict
    required: true
  settings:
    description: Settings besides the sites.
    type: dict
    required: true
    suboptions:
      defaults:
        description:
          - Values for sites that don't set their own - C(body_size_mb), C(header_kb), C(timeout_seconds), C(headers),
            C(hsts_seconds), C(hsts_preload), C(connections_per_address), C(rate_limits) - and C(http3).
        type: dict
        required: true
      role:
        description: Values of the variables that apply to all sites.
        type: dict
        required: true
      acme:
        description: The variables C(nginx_tls_acme_*), without the prefix.
        type: dict
        required: true
      pem:
        description: Contents of the provided certificates, keys and certificate authorities, by file name.
        type: dict
        required: true
      system:
        description: Name of the host's distribution.
        type: str
        required: true
      certbot:
        description: Version of certbot on the host.
        type: str
        required: true
      folder:
        description: Folder on the host for sites and pages.
        type: str
        required: true
      access_folder:
        description: Folder on the host for files that control access.
        type: str
        required: true
      pages:
        description: C(title) and C(text) of nginx's own error pages, by HTTP status.
        type: dict
        required: true
      unknown:
        description: Whether nginx needs a certificate for requests for unknown domains.
        type: bool
        required: true
  checked:
    description: Whether the sites have already been checked; RV(_value) then has no C(problems).
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Reject sites with mistakes
  ansible.builtin.assert:
    that: problems == []
    fail_msg: "{{ problems | join('\n') }}"
  vars:
    problems: "{{ (nginx_tls_sites | slipway.flask.nginx_tls_plan(settings)).problems }}"

- name: Write the sites
  slipway.flask.files:
    files: "{{ (nginx_tls_sites | slipway.flask.nginx_tls_plan(settings, checked=true)).files }}"
"""

RETURN = r"""
_value:
  description: The plan; if sites have mistakes, only C(problems).
  type: dict
  contains:
    problems:
      description: One sentence per mistake, without secrets; [] if there are none.
      type: list
      elements: str
    certificates:
      description: The certificates for M(slipway.flask.tls_certificates).
      type: list
      elements: dict
    private_keys:
      description: Private keys of the certificates, by site name.
      type: dict
    masked:
      description: Pattern that matches the parameters whose values are masked in logs, up to the equals sign.
      type: str
    files:
      description: Error pages, ACME renewal settings and virtual hosts, for M(slipway.flask.files).
      type: list
      elements: dict
"""

from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.slipway.flask.plugins.module_utils._logs import mask
from ansible_collections.slipway.flask.plugins.plugin_utils._certificates import setup
from ansible_collections.slipway.flask.plugins.plugin_utils._nginx import plan, site, site_problems
from ansible_collections.slipway.flask.plugins.plugin_utils._nginx import settings as role


def nginx_tls_plan(sites: Any, settings: dict[str, Any], checked: bool = False) -> dict[str, Any]:
    """Return what is wrong with SITES, or what they are on the host.

    :raises AnsibleFilterError: when SITES is not a list of mappings.
    """
    if not isinstance(sites, list) or not all(isinstance(entry, dict) for entry in sites):
        raise AnsibleFilterError("slipway.flask.nginx_tls_plan: expects a list of mappings")
    found = [] if checked else problems(sites, settings)
    if found:
        return {"problems": found, "certificates": [], "private_keys": {}, "files": [], "masked": ""}
    pem, folder = settings["pem"], settings["folder"]
    return {
        "problems": [],
        "certificates": plan.certificates(sites, pem) + ([plan.UNKNOWN] if settings["unknown"] else []),
        "private_keys": plan.private_keys(sites, pem),
        "masked": mask.parameter(settings["role"]["log_mask"]),
        "files": [
            *plan.pages(settings["pages"], f"{folder}/pages", settings["role"]["pages"]),
            *setup.files(sites, settings["acme"]),
            *plan.virtual_hosts(sites, settings["defaults"], f"{folder}/sites", settings["access_folder"], pem),
        ],
    }


def problems(sites: list[site.Site], settings: dict[str, Any]) -> list[str]:
    """Return one sentence per mistake: in the role's variables, in SITES, in what certificates by ACME need."""
    now = datetime.now(timezone.utc)
    return [
        *role.problems(settings["role"]),
        *site_problems.problems(sites, settings["defaults"], settings["pem"], now),
        *setup.problems(sites, settings["acme"], settings["certbot"], settings["system"]),
    ]


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"nginx_tls_plan": nginx_tls_plan}
