# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What every task would load for itself, loaded once before the first: Ansible forks a process for each task, which has what is
loaded by then. Looking up one of the collection's filters loads all of them, for most tasks half of their time.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from contextlib import suppress

from ansible.errors import AnsibleError
from ansible.plugins.loader import action_loader, become_loader, connection_loader, filter_loader, shell_loader

FILTER = "slipway.flask.normalise_apps"
ACTIONS = (
    "slipway.flask.preflight",
    "slipway.flask.role_check",
    "slipway.flask.files",
    "slipway.flask.nginx_sites",
    "slipway.flask.release",
    "slipway.flask.release_live",
    "ansible.builtin.normal",
    "ansible.builtin.validate_argument_spec",
)


def load() -> None:
    """Load the plugins that most tasks of the playbooks use. If one can't be loaded, the task that needs it reports the error."""
    with suppress(AnsibleError, ImportError, KeyError):
        filter_loader.get(FILTER)
    for loader, names in (
        (action_loader, ACTIONS),
        (connection_loader, ("ansible.builtin.ssh",)),
        (shell_loader, ("ansible.builtin.sh",)),
        (become_loader, ("ansible.builtin.sudo",)),
    ):
        for name in names:
            with suppress(AnsibleError, ImportError, KeyError):
                loader.get(name, class_only=True)
