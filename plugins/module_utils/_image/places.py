# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Where everything is in an app's image. Names and paths here are what compose files, stacks and manifests rely on.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from pathlib import Path

ROOT = Path("/app")
"""What `{release_folder}` stands for in an image."""
SRC = ROOT / "src"
VENV = ROOT / "venv"
SHARED = ROOT / "shared"
"""Where the app's `shared_folders` are, each by its name: mount a volume here, or one on each of them."""
FILES = ROOT / "files"
"""Where the app's `files` are looked for, each by its path: they may hold secrets, so the image has only links to here."""
TOOLS = ROOT / "slipway"
BIN = TOOLS / "bin"
LIB = TOOLS / "lib"
DESCRIPTION = TOOLS / "app.json"
GUNICORN = TOOLS / "gunicorn.conf.py"
SBOM = ROOT / "sbom.cdx.json"
SECRETS = ("/run/secrets/", "/var/run/secrets/")
"""`NAME_FILE=/run/secrets/NAME` is read into NAME; a variable that ends so with another value is the app's own."""
STATE = Path("/var/lib/slipway/state")
"""A process's own folder (STATE_DIRECTORY): mount a volume here."""
USER = 10001
"""User and group of the app: a number, so that an engine can tell that it isn't root (Kubernetes: runAsNonRoot)."""
PORT = 8000
WEB, RUN, MIGRATE, HEALTH = "web", "slipway-run", "slipway-migrate", "slipway-health"
WRITABLE = ("/tmp", "/dev/shm")
"""Folders in memory that the app writes to when the image is read-only."""
LOWEST_PYTHON = (3, 11)
"""What our own code in the image needs."""
