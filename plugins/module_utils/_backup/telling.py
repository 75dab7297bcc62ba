# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Notifications about problems with backups: one per problem, and one when everything works again.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from ansible_collections.slipway.flask.plugins.module_utils._backup import outside
from ansible_collections.slipway.flask.plugins.module_utils._backup.settings import Settings
from ansible_collections.slipway.flask.plugins.module_utils._host import webhooks
from ansible_collections.slipway.flask.plugins.module_utils._host.news import News, Problem, news
from ansible_collections.slipway.flask.plugins.module_utils._host.news import text as news_text

__all__ = ["News", "Problem", "news", "tell"]


def tell(settings: Settings, found: News) -> list[str]:
    """Tell the webhooks of SETTINGS; return why one could not be reached, one sentence each."""
    if not settings.notifications or not (found.fresh or found.is_over):
        return []
    text = news_text(f"backups of {settings.host}", found)
    told = {
        "what": "backups", "host": settings.host, "outcome": "succeeded" if found.is_over else "failed", "text": text,
        "problems": found.fresh,
    }  # fmt: skip
    failed: list[str] = outside.call(webhooks.post, settings.notifications, told)
    return failed
