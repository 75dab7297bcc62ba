# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What is wrong with what a person wrote as a schedule.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._schedule import calendar, cron


def problem(value: Any) -> str:
    """Return what is wrong with the VALUE of a `schedule`, to follow its name, such as `is a cron line …`; "" for nothing."""
    if not isinstance(value, str):
        clock = isinstance(value, int) and not isinstance(value, bool) and value >= 60
        hint = f"; YAML takes {value // 60}:{value % 60:02} for a number unless it is in quotes" if clock else ""
        return f"must be a calendar expression in quotes, such as {calendar.SAMPLES}{hint}"
    if cron.is_line(value):
        begin = f"is '{value}', a cron line, and must be a calendar expression of systemd"
        try:
            return f"{begin}: write '{cron.translate(value)}'"
        except cron.Untranslatable as error:
            return f"{begin}, into which this one can't be translated: {error}"
    try:
        calendar.check(value)
    except calendar.CalendarError as error:
        return f"{'' if not value.strip() else f'''is '{value}', which '''}{error}; it must be like {calendar.SAMPLES}"
    return ""


def has_zone(value: str) -> bool:
    """Tell whether a good expression names a time zone, which the host must know; UTC is always known."""
    rest = calendar.without_zone(value)
    return rest != value and not value.lower().endswith(" utc")
