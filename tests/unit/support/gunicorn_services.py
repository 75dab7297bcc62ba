# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A service as the templates of gunicorn_systemd read it, and those templates without Ansible."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from ansible.plugins.filter.core import FilterModule
from ansible_collections.slipway.flask.plugins.module_utils._host.environment_file import text_of
from ansible_collections.slipway.flask.plugins.plugin_utils._gunicorn.plan import plan
from ansible_collections.slipway.flask.plugins.plugin_utils._gunicorn.service import unit_quote
from jinja2 import Environment, FileSystemLoader, StrictUndefined

ROLE = Path(__file__).resolve().parents[3] / "roles/gunicorn_systemd"
DEFAULTS: dict[str, Any] = yaml.safe_load((ROLE / "defaults/main.yml").read_text())


def planned(*services: dict[str, Any], **variables: Any) -> dict[str, list[Any]]:
    """Return the role's plan for SERVICES, with some of its VARIABLES (without prefix) changed."""
    return plan(list(services), DEFAULTS | {f"gunicorn_systemd_{name}": value for name, value in variables.items()})


def rendered(template: str, **keys: Any) -> str:
    """Return the text of the role's TEMPLATE for a service called shop with those KEYS."""
    made = planned({"name": "shop", "wsgi": "app:app", **keys})
    assert made["problems"] == []
    variables = next(
        entry.get("vars", {}) for entry in made["files"] + made["environments"] if entry.get("src") == template
    )
    engine = Environment(
        loader=FileSystemLoader(ROLE / "templates"),
        trim_blocks=True,
        keep_trailing_newline=True,
        undefined=StrictUndefined,
    )
    own = {"slipway.flask.systemd_quote": unit_quote, "slipway.flask.systemd_environment_file": text_of}
    engine.filters |= FilterModule().filters() | own
    private = yaml.safe_load((ROLE / "vars/main.yml").read_text())
    return engine.from_string((ROLE / "templates" / template).read_text()).render(
        ansible_managed="", **private, **variables
    )
