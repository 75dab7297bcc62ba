#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The host's half of slipway.flask.host_access."""

from __future__ import annotations

DOCUMENTATION = r"""
module: host_access_on_host
short_description: The host's half of slipway.flask.host_access
version_added: 0.4.0
author: Slipway contributors (@slipway)
extends_documentation_fragment:
  - slipway.flask.task
"""

EXAMPLES = r"""
[]
"""

RETURN = r"""
{}
"""

from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._access import apply, logins, session
from ansible_collections.slipway.flask.plugins.module_utils._access.parts import parts
from ansible_collections.slipway.flask.plugins.module_utils._host.task import begin

ARGUMENTS: dict[str, Any] = {
    "document": {"type": "dict", "required": True},
    "token": {"type": "str", "required": True},
    "seconds": {"type": "int", "required": True},
    "program": {"type": "str", "required": True},
}


def main() -> None:
    module, asked = begin(ARGUMENTS)
    user, peer = session.found()
    context = apply.Context(asked["document"], user=user, peer=peer, check=module.check_mode)
    try:
        outcome = apply.bring(parts(context), asked["token"], asked["seconds"], asked["program"], module.check_mode)
    except apply.AccessError as error:
        module.fail_json(msg=str(error), armed="")
    except OSError as error:
        module.fail_json(msg=f"{error.filename or 'the host'}: {error.strerror or error}", armed="")
    if not module.check_mode:
        logins.remember(peer)
    for warning in outcome.warnings:
        module.warn(warning)
    module.exit_json(
        changed=bool(outcome.changes), actions=outcome.changes, diff=outcome.diffs,
        armed=outcome.armed, closed=outcome.closed, user=user,
    )  # fmt: skip


if __name__ == "__main__":
    main()
