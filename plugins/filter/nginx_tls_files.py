# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Filter slipway.flask.nginx_tls_files."""

from __future__ import annotations

DOCUMENTATION = r"""
name: nginx_tls_files
short_description: The virtual host files of a list of TLS sites
version_added: 0.1.0
author: Slipway contributors (@slipway)
extends_documentation_fragment:
  - slipway.flask.nginx_tls_sites
  - slipway.flask.nginx_tls_sites.defaults
description:
  - Makes the entries for M(slipway.flask.files) of each site - its virtual host, whose template gets the site with all
    defaults filled in as C(site), its password files, and the authority of its visitors' certificates.
  - The sites must have passed P(slipway.flask.nginx_tls_problems#filter).
options:
  folder:
    description: Folder of the virtual hosts on the host.
    type: str
    required: true
  access_folder:
    description: Folder on the host of what access is granted by.
    type: str
    required: true
  pem:
    description: Contents of files of the controller by name.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Write the virtual hosts
  slipway.flask.files:
    files: "{{ nginx_tls_sites | slipway.flask.nginx_tls_files(defaults=defaults, folder='/etc/nginx/slipway/sites',
      access_folder='/etc/nginx/slipway/access') }}"
"""

RETURN = r"""
_value:
  description: Entries with C(src), C(dest) and C(vars).
  type: list
  elements: dict
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._nginx.access import users_file
from ansible_collections.slipway.flask.plugins.plugin_utils._nginx.limits import complete as complete_limits
from ansible_collections.slipway.flask.plugins.plugin_utils._nginx.site import Site, as_file, complete

LOG = {"state": "present", "mode": "0640", "owner": "www-data", "group": "adm"}
"""As Debian's logrotate makes them anew: nginx itself would leave them to everybody until the first rotation."""


def nginx_tls_files(
    sites: list[Site], defaults: Site, folder: str, access_folder: str, pem: dict[str, str] | None = None
) -> list[dict[str, Any]]:
    """Return the entries of slipway.flask.files for SITES in FOLDER and ACCESS_FOLDER."""
    entries: list[dict[str, Any]] = []
    for full in (complete(site, defaults) for site in sites):
        site, name = {**full, **complete_limits(full)}, full["name"]
        for rule in site["access"]:
            if rule["basic_auth"]:
                # nginx's workers read it at each request: their group may, others may not.
                users = {"content": users_file(rule), "dest": f"{access_folder}/{name}-{rule['number']}.users"}
                entries.append({**users, "mode": "0640", "group": "www-data"})
        if site["client_ca_file"]:
            authority = as_file((pem or {})[site["client_ca_file"]])
            entries.append({"content": authority, "dest": f"{access_folder}/{name}.ca"})
        entries += [{**LOG, "dest": f"/var/log/nginx/{name}.{log}.log"} for log in ("access", "error")]
        suffix = "waiting" if site["waiting"] else "conf"
        entries.append({"src": "site.conf.j2", "dest": f"{folder}/{name}.{suffix}", "vars": {"site": site}})
    return entries


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"nginx_tls_files": nginx_tls_files}
