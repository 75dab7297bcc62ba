# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Until when versions get security updates.

Sources, read in November 2026: https://www.debian.org/releases/ and https://wiki.debian.org/LTS, https://ubuntu.com/about/release-cycle
(Ubuntu names months: the last day of one is taken), https://www.postgresql.org/support/versioning/,
https://devguide.python.org/versions/ (months too). A version that is not listed is newer than this list, or was never stable.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from datetime import date, timedelta

DISTRIBUTIONS = {
    ("debian", "10"): date(2024, 6, 30), ("debian", "11"): date(2026, 8, 31), ("debian", "12"): date(2028, 6, 30),
    ("debian", "13"): date(2030, 6, 30), ("ubuntu", "20.04"): date(2025, 5, 31), ("ubuntu", "22.04"): date(2027, 4, 30),
    ("ubuntu", "24.04"): date(2029, 4, 30), ("ubuntu", "24.10"): date(2025, 7, 31), ("ubuntu", "25.04"): date(2026, 1, 31),
    ("ubuntu", "25.10"): date(2026, 7, 31), ("ubuntu", "26.04"): date(2031, 4, 30),
}  # fmt: skip
"""ID and VERSION_ID of os-release(5) -> last day of free security updates (Debian: by its LTS team)."""
DEBIAN_TEAM = {"11": date(2024, 8, 14), "12": date(2026, 7, 11), "13": date(2028, 8, 9)}
"""Debian's own security team hands over to the LTS team, which looks after fewer packages."""
POSTGRESQL = {
    "11": date(2023, 11, 9), "12": date(2024, 11, 21), "13": date(2025, 11, 13), "14": date(2026, 11, 12),
    "15": date(2027, 11, 11), "16": date(2028, 11, 9), "17": date(2029, 11, 8), "18": date(2030, 11, 14),
}  # fmt: skip
PYTHON = {
    (3, 8): date(2024, 10, 31), (3, 9): date(2025, 10, 31), (3, 10): date(2026, 10, 31), (3, 11): date(2027, 10, 31),
    (3, 12): date(2028, 10, 31), (3, 13): date(2029, 10, 31), (3, 14): date(2030, 10, 31),
}  # fmt: skip
SOON = timedelta(days=180)
"""So long before its end, a version is noted: an upgrade takes planning."""
