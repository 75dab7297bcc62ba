# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The stages of a run over releases, in their order.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

STAGES = ("fetch", "build", "check", "migrate", "start", "gate", "switch", "verify", "watch", "drain", "prune")
BACK = tuple(stage for stage in STAGES if stage not in ("fetch", "build", "prune"))
"""The stages of a rollback."""
AFTER = ("drain", "after_drain", "before_prune", "prune", "after_prune")
"""Stages and hooks at which a failure finds the release before stopped already: nothing goes back."""
