# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Where MariaDB is on Debian and Ubuntu. PRIVATE to the collection."""

SOCKET = "/run/mysqld/mysqld.sock"
"""The server's socket on Debian and Ubuntu (mariadb-common), which their clients and drivers take for `localhost`."""
