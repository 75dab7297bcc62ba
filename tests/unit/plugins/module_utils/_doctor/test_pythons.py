# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What the doctor says of the Pythons that apps run."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._doctor import pythons
from examined_host import FakeHost


@pytest.mark.parametrize(
    ("home", "version", "said"),
    [
        ("/usr/bin", "3.9.2", []),
        ("/opt/slipway/python/bin", "3.13.1", []),
        ("/opt/slipway/python/bin", "3.9.2", ["3.9, which has had no security updates since 2025-10-31"]),
        ("/usr/local/bin", "3.10.0", ["3.10, which has had no security updates since 2026-10-31"]),
        ("/opt/slipway/python/bin", "", []),
    ],
)  # fmt: skip
def test_a_python_of_nobody_s_care_is_told(tmp_path: Path, home: str, version: str, said: list[str]) -> None:
    host = FakeHost(tmp_path)
    host.write(
        "/srv/shop/current/venv/pyvenv.cfg", f"home = {home}\nimplementation = CPython\nversion_info = {version}\n"
    )
    found = [f"{one.level}: {one.says}" for one in pythons.pythons(host, date(2026, 11, 26))]
    assert found == [f"problem: shop runs with Python {text}" for text in said]
