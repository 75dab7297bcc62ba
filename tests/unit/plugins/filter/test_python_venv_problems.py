# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What the role python_venv refuses before it changes anything."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.filter.web import python_venv_problems

HASH = "sha256:" + "0b" * 32
RIGHT: dict[str, Any] = {
    "uv_version": "0.13.8", "uv_hashes": [HASH], "known": ["0.13.8"], "uv": "/opt/slipway/bin/uv", "python": "",
    "urls": ["", "https://pypi.example.org/simple", "file:///srv/wheels"],
}  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [
        {}, {"uv_version": "", "uv_hashes": [], "uv": "uv"}, {"python": "python3"}, {"python": "3.12"}, {"python": "3.12.4"},
        {"python": "python3.13.*"}, {"python": "/opt/python/bin/python3"}, {"urls": []},
    ],
)  # fmt: skip
def test_values_that_work(change: dict[str, Any]) -> None:
    assert python_venv_problems({**RIGHT, **change}) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"uv_version": "0.9.0", "uv_hashes": []}, "is 0.9.0, and the role knows the hashes of 0.13.8 only. Set python_venv_uv"),
        ({"uv_hashes": ["0b" * 32]}, "a list of sha256:<64 hex>."),
        ({"uv_version": "", "uv_hashes": ["sha256:0b"]}, "a list of sha256:<64 hex>."),
        ({"uv": "opt/bin/uv"}, 'python_venv_uv is "opt/bin/uv" (must be an absolute path that ends in /bin/uv)'),
        ({"uv": "/opt/uv"}, 'python_venv_uv is "/opt/uv" (must be'),
        ({"python": 3}, 'python_venv_python is "3" (must be empty, python3, a version such as "3.12" in quotes'),
        ({"python": "2.7"}, 'python_venv_python is "2.7" (must be empty'),
        ({"urls": ["ftp://x"]}, "is not a valid URL: each must start with https:// (or http://, file://) and have no spaces."),
        ({"urls": ["https://user:hunter2@x y"]}, "Their values may be secret and are not shown."),
    ],
)  # fmt: skip
def test_values_that_cannot_work(change: dict[str, Any], said: str) -> None:
    (found,) = python_venv_problems({**RIGHT, **change})
    assert said in found
    assert "hunter2" not in found


def test_every_mistake_is_named_at_once() -> None:
    assert len(python_venv_problems({**RIGHT, "uv_hashes": [], "uv": "uv", "urls": ["x"]})) == 3
