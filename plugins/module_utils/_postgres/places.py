# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Where PostgreSQL is on Debian and Ubuntu. PRIVATE to the collection."""

SOCKET_FOLDER = "/var/run/postgresql"
"""Folder of the server's socket on Debian and Ubuntu (postgresql-common), where their libpq looks when no host is given."""

STANDBY_PREFIX = "slipway_standby_"
"""What the roles and slots begin with that are for standbys: no app's role does."""
