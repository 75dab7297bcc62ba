#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)

from __future__ import annotations

DOCUMENTATION = r"""
module: tls_certificates
short_description: Keep the certificates and keys of all TLS sites of a host, in one call
version_added: 0.1.0
author: Slipway contributors (@slipway)
description:
  - A certificate without O(certificates[].certificate) is self-signed (ECDSA P-256, all domains as alternative names)
    and is made on the host by C(openssl). It is renewed when few days are left, when its domains changed and when its
    key is not its own.
  - One with O(certificates[].certificate) is put there as given.
  - For one with O(certificates[].acme), a self-signed one stands in until M(slipway.flask.acme_certificates) has fetched
    it; RV(due) tells whether it must.
  - Files are C(<folder>/<name>/certificate.pem) and C(key.pem); the key and the folders are for root alone.
  - Keys never show in a diff or a log.
options:
  folder:
    description: Folder that holds one folder a certificate. Its parent must exist.
    type: path
    default: /etc/nginx/tls
  certificates:
    description: The wanted certificates.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of its folder.
        type: str
        required: true
      domains:
        description: Names that a self-signed certificate is for; C(*.example.org) is one.
        type: list
        elements: str
        default: []
      certificate:
        description: PEM text of the certificate and its chain; V("") makes a self-signed one.
        type: str
        default: ""
      acme:
        description: Whether it comes from an ACME authority.
        type: bool
        default: false
  acme_directory:
    description: Directory of the authority (name or URL) that certificates with O(certificates[].acme) must be from.
    type: str
    default: ""
  acme_profile:
    description: Profile that they must have.
    type: str
    default: ""
  private_keys:
    description: PEM texts of the keys of provided certificates, by O(certificates[].name).
    type: dict
    default: {}
  days:
    description: Lifetime of a self-signed certificate.
    type: int
    default: 825
  renew_days:
    description: A self-signed certificate with fewer days left than this is made anew.
    type: int
    default: 30
"""

EXAMPLES = r"""
- name: Make a self-signed certificate
  slipway.flask.tls_certificates:
    certificates:
      - {name: shop, domains: [shop.example.org, www.shop.example.org]}
"""

RETURN = r"""
changes:
  description: Why each certificate that changed did so, by name.
  type: dict
  returned: always
  sample: {shop: the domains changed}
due:
  description: Why each certificate from an ACME authority must be asked for, by name.
  type: dict
  returned: always
  sample: {shop: there is none from the authority yet}
renewing:
  description: Whether the timer of the renewal is active; false when no certificate is from an authority.
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
    directory, profile = url(parameters["acme_directory"]), parameters["acme_profile"]
    return due_reason(wanted.domains, directory, profile, facts_of(home), Record.read(home), time.time())


def is_active(unit: str) -> bool:
    return subprocess.run(["systemctl", "is-active", "--quiet", unit], check=False).returncode == 0


if __name__ == "__main__":
    main()
