# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The lock of an environment: what is in it, and what another environment has otherwise."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._python import locked
from ansible_collections.slipway.flask.plugins.module_utils._python.locked import Pin

COMMIT = "0123456789abcdef0123456789abcdef01234567"
COMPILED = """\
blinker==1.9.0 \\
    --hash=sha256:bb \\
    --hash=sha256:ba
Zope.Interface==7.2
"""


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """Return an environment with a package of an index, one of a repository, one of an address and the project itself."""
    site = tmp_path / "lib/python3.13/site-packages"
    urls = {
        "blinker-1.9.0": None,
        "my_tools-2.0": {
            "url": "https://ann:tok@en@git.example.com/tools.git?token=secret#x",
            "vcs_info": {"commit_id": COMMIT},
        },
        "far-1.0": {"url": "https://dist.example.com/far-1.0.tar.gz", "archive_info": {}},
        "shop-0.1": {"url": "file:///srv/shop/venvs/.building/project", "dir_info": {}},
        "broken-1.0": "{",
    }
    for name, url in urls.items():
        (site / f"{name}.dist-info").mkdir(parents=True)
        if url is not None:
            text = url if isinstance(url, str) else json.dumps(url)
            (site / f"{name}.dist-info/direct_url.json").write_text(text)
    return tmp_path


PACKAGES = {"blinker": "1.9.0", "my-tools": "2.0", "far": "1.0", "shop": "0.1", "broken": "1.0"}


def test_a_lock_says_where_each_package_is_from_without_credentials(environment: Path) -> None:
    pins = locked.of(PACKAGES, environment, locked.hashes_in(COMPILED))
    text = locked.text_of(pins)
    assert text.splitlines() == [
        "blinker==1.9.0 --hash=sha256:ba --hash=sha256:bb",
        "# broken==1.0 from the source",
        "# far==1.0 from https://dist.example.com/far-1.0.tar.gz",
        f"# my-tools==2.0 from git+https://git.example.com/tools.git@{COMMIT}",
        "# shop==0.1 from the source",
    ]
    assert locked.pins_of(text) == pins
    assert locked.constraints(text) == ["blinker==1.9.0 --hash=sha256:ba --hash=sha256:bb"]
    assert locked.differences(text, PACKAGES, environment) == ""


def test_hashes_are_read_by_comparable_names() -> None:
    assert locked.hashes_in(COMPILED) == {"blinker": ("sha256:ba", "sha256:bb"), "zope-interface": ()}


@pytest.mark.parametrize(
    ("pins", "told"),
    [
        ({"blinker": Pin("1.8.0")}, "blinker is 1.9.0, not 1.8.0"),
        ({"flask": Pin("3.1.3")}, "flask 3.1.3 is missing"),
        ({"shop": None}, "shop 0.1 is not part of it"),
        (
            {"my-tools": Pin("2.0", (), "git+https://git.example.com/tools.git@fff")},
            f"my-tools is from git+https://git.example.com/tools.git@{COMMIT}, not git+https://git.example.com/tools.git@fff",
        ),
        ({"shop": Pin("0.1")}, "shop is from the source, not an index"),
    ],
)
def test_what_is_not_as_it_was_is_named(environment: Path, pins: dict[str, Pin | None], told: str) -> None:
    whole = {**locked.of(PACKAGES, environment, {}), **pins}
    wanted = locked.text_of({name: pin for name, pin in whole.items() if pin})
    assert locked.differences(wanted, PACKAGES, environment) == told


def test_a_line_that_is_no_package_is_nothing(environment: Path) -> None:
    assert locked.pins_of("--index-url https://evil.example\n-r other.txt\nflask @ https://evil.example\n") == {}
    many = "".join(f"name{number}==1\n" for number in range(9))
    assert locked.differences(many, {}, environment).endswith("name4 1 is missing and 4 more")
