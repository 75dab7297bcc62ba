# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Running tools: what they are told, and what the user is told when they fail."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._python import uv as tools


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://me:pw@example.org/simple", "https://***@example.org/simple"),
        ("https://token@example.org/simple", "https://***@example.org/simple"),
        ("https://me:p@ss@example.org/simple", "https://***@example.org/simple"),
        ("at https://a:b@one/x and http://c:d@two:81/y.", "at https://***@one/x and http://***@two:81/y."),
        ("git+https://example.org/x.git@v1", "git+https://example.org/x.git@v1"),
        ("mail me@example.org", "mail me@example.org"),
    ],
)
def test_masking(text: str, expected: str) -> None:
    assert tools.masked(text) == expected


def test_the_tail_is_plain_short_and_masked() -> None:
    text = "\n".join(f"line {number}" for number in range(100)) + "\n\x1b[31merror\x1b[0m: https://a:b@c/d\n\n"
    lines = tools.tail(text).splitlines()
    assert len(lines) == tools.TAIL_LINES
    assert lines[-1] == "error: https://***@c/d"


def test_a_failing_tool_shows_its_last_lines_and_no_secret(tmp_path: Path) -> None:
    script = "import sys; print('first'); print('https://me:pw@example.org is down', file=sys.stderr); sys.exit(3)"
    with pytest.raises(tools.EnvironmentError_) as error:
        tools.run([sys.executable, "-c", script], "asking the index", cwd=tmp_path, variables={})
    assert str(error.value) == "asking the index failed:\nfirst\nhttps://***@example.org is down"


def test_tools_do_not_see_our_own_virtual_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIRTUAL_ENV", "/somewhere")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
    script = "import os; print(os.environ.get('VIRTUAL_ENV'), os.environ['HTTPS_PROXY'], os.environ['X'])"
    output = tools.run([sys.executable, "-c", script], "looking", cwd=tmp_path, variables={"X": "y"})
    assert output.split() == ["None", "http://proxy:3128", "y"]


@pytest.fixture
def bare_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A host without any setting of its own; returns where its pip.conf would be."""
    for name in tools.UV_INDEXES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(tools, "UV_SETTINGS", tmp_path / "uv.toml")
    monkeypatch.setattr(tools.pip_settings, "__defaults__", (tmp_path / "pip.conf",))
    return tmp_path / "pip.conf"


def test_indexes_reach_uv_and_pip_by_their_environment(bare_host: Path) -> None:
    bundle = bare_host.with_name("ca.crt")
    bundle.write_text("")
    variables = tools.Index("https://u:p@index/simple", ("https://one/", "https://two/"), str(bundle)).variables()
    assert variables["UV_DEFAULT_INDEX"] == variables["PIP_INDEX_URL"] == "https://u:p@index/simple"
    assert variables["UV_INDEX"] == variables["PIP_EXTRA_INDEX_URL"] == "https://one/ https://two/"
    assert variables["SSL_CERT_FILE"] == variables["PIP_CERT"] == str(bundle)


def test_a_missing_bundle_and_no_index_change_nothing(bare_host: Path) -> None:
    assert tools.Index("", (), "/no/such/bundle").variables() == {"UV_SYSTEM_CERTS": "true"}


def test_the_hosts_pip_settings_count_for_uv(bare_host: Path) -> None:
    bare_host.write_text(
        "[global]\nindex-url = https://index/%5E/simple\nextra-index-url =\n  https://one/\n  https://two/\n"
    )
    variables = tools.Index().variables()
    assert variables["UV_DEFAULT_INDEX"] == "https://index/%5E/simple"
    assert variables["UV_INDEX"] == "https://one/ https://two/"
    assert "UV_INDEX" not in tools.Index("https://mine/").variables()


def test_uv_is_kept_from_downloading_pythons(tmp_path: Path) -> None:
    variables = tools.Uv("uv", tools.Index(), tmp_path).variables(tmp_path)
    assert variables["UV_PYTHON_DOWNLOADS"] == "never"
    assert variables["UV_LINK_MODE"] == "hardlink"
    assert variables["UV_CACHE_DIR"] == str(tmp_path)
