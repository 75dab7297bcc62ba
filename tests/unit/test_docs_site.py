# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Links of the documentation lead to the same place in the repository and on the site, and its tables can be read."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
HOME = "https://git.example.com/slipway"


@pytest.fixture(scope="module")
def site() -> ModuleType:
    pytest.importorskip("mkdocs", reason="other versions of ansible-core are tested without the tools of the docs")
    spec = importlib.util.spec_from_file_location("docs_site", ROOT / "bin/lib/docs_site.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("source", "link", "on_the_site"),
    [
        ("docs/redis.md", "../roles/redis_server/README.md#example", "roles/redis_server.md#example"),
        ("docs/redis.md", "jobs.md", "jobs.md"),
        ("docs/faq.md", "../README.md", "index.md"),
        ("docs/faq.md", "../CHANGELOG.md", "changelog.md"),
        ("docs/edge.md", "../bench/edge/nginx.conf", f"{HOME}/blob/main/bench/edge/nginx.conf"),
        ("roles/redis_server/README.md", "../../docs/redis.md#checks", "../redis.md#checks"),
        ("roles/redis_server/README.md", "../backups/README.md", "backups.md"),
        ("CONTRIBUTING.md", "docs/glossary.md", "glossary.md"),
        ("CONTRIBUTING.md", "LICENSE", f"{HOME}/blob/main/LICENSE"),
        ("docs/redis.md", "https://redis.io/a.md", "https://redis.io/a.md"),
        ("docs/redis.md", "#checks", "#checks"),
        ("docs/redis.md", "nowhere.md", "nowhere.md"),
    ],
)
def test_a_link(site: ModuleType, source: str, link: str, on_the_site: str) -> None:
    assert site.linked(f"See [this]({link}).", source, HOME) == f"See [this]({on_the_site})."


def test_a_long_name_in_a_table_breaks_where_a_reader_would(site: ModuleType) -> None:
    html = '<td><a id="app-x"></a><code>access[].basic_auth</code></td><td><code>a b_c</code> or <code>d_e</code></td>'
    broken = '<td><a id="app-x"></a><code style="word-break: normal">access[].<wbr>basic_<wbr>auth</code></td>'
    assert site.breakable(html) == broken + "<td><code>a b_c</code> or <code>d_e</code></td>"
