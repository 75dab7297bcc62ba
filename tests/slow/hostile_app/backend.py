# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A build backend (PEP 517) that attacks in each of its hooks; its wheel has a .pth file, which any Python runs."""

from __future__ import annotations

import zipfile
from pathlib import Path

import attack

NAME = "hostile_dep-1.0"
METADATA = "Metadata-Version: 2.1\nName: hostile-dep\nVersion: 1.0\n"
WHEEL = "Wheel-Version: 1.0\nGenerator: hostile\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
PTH = "import hostile_dep.attack as attack; attack.tell('start of Python', 'SECRET_KEY' not in attack.os.environ)\n"


def get_requires_for_build_wheel(config_settings: object = None) -> list[str]:
    attack.tell("resolve")
    return []


def prepare_metadata_for_build_wheel(metadata_directory: str, config_settings: object = None) -> str:
    attack.tell("metadata")
    folder = Path(metadata_directory, f"{NAME}.dist-info")
    folder.mkdir()
    (folder / "METADATA").write_text(METADATA)
    (folder / "WHEEL").write_text(WHEEL)
    return folder.name


def build_wheel(wheel_directory: str, config_settings: object = None, metadata_directory: object = None) -> str:
    attack.tell("build")
    name = f"{NAME}-py3-none-any.whl"
    files = {
        "hostile_dep/__init__.py": "",
        "hostile_dep/attack.py": Path(attack.__file__).read_text(),
        "hostile_dep.pth": PTH,
        f"{NAME}.dist-info/METADATA": METADATA,
        f"{NAME}.dist-info/WHEEL": WHEEL,
    }
    record = "".join(f"{path},,\n" for path in [*files, f"{NAME}.dist-info/RECORD"])
    with zipfile.ZipFile(Path(wheel_directory, name), "w") as wheel:
        for path, text in {**files, f"{NAME}.dist-info/RECORD": record}.items():
            info = zipfile.ZipInfo(path)
            info.external_attr = 0o104777 << 16  # setuid, and all may write
            wheel.writestr(info, text)
    return name
