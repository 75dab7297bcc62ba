# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a host answers to a restore: when it is asked what would be lost, and when it has been done."""

from __future__ import annotations

from typing import Any

QUESTION: dict[str, Any] = {
    "app": "shop", "to": "2026-11-25 14:05 UTC", "resolved": "2026-11-25T14:05:00+00:00", "age_seconds": 11_530,
    "database": "shop", "database_bytes": 312 << 20, "had_database": True, "elsewhere": False, "sessions": 7,
    "folders": ["/srv/shop/shared/uploads"], "all_folders": ["/srv/shop/shared/uploads"], "point": "20261125T140000Z",
    "carries": True, "newer": {"files": 14, "size": 2 << 20}, "serving": "0007-abc", "release": "0007-abc",
    "heads": ["0003"], "serving_heads": ["0003"], "keep": False, "processes": ["web", "worker"],
}  # fmt: skip
DONE: dict[str, Any] = {
    "restored": {
        "app": "shop", "id": "20261125T171200Z", "to": "2026-11-25 14:05 UTC", "database": "shop", "had": True,
        "kept": "shop_before_20261125t171200z",
        "folders": [{"kept": "/srv/shop/shared/shop_before_20261125t171200z/uploads", "had": True}],
    },
    "record": {"id": "0007-abc"}, "previous": "0007-abc", "seconds": {"check": 0.5, "database": 12.0, "swap": 0.1},
    "closed_seconds": 4.2, "rows": [{"table": "public.orders", "now": 120, "before": 0}], "carried": 3,
    "was_closed": False, "notes": ["careful"],
}  # fmt: skip
