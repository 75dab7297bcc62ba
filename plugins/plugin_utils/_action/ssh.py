# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Whether a connection is one of SSH, of which an action may open another channel.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

MODULES = ("ansible.plugins.connection.ssh", "ansible_collections.ansible.builtin.plugins.connection.ssh")
"""Where the class of ansible-core's plugin is: `ansible_connection: ansible.builtin.ssh` gives another one than `ssh`."""


def is_ssh(connection: object) -> bool:
    """Tell whether CONNECTION is ansible-core's own SSH plugin; Mitogen's says it is SSH and has no channels to open."""
    return any(kind.__module__ in MODULES for kind in type(connection).__mro__)
