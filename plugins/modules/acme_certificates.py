#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)

from __future__ import annotations

DOCUMENTATION = r"""
module: acme_certificates
short_description: >-
  Obtain certificates that are due from an ACME certificate authority, and keep the renewal timer running
version_added: 0.2.0
author: Slipway contributors (@slipway)
description:
  - Does what C(slipway-certificates renew) does on the host, for the sites in O(due), with the settings on the host.
  - First checks that each domain points to this host. Domains that don't are omitted, with a warning.
  - Reloads nginx after a certificate has changed, and waits until nginx serves it.
  - Starts the renewal timer; with O(state=absent), only stops it.
attributes:
  check_mode:
    support: full
    description: Contacts nobody and changes nothing.
options:
  due:
    description: Why each certificate is requested, by name, as returned by M(slipway.flask.nginx_sites).
    type: dict
    default: {}
  folder:
    description: Folder with C(settings.json) and the account.
    type: path
    default: /etc/nginx/acme
  reload:
    description: Reload nginx first, so that it answers for new domains.
    type: bool
    default: false
  strict:
    description: Fail if a certificate can't be obtained; otherwise only warn and keep the old one.
    type: bool
    default: false
  state:
    description: Whether there are certificates to be renewed.
    type: str
    choices: [present, absent]
    default: present
"""

EXAMPLES = r"""
- name: Obtain the certificates that are due
  slipway.flask.acme_certificates:
    due: {shop: the domains changed}
"""

RETURN = r"""
changes:
  description: Why each new certificate was requested, by name.
  type: dict
  returned: always
failures:
  description: Why a certificate could not be obtained, by name.
  type: dict
  returned: always
left_out:
  description: Domains that the certificates lack, and why, by name.
  type: dict
  returned: always
"""

import os
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.slipway.flask.plugins.module_utils._certificates.acme import SERVICE, TIMER, Settings
from ansible_collections.slipway.flask.plugins.module_utils._certificates.renewal import Renewal, reload_nginx


def main() -> None:
    os.umask(0o022)  # the same modes whoever calls
    module = AnsibleModule(
        argument_spec={
            "due": {"type": "dict", "default": {}},
            "folder": {"type": "path", "default": "/etc/nginx/acme"},
            "reload": {"type": "bool", "default": False},
            "strict": {"type": "bool", "default": False},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
        supports_check_mode=True,
    )
    due, folder, is_wanted = module.params["due"], Path(module.params["folder"]), module.params["state"] == "present"
    changes: dict[str, str] = due if is_wanted else {}
    failures: dict[str, str] = {}
    left_out: dict[str, dict[str, str]] = {}
    changed = True
    if not module.check_mode:
        changed = switch_timer(module, is_wanted)
        if due and is_wanted:
            said = reload_nginx() if module.params["reload"] else ""
            if said:
                module.fail_json(msg=f"nginx could not be reloaded: {said}")
            outcomes = Renewal(Settings.read(folder), folder).run(due)
            changes = {outcome.name: outcome.changed for outcome in outcomes if outcome.changed}
            failures = {outcome.name: outcome.failure for outcome in outcomes if outcome.failure}
            left_out = {outcome.name: outcome.left_out for outcome in outcomes if outcome.left_out}
            if not failures:  # a renewal that had failed says nothing any more
                module.run_command(["systemctl", "reset-failed", SERVICE])
    result = {
        "changed": changed or bool(changes),
        "changes": changes,
        "failures": failures,
        "left_out": left_out,
        "diff": [
            {"header": f"certificate {name}", "before": "", "after": f"asked for: {reason}\n"}
            for name, reason in changes.items()
        ],
    }
    if failures and module.params["strict"]:
        module.fail_json(msg="\n".join(f"certificate '{name}': {why}" for name, why in failures.items()), **result)
    for name, why in failures.items():
        module.warn(f"certificate '{name}' could not be obtained, the old one is kept: {why}")
    for name, domains in left_out.items():
        for domain, why in domains.items():
            if name not in failures:
                module.warn(f"certificate '{name}' does not cover {domain}: {why}")
    module.exit_json(**result)


def switch_timer(module: AnsibleModule, is_wanted: bool) -> bool:
    """Start or stop the timer; return whether it was not so before."""
    was = bool(module.run_command(["systemctl", "is-active", "--quiet", TIMER])[0] == 0)
    if not is_wanted and was:
        module.run_command(["systemctl", "stop", TIMER], check_rc=True)
    module.run_command(["systemctl", "daemon-reload"], check_rc=True)
    if is_wanted:
        # Also when it runs: a timer's new settings count from its next start.
        module.run_command(["systemctl", "restart", TIMER], check_rc=True)
    return was != is_wanted


if __name__ == "__main__":
    main()
