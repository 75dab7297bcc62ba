# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The role app_release as Ansible runs it, with Python in the place of what asks the host."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def environment(place: Path, host: str) -> dict[str, str]:
    """Return variables by which Ansible finds the collection in PLACE with the functions of HOST, and its own configuration."""
    collection = place / "ansible_collections/slipway/flask"
    for part in ("plugins", "roles/app_release", "meta"):
        shutil.copytree(ROOT / part, collection / part)
    with (collection / "plugins/plugin_utils/_action/on_host.py").open("a") as file:
        file.write(host)
    (place / "ansible.cfg").write_text("[defaults]\n")
    own = {"ANSIBLE_COLLECTIONS_PATH": str(place), "ANSIBLE_CONFIG": str(place / "ansible.cfg")}
    return {**os.environ, **own, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
