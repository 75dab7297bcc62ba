#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A host's own certificate authority and certificate, and the authorities of other hosts that it trusts."""

from __future__ import annotations

DOCUMENTATION = r"""
module: host_identity
short_description: Give a host a certificate by which the other hosts recognise it
version_added: 0.3.0
author: Slipway contributors (@slipway)
description:
  - Creates a certificate authority on the host (ECDSA P-256, 10 years). Its key never leaves the host, and it is
    constrained to the host's own name and addresses, so that it is worthless for impersonating another host.
  - Signs the host's certificate with it (90 days, for servers and clients). A timer on the host renews it, and reloads
    the services that show it.
  - With O(authorities), the host trusts these authorities. They are public; pass those that other hosts returned.
  - An authority in its last year, or for another name or address, is replaced in two steps, so that connections can be
    made all the time. First the next one is created, and RV(authorities) has both. When all other hosts trust both, a
    call with O(activate) uses the next one.
options:
  name:
    description: DNS name in the certificate.
    type: str
    required: true
  addresses:
    description: IP addresses in the certificate.
    type: list
    elements: str
    default: []
  users:
    description: Services on the host that show the certificate. They are given what they can read, and are reloaded.
    type: list
    elements: str
    choices: [nginx, postgresql, haproxy]
    default: []
  authorities:
    description: PEM texts of the authorities to trust. If not given, C(fleet.pem) is left as it is.
    type: list
    elements: str
  activate:
    description: Use the next authority, if there is one.
    type: bool
    default: false
  rotate:
    description: Replace the authority even if it is not due.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Give the database server a certificate
  slipway.flask.host_identity:
    name: db1.slipway.internal
    addresses: [10.0.0.5]
    users: [postgresql]
"""

RETURN = r"""
authorities:
  description: PEM texts of the host's own authority, and of the next one if there is one.
  returned: success
  type: list
  elements: str
fleet:
  description: The authorities that the host trusts, as one PEM text.
  returned: success
  type: str
pending:
  description: Whether there is a next authority, which needs O(activate).
  returned: success
  type: bool
actions:
  description: What was done, or would be.
  returned: success
  type: list
  elements: str
"""

import os
import subprocess
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.slipway.flask.plugins.module_utils._host.file_state import FilesError
from ansible_collections.slipway.flask.plugins.module_utils._host.files import FileSet
from ansible_collections.slipway.flask.plugins.module_utils._host.told import told
from ansible_collections.slipway.flask.plugins.module_utils._identity import units
from ansible_collections.slipway.flask.plugins.module_utils._identity.program import (
    FOLDER,
    USERS,
    Identity,
    IdentityError,
    locked,
)

ARGUMENTS: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "addresses": {"type": "list", "elements": "str", "default": []},
    "users": {"type": "list", "elements": "str", "choices": list(USERS), "default": []},
    "authorities": {"type": "list", "elements": "str"},
    "activate": {"type": "bool", "default": False},
    "rotate": {"type": "bool", "default": False},
}


def main() -> None:
    os.umask(0o022)  # the same modes whoever calls
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    asked = module.params
    settings = {name: asked[name] for name in ("name", "addresses", "users")}
    files = FileSet(module.check_mode)
    identity = Identity(settings, FOLDER, check=module.check_mode)
    try:
        files.apply(units.entries(settings))
        if module.check_mode:
            bring(identity, asked)
        else:
            with locked(FOLDER):
                bring(identity, asked)
                identity.reload_users()
        timer = ensure_timer(bool(files.changed), module.check_mode)
    except (FilesError, IdentityError, OSError) as error:
        module.fail_json(msg=str(error))
    actions = [*(f"wrote {path}" for path in files.changed), *identity.done.actions, *timer]
    answer = told(actions)
    module.exit_json(
        **{**answer, "diff": [*files.diffs, answer["diff"]]},
        authorities=identity.authorities(),
        fleet=identity.fleet(),
        pending=len(identity.authorities()) > 1,
    )


def bring(identity: Identity, asked: dict[str, Any]) -> None:
    """Make and sign what is due, and trust whom the module is asked to trust."""
    identity.ensure_authority(asked["rotate"])
    identity.ensure_certificate()
    if asked["authorities"] is not None:
        identity.trust(asked["authorities"])
    if asked["activate"]:
        identity.activate()


def ensure_timer(changed: bool, check: bool) -> list[str]:
    """Have the timer run, with its present text; return what was done for it."""
    active = subprocess.run(["systemctl", "is-active", "--quiet", units.TIMER], check=False).returncode == 0
    if active and not changed:
        return []
    if not check:
        subprocess.run(["systemctl", "daemon-reload"], check=True, capture_output=True)
        subprocess.run(["systemctl", "enable", "--quiet", units.TIMER], check=True, capture_output=True)
        subprocess.run(["systemctl", "restart", units.TIMER], check=True, capture_output=True)
    return [] if active else [f"started {units.TIMER}"]


if __name__ == "__main__":
    main()
