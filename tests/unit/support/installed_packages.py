# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Environments that hold nothing but the metadata of packages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def install(
    environment: Path, name: str, version: str, *lines: str, tag: str = "py3-none-any", url: Any = None
) -> Path:
    """Put the metadata of one package into ENVIRONMENT, with further LINES; URL is what direct_url.json says."""
    folder = environment / f"lib/python3.11/site-packages/{name.replace('-', '_')}-{version}.dist-info"
    folder.mkdir(parents=True)
    head = "\n".join(["Metadata-Version: 2.4", f"Name: {name}", f"Version: {version}", *lines])
    (folder / "METADATA").write_text(f"{head}\n\n{name}'s own text\nLicense: none of it\n")
    (folder / "WHEEL").write_text(f"Wheel-Version: 1.0\nTag: {tag}\n")
    if url:
        (folder / "direct_url.json").write_text(json.dumps(url))
    return folder
