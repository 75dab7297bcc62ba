#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Documentation of slipway.flask.upgrade_database; its action plugin does the work, on the host with upgrade_database_on_host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: upgrade_database
short_description: Upgrade the host's PostgreSQL cluster to the newest installed major version
version_added: 0.2.0
author: Slipway contributors (@slipway)
description:
  - Shows what would be done, how long the sites would be closed, and what prevents the upgrade. Upgrades only with
    O(confirmed).
  - Creates a backup, or a dump if the host has no backups; lets workers finish their jobs; closes the sites of all apps
    with a database on the host; copies the cluster for the new version (C(pg_upgradecluster --method=upgrade)); updates
    extensions, rebuilds indexes whose sort order has changed with the operating system, and collects statistics; starts
    the apps, and opens the sites if they are healthy. If a step before that fails, everything is undone.
  - If a run is killed, the next one with O(confirmed) continues.
  - The old cluster is stopped but kept for O(back), until O(forget).
attributes:
  check_mode:
    support: full
    description: Shows what would be done.
options:
  apps:
    description: The apps, as in C(slipway_apps).
    type: list
    elements: dict
    required: true
  cluster:
    description: PostgreSQL cluster, such as V(15/main). Empty means the only one, or the one on port 5432.
    type: str
    default: ""
  confirmed:
    description: Upgrade, instead of only showing what would be done.
    type: bool
    default: false
  back:
    description:
      - After an upgrade, switch back to the old cluster; requires O(confirmed).
      - Data written since the upgrade stays in the new cluster, which is kept until O(forget).
    type: bool
    default: false
  forget:
    description: Remove the unused cluster and the dump. After that, you can't switch back.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Show what an upgrade would do
  slipway.flask.upgrade_database:
    apps: "{{ slipway_apps }}"
"""

RETURN = r"""
plan:
  description: What would be done; none if there is nothing to upgrade.
  returned: success
  type: dict
journal:
  description: Progress or outcome of an upgrade; none if there was none.
  returned: success
  type: dict
done:
  description: What this run has done; V(upgrade), V(back), V(forget), or empty.
  returned: success
  type: str
"""
