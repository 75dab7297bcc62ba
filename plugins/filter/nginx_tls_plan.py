# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Filter slipway.flask.nginx_tls_plan."""

from __future__ import annotations

DOCUMENTATION = r"""
name: nginx_tls_plan
short_description: From TLS sites to all that is brought to the host
version_added: 0.2.0
author: Slipway contributors (@slipway)
description:
  - Finds every mistake in C(nginx_tls_sites) and in the role's variables at once, without touching a host or an authority.
  - Makes the arguments of M(slipway.flask.tls_certificates) and M(slipway.flask.files) for sites without a mistake.
options:
  _input:
    description: The sites, as C(nginx_tls_sites) has them.
    type: list
    elements: dict
    required: true
  settings:
    description: What the role knows beside the sites.
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
        description: Values of the variables that hold for all sites.
        type: dict
        required: true
      acme:
        description: The variables C(nginx_tls_acme_*) without their prefix.
        type: dict
        required: true
      pem:
        description: Contents of the provided certificates, keys and authorities by file name.
        type: dict
        required: true
      system:
        description: Name of the host's distribution.
        type: str
        required: true
      certbot:
        description: Version of certbot that it has.
        type: str
        required: true
      folder:
        description: Folder of the sites and pages on the host.
        type: str
        required: true
      access_folder:
        description: Folder on the host of what access is granted by.
        type: str
        required: true
      pages:
        description: C(title) and C(text) of nginx's own error pages by HTTP status.
        type: dict
        required: true
      unknown:
        description: Whether nginx needs a certificate for who asks for no site.
        type: bool
        required: true
  checked:
    description: Whether the sites have been found to be without a mistake before; RV(_value) has no C(problems) then.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Refuse sites with mistakes
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
  description: The plan; of sites with a mistake it has nothing but C(problems).
  type: dict
  contains:
    problems:
      description: One sentence per mistake, [] when there is none. No secret shows in them.
      type: list
      elements: str
    certificates:
      description: The certificates for M(slipway.flask.tls_certificates).
      type: list
      elements: dict
    private_keys:
      description: Their keys by the site's name.
      type: dict
    masked:
      description: Pattern of the parameters whose values the logs must not have, up to the equals sign.
      type: str
    files:
      description: Error pages, the renewal by ACME and the virtual hosts, for M(slipway.flask.files).
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
    """Return one sentence a mistake: in the role's variables, in SITES, in what certificates by ACME need."""
    now = datetime.now(timezone.utc)
    return [
        *role.problems(settings["role"]),
        *site_problems.problems(sites, settings["defaults"], settings["pem"], now),
        *setup.problems(sites, settings["acme"], settings["certbot"], settings["system"]),
    ]


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"nginx_tls_plan": nginx_tls_plan}
