# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""`-e version=…`: which apps take it, and what it becomes."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.plugin_utils._app import version as app_version

GIT = {"name": "shop", "source": {"git": "https://example.com/shop.git", "version": "main"}}
FOLDER = {"name": "blog", "source": {"path": "../blog"}}
ARCHIVE = {"name": "docs", "source": {"archive": "docs.zip"}}
PACKAGE = {"name": "wiki", "source": {"package": "Wiki[pg] == 1.2"}}
APPS = [GIT, FOLDER, ARCHIVE, PACKAGE]


@pytest.mark.parametrize(
    ("apps", "only", "version", "expected"),
    [
        (APPS, "", "", []),
        ([GIT], "", "v2", []),
        (APPS, "shop", "feature/cart", []),
        (APPS, "wiki", "1.3", []),
        (APPS, "", "v2", ["version is 'v2', but there are 4 apps; say of which: -e app=shop or blog or docs or wiki"]),
        (APPS, "blog", "v2", ["version is 'v2', but app 'blog' comes from a folder: check out what you want there, "
                              "or give the app a git source"]),
        (APPS, "docs", "v2", ["version is 'v2', but app 'docs' comes from an archive: name the other one in its description"]),
        (APPS, "shop", "main~1", ["version: 'version' in 'source' is 'main~1'; it must be the name of a branch or tag, "
                                  "or a commit"]),
        (APPS, "wiki", ">=1", ["version: 'package' in 'source' is 'Wiki[pg]==>=1'; it must name one version, as in shop==1.2"]),
    ],
)  # fmt: skip
def test_a_version_is_for_one_app_that_has_versions(
    apps: list[dict[str, Any]], only: str, version: str, expected: list[str]
) -> None:
    assert app_version.problems(apps, only, version) == expected


def test_a_version_takes_the_place_of_the_one_described() -> None:
    assert app_version.wanted(GIT, "v2")["source"] == {"git": "https://example.com/shop.git", "version": "v2"}
    assert app_version.wanted(PACKAGE, "1.3")["source"] == {"package": "Wiki[pg]==1.3"}
    assert app_version.wanted(GIT, "") == GIT
    assert GIT["source"]["version"] == "main"
