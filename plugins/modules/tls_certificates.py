#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)

from __future__ import annotations

DOCUMENTATION = r"""
module: tls_certificates
short_description: Manage the certificates and keys of all TLS sites of a host in one call
version_added: 0.1.0
author: Slipway contributors (@slipway)
description:
  - A certificate without O(certificates[].certificate) is self-signed (ECDSA P-256, all domains as alternative names)
    and is created on the host with C(openssl). It is renewed if it expires soon, if its domains have changed, or if its
    key doesn't match.
  - A certificate with O(certificates[].certificate) is installed as given.
  - For a certificate with O(certificates[].acme), a self-signed one is used until M(slipway.flask.acme_certificates)
    has obtained it; RV(due) lists those that are due.
  - Files are C(<folder>/<name>/certificate.pem) and C(key.pem); only root can read the key and the folders.
  - Keys never appear in diffs or logs.
options:
  folder:
    description: Folder with one subfolder per certificate. Its parent folder must exist.
    type: path
    default: /etc/nginx/tls
  certificates:
    description: The certificates.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the certificate's folder.
        type: str
        required: true
      domains:
        description: Domains of a self-signed certificate, which may be wildcards such as C(*.example.org).
        type: list
        elements: str
        default: []
      certificate:
        description: PEM text of the certificate and its chain; V("") creates a self-signed one.
        type: str
        default: ""
      acme:
        description: Whether the certificate comes from an ACME certificate authority.
        type: bool
        default: false
      staging:
        description: Whether to use Let's Encrypt's staging environment if O(acme_directory) is Let's Encrypt.
        type: bool
        default: false
        version_added: 0.4.0
  acme_directory:
    description: ACME directory (name or URL) that must have issued certificates with O(certificates[].acme).
    type: str
    default: ""
  acme_profile:
    description: Profile that these certificates must have.
    type: str
    default: ""
  private_keys:
    description: PEM texts of the private keys of provided certificates, by O(certificates[].name).
    type: dict
    default: {}
  days:
    description: Lifetime of a self-signed certificate.
    type: int
    default: 825
  renew_days:
    description: A self-signed certificate with fewer days left than this is renewed.
    type: int
    default: 30
"""

EXAMPLES = r"""
- name: Create a self-signed certificate
  slipway.flask.tls_certificates:
    certificates:
      - {name: shop, domains: [shop.example.org, www.shop.example.org]}
"""

RETURN = r"""
changes:
  description: Why each changed certificate was changed, by name.
  type: dict
  returned: always
  sample: {shop: the domains changed}
due:
  description: Why each ACME certificate must be requested, by name.
  type: dict
  returned: always
  sample: {shop: there is none from the authority yet}
renewing:
  description: Whether the renewal timer is active; false if there are no ACME certificates.
  type: bool
  returned: always
"""

import os
import subprocess
import time
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.slipway.flask.plugins.module_utils._certificates.acme import (
    TIMER,
    Record,
    due_reason,
    facts_of,
    url,
)
from ansible_collections.slipway.flask.plugins.module_utils._certificates.store import CertificateError, Store, Wanted
from ansible_collections.slipway.flask.plugins.module_utils._host.units import Unread

NGINX = "nginx.service"
"""It reads the certificates when it is reloaded, which slipway.flask.files does after this (role nginx_tls)."""


def main() -> None:
    os.umask(0o022)  # the same modes whoever calls
    module = AnsibleModule(
        argument_spec={
            "folder": {"type": "path", "default": "/etc/nginx/tls"},
            "certificates": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "name": {"type": "str", "required": True},
                    "domains": {"type": "list", "elements": "str", "default": []},
                    "certificate": {"type": "str", "default": ""},
                    "acme": {"type": "bool", "default": False},
                    "staging": {"type": "bool", "default": False},
                },
            },
            "acme_directory": {"type": "str", "default": ""},
            "acme_profile": {"type": "str", "default": ""},
            # Not a suboption beside the certificate: of a nested value of several lines, AnsibleModule masks nothing
            # in the host's journal.
            "private_keys": {"type": "dict", "default": {}, "no_log": True},
            "days": {"type": "int", "default": 825},
            "renew_days": {"type": "int", "default": 30},
        },
        supports_check_mode=True,
    )
    parameters = module.params
    store = Store(
        Path(parameters["folder"]),
        days=parameters["days"],
        renew_days=parameters["renew_days"],
        check=module.check_mode,
    )
    unread = Unread([NGINX], check=module.check_mode)
    unread.write()
    changes: dict[str, str] = {}
    due: dict[str, str] = {}
    for entry in parameters["certificates"]:
        wanted = Wanted(**entry, private_key=parameters["private_keys"].get(entry["name"], ""))
        try:
            reason = store.ensure(wanted)
        except (CertificateError, OSError) as error:
            module.fail_json(msg=f"certificate '{wanted.name}': {error}", changes=changes)
        if reason:
            changes[wanted.name] = reason
        if wanted.acme and (reason := why_due(store.root / wanted.name, wanted, parameters)):
            due[wanted.name] = reason
    if not changes and not unread.left:
        unread.remove()
    diff = [
        {"header": f"certificate {name}", "before": "", "after": f"written anew: {reason}\n"}
        for name, reason in changes.items()
    ]
    module.exit_json(
        changed=bool(changes), changes=changes, diff=diff, due=due,
        renewing=any(entry["acme"] for entry in parameters["certificates"]) and is_active(TIMER),
    )  # fmt: skip


def why_due(home: Path, wanted: Wanted, parameters: dict[str, Any]) -> str:
    """Return why the certificate in HOME must be asked for, or ''."""
    directory, profile = url(parameters["acme_directory"], wanted.staging), parameters["acme_profile"]
    return due_reason(wanted.domains, directory, profile, facts_of(home), Record.read(home), time.time())


def is_active(unit: str) -> bool:
    return subprocess.run(["systemctl", "is-active", "--quiet", unit], check=False).returncode == 0


if __name__ == "__main__":
    main()
