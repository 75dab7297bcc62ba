#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The host's half of slipway.flask.restore."""

from __future__ import annotations

DOCUMENTATION = r"""
module: restore_on_host
short_description: The host's half of slipway.flask.restore
version_added: 0.3.0
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

from dataclasses import asdict
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._backup import kept
from ansible_collections.slipway.flask.plugins.module_utils._backup.error import BackupError
from ansible_collections.slipway.flask.plugins.module_utils._host import code
from ansible_collections.slipway.flask.plugins.module_utils._host.task import begin
from ansible_collections.slipway.flask.plugins.module_utils._release.arguments import left
from ansible_collections.slipway.flask.plugins.module_utils._release.record import ReleaseError
from ansible_collections.slipway.flask.plugins.module_utils._release.request import Request, spec
from ansible_collections.slipway.flask.plugins.module_utils._restore.restore import Restore

MORE: dict[str, Any] = {
    "before": {"type": "str", "default": ""},
    "forget": {"type": "str", "default": ""},
    "ask": {"type": "bool", "default": False},
}


def main() -> None:
    module, asked = begin({**spec("rollback"), **MORE}, code.keep)
    if asked["forget"]:
        try:
            gone = kept.forget(asked["app"], asked["forget"], module.check_mode)
        except BackupError as error:
            module.fail_json(msg=str(error))
        module.exit_json(changed=bool(gone), forgotten=[asdict(one) for one in gone])
    job = Restore(Request.of(asked), asked["before"], check=module.check_mode)
    try:
        if asked["ask"] or module.check_mode:
            module.exit_json(changed=not asked["ask"], question=job.ask())
        module.exit_json(changed=True, **job.restore(), notes=list(dict.fromkeys(job.context.notes)))
    except ReleaseError as error:
        module.fail_json(msg=str(error), stage=error.stage, holder=error.holder, **left(job))
    except OSError as error:
        module.fail_json(msg=f"{error.filename or 'the host'}: {error.strerror}", stage="", **left(job))


if __name__ == "__main__":
    main()
