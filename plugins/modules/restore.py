#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Documentation of slipway.flask.restore; its action plugin does the work, on the host with restore_on_host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: restore
short_description: Restore an app's database and folders to a point in time
version_added: 0.3.0
author: Slipway contributors (@slipway)
description:
  - Restores the database and the folders of one app from the host's backups next to the live data, shows what will be
    lost, and asks for confirmation. Then closes the site, swaps the data by renaming, starts the matching release, and
    opens the site.
  - Other apps on the host are not affected.
  - The previous data is kept under another name until O(forget) removes it.
  - If a step before the opening of the site fails, everything is undone; if a run is killed, the next run for the app
    undoes it.
attributes:
  check_mode:
    support: full
    description: Shows what would be done and lost.
options:
  description:
    description:
      - The app, as an entry of C(app_release_releases) of the role P(slipway.flask.app_release#role).
    type: dict
    required: true
  to:
    description:
      - V(latest) is everything that is archived, including WAL up to now; otherwise a time such as V(2026-11-25 14:05)
        (UTC, or with an offset) or the name of a restore point.
    type: str
    default: ""
  before:
    description: A release; restores the restore point that was created before its migration. Instead of O(to).
    type: str
    default: ""
  schema:
    description:
      - What to do if the restored data has a different migration head than the live release.
      - V(refuse) takes the newest release on the host that was made for it, and refuses when there is none; V(keep) has the
        live release go on with it.
    type: str
    choices: [refuse, keep]
    default: refuse
  confirmed:
    description: Restore without asking for confirmation; required if there is no terminal.
    type: bool
    default: false
  forget:
    description: >-
      Remove the data kept by the restore with this ID, as shown by C(playbooks/status.yml); V(all) means every restore.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Restore the shop to its state at lunchtime
  slipway.flask.restore:
    description: "{{ app_release_releases | first }}"
    to: "2026-11-25 12:00"
    confirmed: true
"""

RETURN = r"""
question:
  description: What is done, and what is lost.
  type: dict
  returned: when nothing was restored yet
restored:
  description: What was restored where, and what is kept.
  type: dict
  returned: when something was restored
record:
  description: The entry in the history.
  type: dict
  returned: when something was restored
seconds:
  description: Duration of each step, in seconds.
  type: dict
  returned: when something was restored
closed_seconds:
  description: How long the site was in maintenance mode, in seconds.
  type: float
  returned: when something was restored
rows:
  description: Tables with a different number of rows than before.
  type: list
  elements: dict
  returned: when something was restored
forgotten:
  description: What was removed.
  type: list
  elements: dict
  returned: with O(forget)
notes:
  description: Further notes, one sentence each.
  type: list
  elements: str
  returned: always
stage:
  description: Step that failed.
  type: str
  returned: failure
"""
