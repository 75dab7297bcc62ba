# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The accounts of people: made, with exactly the keys that are listed, and closed when they leave the list.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.slipway.flask.plugins.module_utils._access.apply import Change, Part


class Accounts(Part):
    name = "accounts"

    def changes(self) -> Sequence[Change]:
        return []
