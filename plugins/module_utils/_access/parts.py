# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The parts of the change, in the order in which they are made. PRIVATE to the collection. It can have breaking changes."""

from __future__ import annotations

from ansible_collections.slipway.flask.plugins.module_utils._access.accounts import Accounts
from ansible_collections.slipway.flask.plugins.module_utils._access.apply import Context, Part
from ansible_collections.slipway.flask.plugins.module_utils._access.bans import Bans
from ansible_collections.slipway.flask.plugins.module_utils._access.firewall import Firewall
from ansible_collections.slipway.flask.plugins.module_utils._access.sshd import Sshd


def parts(context: Context) -> list[Part]:
    """Return all of them; one that isn't wanted has no changes."""
    sshd = Sshd(context)
    return [Accounts(context), sshd, Firewall(context, lambda: sshd.ports), Bans(context, lambda: sshd.ports)]
