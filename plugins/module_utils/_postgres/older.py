# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A cluster whose version is older than the newest server that is installed, as after an upgrade of the distribution.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from ansible_collections.slipway.flask.plugins.module_utils._postgres import names
from ansible_collections.slipway.flask.plugins.module_utils._postgres.names import Cluster, PostgresError


def newest() -> str:
    """Return the newest major version whose server is installed, "" for none."""
    return next(reversed(names.versions_installed()), "")


def is_older(cluster: Cluster) -> bool:
    """Tell whether there is a newer server for CLUSTER."""
    return bool(newest()) and names.version_key(cluster.version) < names.version_key(newest())


def said() -> list[str]:
    """Return a sentence about the host's cluster when it is older than its packages."""
    try:
        cluster = names.find_cluster()
    except (PostgresError, OSError):
        return []
    if not cluster or not is_older(cluster):
        return []
    return [
        f"PostgreSQL {cluster.version}/{cluster.name} is older than the server that is installed ({newest()}) and gets no "
        "more updates from this release of the distribution: playbooks/upgrade_database.yml shows what an upgrade would do"
    ]
