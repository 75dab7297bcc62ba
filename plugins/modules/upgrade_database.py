#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Documentation of slipway.flask.upgrade_database; its action plugin does the work, on the host with upgrade_database_on_host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: upgrade_database
short_description: Upgrade the host's PostgreSQL cluster to the newest major version that is installed
version_added: 0.2.0
author: Slipway contributors (@slipway)
description:
  - Shows what would be done, how long the sites would be closed for it, and what is in its way. Does it with O(confirmed).
  - Makes a backup, or a dump where the host has no backups; has workers end their jobs; closes the sites of all apps with a
    database on the host; copies the cluster for the new version (C(pg_upgradecluster --method=upgrade)); brings extensions to
    their version, makes indexes again whose order has changed with the operating system, and collects statistics; starts the
    apps, and opens the sites when they are well. What fails up to there is undone.
  - A run that was killed is gone on with by the next one with O(confirmed).
  - The old cluster is kept, stopped, for O(back), until O(forget).
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
    description: Which cluster, such as V(15/main). Empty is the only one, or the one on port 5432.
    type: str
    default: ""
  confirmed:
    description: Do it.
    type: bool
    default: false
  back:
    description:
      - After an upgrade, put the old cluster in place again; needs O(confirmed).
      - What was written since the upgrade stays in the new cluster, which is kept until O(forget).
    type: bool
    default: false
  forget:
    description: Remove the cluster that does not serve, and the dump. There is no way back then.
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
  description: What would be done; none when there is nothing to upgrade.
  returned: success
  type: dict
journal:
  description: How far an upgrade has come, or how it ended; none when there was none.
  returned: success
  type: dict
done:
  description: What this run has done. Empty, V(upgrade), V(back) or V(forget).
  returned: success
  type: str
"""
