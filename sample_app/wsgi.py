# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a WSGI server loads: ``wsgi:app``. Importing it reads the environment and never touches the database."""

from __future__ import annotations

from harbour import create_app

app = create_app()
