#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The host's half of slipway.flask.import_data."""

from __future__ import annotations

DOCUMENTATION = r"""
module: import_data_on_host
short_description: The host's half of slipway.flask.import_data
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

from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._host import code
from ansible_collections.slipway.flask.plugins.module_utils._host.task import begin
from ansible_collections.slipway.flask.plugins.module_utils._release.arguments import left
from ansible_collections.slipway.flask.plugins.module_utils._release.record import ReleaseError
from ansible_collections.slipway.flask.plugins.module_utils._release.request import Request, spec
from ansible_collections.slipway.flask.plugins.module_utils._transfer import places
from ansible_collections.slipway.flask.plugins.module_utils._transfer.importing import Import
from ansible_collections.slipway.flask.plugins.module_utils._transfer.wanted import Wanted

MORE: dict[str, Any] = {
    "dump": {"type": "int"},
    "dump_name": {"type": "str", "default": ""},
    "files": {"type": "int"},
    "files_name": {"type": "str", "default": ""},
    "into": {"type": "path", "default": ""},
    "replace": {"type": "bool", "default": False},
    "keep_schema": {"type": "bool", "default": False},
    "database": {"type": "str", "default": ""},
    "mariadb": {"type": "str", "default": ""},
    "url": {"type": "str", "default": "", "no_log": True},
    "extensions": {"type": "list", "elements": "str", "default": []},
    "commands": {"type": "list", "elements": "str", "default": [], "no_log": False},
    "owner": {"type": "path", "default": ""},
    "sent": {"type": "str", "default": "", "no_log": False},
    "digests": {"type": "dict", "default": {}},
}


def main() -> None:
    module, asked = begin({**spec("rollback"), **MORE}, code.keep)
    more = {name: asked.pop(name) for name in MORE}
    owner, sent, digests = more.pop("owner"), more.pop("sent"), more.pop("digests")
    job = Import(Request.of(asked), Wanted(**more), check=module.check_mode)
    try:
        if not sent:
            there = job.ask()
            folder = "" if module.check_mode else str(places.make(owner))
            module.exit_json(changed=module.check_mode, folder=folder, **there)
        module.exit_json(changed=True, **job.run_import(sent, digests), notes=list(dict.fromkeys(job.context.notes)))
    except ReleaseError as error:
        module.fail_json(msg=str(error), stage=error.stage, holder=error.holder, **left(job))
    except OSError as error:
        module.fail_json(msg=f"{error.filename or 'the host'}: {error.strerror}", stage="", **left(job))


if __name__ == "__main__":
    main()
