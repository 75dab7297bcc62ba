#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Documentation of slipway.flask.restore; its action plugin does the work, on the host with restore_on_host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: restore
short_description: Bring one app's database and folders back to a moment
version_added: 0.3.0
author: Slipway contributors (@slipway)
description:
  - Restores the database and the folders of one app from the host's backups beside what is there, tells what will be lost,
    and asks. Then it closes the site, exchanges the data by renaming, starts the release that suits it, and opens the site.
  - Other apps of the host are not touched.
  - What was there before is kept under another name until O(forget) removes it.
  - What fails before the site opens is undone; after a kill, the next run over the app does so.
attributes:
  check_mode:
    support: full
    description: Tells what would be done and lost.
options:
  description:
    description:
      - The app, as an entry of C(app_release_releases) of the role P(slipway.flask.app_release#role).
    type: dict
    required: true
  to:
    description:
      - V(latest) is everything that is archived, WAL up to now among it; otherwise a time such as V(2026-11-25 14:05) (UTC,
        or with an offset) or the name of a restore point.
    type: str
    default: ""
  before:
    description: A release; its data is brought back to the restore point that was made before its migration. Instead of O(to).
    type: str
    default: ""
  schema:
    description:
      - What to do when the restored data is at another migration head than the live release.
      - V(refuse) takes the newest release on the host that was made for it, and refuses when there is none; V(keep) has the
        live release go on with it.
    type: str
    choices: [refuse, keep]
    default: refuse
  confirmed:
    description: Restore without asking, as is needed where there is no terminal.
    type: bool
    default: false
  forget:
    description: Remove what was kept of the restore with this id, as C(playbooks/status.yml) names it; V(all) is of every restore.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Bring the shop back to what it was at lunch
  slipway.flask.restore:
    description: "{{ app_release_releases | first }}"
    to: "2026-11-25 12:00"
    confirmed: true
"""

RETURN = r"""
question:
  description: What is done and lost.
  type: dict
  returned: when nothing was restored yet
restored:
  description: What was put where, and what is kept.
  type: dict
  returned: when something was restored
record:
  description: The line of the history.
  type: dict
  returned: when something was restored
seconds:
  description: Seconds that each step took.
  type: dict
  returned: when something was restored
closed_seconds:
  description: How long the site was closed.
  type: float
  returned: when something was restored
rows:
  description: Tables that have another number of rows than before.
  type: list
  elements: dict
  returned: when something was restored
forgotten:
  description: What was removed.
  type: list
  elements: dict
  returned: with O(forget)
notes:
  description: What else is worth knowing, one sentence each.
  type: list
  elements: str
  returned: always
stage:
  description: Step that failed.
  type: str
  returned: failure
"""
