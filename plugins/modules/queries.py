#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Documentation of slipway.flask.queries; its action plugin does the work, on the host with queries_on_host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: queries
short_description: >-
  Show the most expensive statements of each app's database, and the state of its tables and transactions
version_added: 0.2.0
author: Slipway contributors (@slipway)
extends_documentation_fragment:
  - slipway.flask.apps
description:
  - For the database of each app, prints the statements with the highest total time, the highest mean time and the most
    calls (C(pg_stat_statements)); open transactions and lock waits; sequential scans of large tables, unused indexes,
    bloat (an estimate), the cache hit ratio, and what autovacuum still has to do.
  - A server on the host is queried as its superuser, an external one with the app's role; what that role can't see is
    reported.
  - For MySQL and MariaDB, prints statements if C(performance_schema) is on, the longest transactions and lock waits,
    the largest tables, and the hit ratio of the buffer pool; O(reset) has no effect.
  - Values in statements are replaced by C(?).
  - Only O(reset) changes anything.
attributes:
  check_mode:
    support: full
    description: Does the same, but for O(reset).
options:
  limit:
    description: Maximum number of entries of each kind, at least 1.
    type: int
    default: 5
  reset:
    description: Reset the statement statistics of these databases after printing them.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Show the shop's most expensive statements
  slipway.flask.queries:
    apps: "{{ slipway_apps }}"
    app: shop
"""

RETURN = r"""
apps:
  description: One entry per app.
  returned: success
  type: list
  elements: dict
  contains:
    app:
      description: Name of the app.
      type: str
    said:
      description: Why there is no information; if empty, the other keys are present.
      type: str
    facts:
      description: Size of the database, connections, and cache hit ratio.
      type: dict
    statements:
      description: The statements by C(total), C(mean) and C(calls); none if they can't be read.
      type: dict
    scans:
      description: Large tables with sequential scans.
      type: list
    indexes:
      description: Indexes that are unused or invalid.
      type: list
    bloat:
      description: Tables with unused space, as an estimate in bytes.
      type: list
    transactions:
      description: The longest open transactions.
      type: list
    locks:
      description: Lock waits.
      type: list
    vacuum:
      description: Tables with dead rows, or without statistics.
      type: list
    unseen:
      description: What could not be read, and why.
      type: list
    reset:
      description: Whether the statistics were reset.
      type: bool
"""
