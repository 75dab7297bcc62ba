#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Documentation of slipway.flask.release_info; its action plugin does the work, on the host with release_info_on_host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: release_info
short_description: Tell the releases of the apps on a host, or how those that serve are
version_added: 0.1.0
author: Slipway contributors (@slipway)
extends_documentation_fragment:
  - slipway.flask.apps
description:
  - Prints each app's history as a table, newest first; it only registers what it found with O(status).
  - Never changes anything.
attributes:
  check_mode:
    support: full
    description: Does the same.
options:
  limit:
    description: Entries of the history that are told, 1 or more.
    type: int
    default: 20
  status:
    description: Whether it is told how the releases that serve are, and not what they were.
    type: bool
    default: false
  deep:
    description:
      - Whether the code of the releases and their environments are compared with the fingerprints that were taken when they
        were built; with O(status). It reads each file from the disk.
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
apps:
  description: One entry for each app that the host has.
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
      description: Entries that the whole history has; not with O(status).
      type: int
    release:
      description: Release that serves; with O(status), as all that follow.
      type: str
    revision:
      description: Its revision.
      type: str
    since:
      description: When it was switched to (UTC).
      type: str
    state:
      description: State of its unit.
      type: str
    restarts:
      description: How often systemd has started it again.
      type: int
    workers:
      description: Its worker processes.
      type: int
    memory:
      description: Memory of all its processes, in bytes.
      type: int
    health:
      description: What it answers on its own socket (C(status), C(milliseconds), C(said)).
      type: dict
    processes:
      description:
        - The state, restarts, workers and memory of each of its processes, by name; those above are the first one's. What
          else there is to tell of one is there, too.
      type: dict
    certificate:
      description: Whether nginx serves its domain over TLS, who issued the certificate, and how many days it has left.
      type: dict
    connections:
      description: The database server's connections in use and those that apps may use.
      type: dict
    disk_used:
      description: Bytes below the app's folder.
      type: int
    disk_free:
      description: Bytes that are free on its file system.
      type: int
    closed_since:
      description: When its site was closed for maintenance (UTC); empty when it is open.
      type: str
    audit:
      description:
        - The known vulnerabilities of its packages, where C(audit) is on - when they were asked for (C(checked)), of how many
          C(packages), C(lines) for people and C(vulnerabilities), each with C(package), C(version), C(name), C(also), C(severity),
          C(fixed), C(summary), C(counts), C(new) and C(allowed_until).
      type: dict
    problems:
      description: Why the app does not serve, one sentence each; empty when it does.
      type: list
backups:
  description: C(lines) that tell how the backups are, or that there are none, and C(problems); with O(status) only.
  returned: success
  type: dict
upkeep:
  description: C(lines) that tell how the host itself is, and C(problems) with it; with O(status) only.
  returned: success
  type: dict
notes:
  description: What else a person should know of the host, one sentence each; with O(status) only.
  returned: success
  type: list
  elements: str
left:
  description: Apps that the host has and O(apps) has not, one sentence each; with O(status) only.
  returned: success
  type: list
  elements: str
"""
