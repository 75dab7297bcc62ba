#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Documentation of slipway.flask.queries; its action plugin does the work, on the host with queries_on_host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: queries
short_description: Tell what the statements of apps cost their database, and what its tables and transactions are like
version_added: 0.2.0
author: Slipway contributors (@slipway)
extends_documentation_fragment:
  - slipway.flask.apps
description:
  - Prints, for the database of each app, the statements that take most time in all, most time each, and that are called most
    (C(pg_stat_statements)); open transactions and who waits for whose lock; large tables that are read from end to end,
    indexes that nothing reads, bloat (an estimate), the cache's hits, and what autovacuum has left to do.
  - A server on the host is asked as its superuser; one elsewhere as the app's role, and what that may not see is said.
  - Of MySQL and MariaDB, statements where C(performance_schema) is on, the longest transactions and who waits for a lock, the
    largest tables, and the buffer pool's hits; O(reset) does nothing there.
  - Statements have C(?) where they had a value.
  - Only O(reset) changes anything.
attributes:
  check_mode:
    support: full
    description: Does the same, but for O(reset).
options:
  limit:
    description: Most entries of each kind, 1 or more.
    type: int
    default: 5
  reset:
    description: Count the statements of these databases anew, after they were told.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Show what the shop's statements cost
  slipway.flask.queries:
    apps: "{{ slipway_apps }}"
    app: shop
"""

RETURN = r"""
apps:
  description: One entry for each app.
  returned: success
  type: list
  elements: dict
  contains:
    app:
      description: Name of the app.
      type: str
    said:
      description: Why there is nothing to tell; empty otherwise, and then the others are there.
      type: str
    facts:
      description: The database's size, connections, and how much of it came from the cache.
      type: dict
    statements:
      description: The statements by C(total), C(mean) and C(calls); none when they can't be seen.
      type: dict
    scans:
      description: Large tables that are read from end to end.
      type: list
    indexes:
      description: Indexes that nothing has read, or that are not valid.
      type: list
    bloat:
      description: Tables with space that their rows don't need, as an estimate in bytes.
      type: list
    transactions:
      description: The longest open transactions.
      type: list
    locks:
      description: Who waits for whom.
      type: list
    vacuum:
      description: Tables with dead rows, or without statistics.
      type: list
    unseen:
      description: What could not be seen, and why.
      type: list
    reset:
      description: Whether statements are counted anew.
      type: bool
"""
