# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""MySQL and MariaDB: an app whose database is one is looked at without writing. No more is known of them.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from ansible_collections.slipway.flask.plugins.module_utils._database.base import Dialect

SCRIPT = r"""
class Mysql(Dialect):
    def connecting(self, driver, dialect, parameters):
        parameters.setdefault("init_command", "SET SESSION TRANSACTION READ ONLY")


DIALECTS["mysql"] = DIALECTS["mariadb"] = Mysql()
"""


class Mysql(Dialect):
    name, title, script = "mysql", "MySQL", SCRIPT
