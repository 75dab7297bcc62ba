#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The host's half of slipway.flask.upgrade_database."""

from __future__ import annotations

DOCUMENTATION = r"""
module: upgrade_database_on_host
short_description: The host's half of slipway.flask.upgrade_database
version_added: 0.2.0
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
from pathlib import Path
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._app.described import DESCRIBED
from ansible_collections.slipway.flask.plugins.module_utils._app.health import Health
from ansible_collections.slipway.flask.plugins.module_utils._host.parameters import typed
from ansible_collections.slipway.flask.plugins.module_utils._host.task import begin
from ansible_collections.slipway.flask.plugins.module_utils._postgres.names import PostgresError
from ansible_collections.slipway.flask.plugins.module_utils._release.record import Paths
from ansible_collections.slipway.flask.plugins.module_utils._upgrade import back, journal
from ansible_collections.slipway.flask.plugins.module_utils._upgrade.apps import App
from ansible_collections.slipway.flask.plugins.module_utils._upgrade.plan import Plan
from ansible_collections.slipway.flask.plugins.module_utils._upgrade.upgrade import Upgrade, look

ARGUMENTS: dict[str, Any] = {
    "apps": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": DESCRIBED,
    },
    "cluster": {"type": "str", "default": ""},
    "what": {"type": "str", "choices": ["look", "upgrade", "back", "forget"], "default": "look"},
    "by": {"type": "str", "required": True},
}


def is_done(begun: journal.Journal | None, planned: Plan | None) -> bool:
    """Tell whether there is nothing left to upgrade."""
    return planned is None and (begun is None or begun.is_over)


def main() -> None:
    module, asked = begin(ARGUMENTS)
    apps = [
        App(Paths(app["app"], Path(app["root"]), Path(app["settings"])), typed(Health, app["health"]))
        for app in asked["apps"]
    ]
    what = "look" if module.check_mode else asked["what"]
    planned = None
    try:
        if what == "upgrade" and is_done(*look(apps, asked["cluster"])):
            what = "look"
        if what == "upgrade":
            begun: journal.Journal | None = Upgrade(apps, asked["by"]).run(asked["cluster"])
        elif what == "back":
            begun = back.Back(apps, asked["by"]).run()
        elif what == "forget":
            begun = back.forget()
        else:
            begun, planned = look(apps, asked["cluster"])
    except PostgresError as error:
        module.fail_json(msg=str(error))
    module.exit_json(
        changed=what != "look",
        done="" if what == "look" else what,
        plan=planned.answer() if planned else None,
        journal=asdict(begun) if begun else None,
    )


if __name__ == "__main__":
    main()
