# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The folders of an app that hold its data."""

from __future__ import annotations

import pytest
from ansible_collections.slipway.flask.plugins.plugin_utils._target import folders


def test_shared_folders_are_known_by_name_and_writable_paths_by_path() -> None:
    app = {"name": "shop", "shared_folders": ["uploads/", "instance"], "writable_paths": ["/var/lib/shop/"]}
    assert folders.of(app) == {
        "uploads": "/srv/shop/shared/uploads",
        "instance": "/srv/shop/shared/instance",
        "/var/lib/shop": "/var/lib/shop",
    }


def test_a_folder_in_another_one_comes_with_that() -> None:
    app = {"name": "shop", "shared_folders": ["static/uploads", "static"], "writable_paths": []}
    assert [*folders.of(app)] == ["static"]


NAMES = {"uploads": "uploads", "/var/lib/shop": "var-lib-shop", "static/img.d": "static-img.d", "ü": "folder"}


@pytest.mark.parametrize("name", NAMES)
def test_a_folder_gives_its_file_a_plain_name(name: str) -> None:
    assert folders.file_name(name) == NAMES[name]
