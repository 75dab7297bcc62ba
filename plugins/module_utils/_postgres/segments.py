# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Segments of WAL that wait to be archived, as the server notes it beside them.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path


def waiting(data: Path) -> Iterator[float]:
    """Yield since when each segment of the cluster in the folder DATA has been waiting, as seconds of Unix."""
    for path in (data / "pg_wal" / "archive_status").glob("*.ready"):
        with suppress(OSError):  # it was archived meanwhile
            yield path.stat().st_mtime
