#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Documentation of slipway.flask.release_info; its action plugin does the work, on the host with release_info_on_host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: release_info
short_description: Show the release history of the apps on a host, or the state of the live releases
version_added: 0.1.0
author: Slipway contributors (@slipway)
extends_documentation_fragment:
  - slipway.flask.apps
description:
  - Prints each app's history as a table, newest first; with O(status), only returns its findings.
  - Never changes anything.
attributes:
  check_mode:
    support: full
    description: Does the same.
options:
  limit:
    description: Number of history entries to show, at least 1.
    type: int
    default: 20
  status:
    description: Return the state of the live releases instead of the history.
    type: bool
    default: false
  deep:
    description:
      - Compare the code of the releases and their environments with the fingerprints taken when they were built; only
        with O(status). Reads every file from disk.
    type: bool
    default: false
    version_added: 0.4.0
  audit_url:
    description:
      - Server that is asked for known vulnerabilities of apps with C(audit); empty is OSV. It is asked once a day, and at once
        with O(deep).
    type: str
    default: ""
    version_added: 0.4.0
"""

EXAMPLES = r"""
- name: Show the newest five releases of the shop
  slipway.flask.release_info:
    apps: "{{ slipway_apps }}"
    app: shop
    limit: 5
"""

RETURN = r"""
several:
  description:
    - Whether other hosts of the play have one of the apps, too. Its history is not printed then; M(slipway.flask.release_report)
      prints that of all of them.
  returned: when it is so
  type: bool
apps:
  description: One entry per app on the host.
  returned: success
  type: list
  elements: dict
  contains:
    app:
      description: Name of the app.
      type: str
    serving:
      description: Release that serves; not with O(status).
      type: str
    present:
      description: Releases on the host that serve or can be rolled back to; not with O(status).
      type: list
    draining:
      description:
        - Releases that serve no longer and still end what they have begun; with O(status) one sentence each, which has the
          open connections and the seconds that are left.
      type: list
    entries:
      description: The history, newest first; not with O(status).
      type: list
    total:
      description: Number of entries in the whole history; not with O(status).
      type: int
    release:
      description: Current release; this and the following keys only with O(status).
      type: str
    revision:
      description: Revision of the release.
      type: str
    since:
      description: Time of the switch to the release (UTC).
      type: str
    state:
      description: State of the release's unit.
      type: str
    restarts:
      description: Number of restarts by systemd.
      type: int
    workers:
      description: Number of worker processes.
      type: int
    memory:
      description: Memory of all processes, in bytes.
      type: int
    health:
      description: Response on its own socket (C(status), C(milliseconds), C(said)).
      type: dict
    processes:
      description:
        - State, restarts, workers and memory of each process, by name; the values above are those of the first one. May
          contain further information about a process.
      type: dict
    certificate:
      description: Whether nginx serves its domain over TLS, who issued the certificate, and how many days it has left.
      type: dict
    connections:
      description: Connections of the database server in use, and those available to apps.
      type: dict
    disk_used:
      description: Size of the app's folder, in bytes.
      type: int
    disk_free:
      description: Free space on its file system, in bytes.
      type: int
    serves:
      description: Whether the host serves the app's site; not on a host of the group C(worker).
      type: bool
    closed_since:
      description: Start of maintenance mode (UTC); empty if it is off.
      type: str
    audit:
      description:
        - The known vulnerabilities of its packages, where C(audit) is on - when they were asked for (C(checked)), of how many
          C(packages), C(lines) for people and C(vulnerabilities), each with C(package), C(version), C(name), C(also), C(severity),
          C(fixed), C(summary), C(counts), C(new) and C(allowed_until).
      type: dict
    problems:
      description: Why the app is down, one sentence each; empty if it is up.
      type: list
backups:
  description: C(lines) about the state of backups, and C(problems); only with O(status).
  returned: success
  type: dict
upkeep:
  description: C(lines) about the state of the host itself, and C(problems); only with O(status).
  returned: success
  type: dict
notes:
  description: Further notes about the host, one sentence each; only with O(status).
  returned: success
  type: list
  elements: str
left:
  description: Apps on the host that are not in O(apps), one sentence each; only with O(status).
  returned: success
  type: list
  elements: str
"""
