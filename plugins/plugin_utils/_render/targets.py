# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The targets that there are, and what is said when one has been written down.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ansible_collections.slipway.flask.plugins.plugin_utils._render import (
    compose,
    kubernetes,
    kubernetes_settings,
    swarm,
)
from ansible_collections.slipway.flask.plugins.plugin_utils._render.given import Given
from ansible_collections.slipway.flask.plugins.plugin_utils._render.model import Deployment
from ansible_collections.slipway.flask.plugins.plugin_utils._render.output import File

App = Mapping[str, Any]


class Target(NamedTuple):
    """How a target is written down."""

    render: Callable[[Deployment, Given], list[File]]
    site: Callable[[App], dict[str, Any]] | None
    """Return the entry of the role nginx_tls for the nginx in front; None if the engine has a front of its own."""
    next: Callable[[Deployment], str]
    """Return what a person does with the folder."""
    problems: Callable[[App, Any, int], list[str]] = lambda app, options, replicas: []
    """Return what is wrong with `slipway_render.options` of the target, for an app with so many web processes."""


KNOWN: dict[str, Target] = {
    "compose": Target(compose.render, compose.site, compose.start),
    "swarm": Target(swarm.render, swarm.site, lambda made: "./deploy.sh"),
    "kubernetes": Target(kubernetes.render, None, lambda made: "./deploy.sh", kubernetes_settings.all_problems),
}
