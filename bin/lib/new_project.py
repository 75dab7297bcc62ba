#!/usr/bin/env python3
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What bin/new-project runs; the package `project` beside it does the work, `describe` reads the app."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "collections"))

from project.cli import main  # noqa: E402  # needs the path above

if __name__ == "__main__":
    sys.exit(main())
