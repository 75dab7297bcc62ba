# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""uv is fetched while APT installs, as soon as pip is there; whatever goes wrong, APT does not notice."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._python import uv as tools
from ansible_collections.slipway.flask.plugins.module_utils._python import uv_ahead, uv_install


@pytest.fixture
def wanted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    (tmp_path / "wheels").mkdir()
    monkeypatch.setattr(uv_install, "WHEELS", tmp_path / "wheels")
    rest = {
        "hashes": ["sha256:0a"],
        "index_url": "https://index.example/simple",
        "extra_index_urls": [],
        "ca_bundle": "",
    }
    return {"version": "1.0", "link": str(tmp_path / "bin/uv"), **rest}


def test_it_is_fetched_as_soon_as_pip_is_unpacked_and_not_before(
    tmp_path: Path, wanted: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, fetched = list[Any](), threading.Event()

    def fetch(version: str, hashes: list[str], folder: Path, index: tools.Index) -> None:
        asked.append((version, hashes, folder, index.variables()["PIP_INDEX_URL"], index.variables()["PIP_RETRIES"]))
        fetched.set()

    monkeypatch.setattr(uv_install, "fetch", fetch)
    with uv_ahead.fetched(wanted):
        (tmp_path / "wheels/pip-25.1-py3-none-any.whl.dpkg-new").touch()
        assert not fetched.wait(0.3)
        (tmp_path / "wheels/pip-25.1-py3-none-any.whl").touch()
        assert fetched.wait(30), "APT is still at work"
    assert asked == [("1.0", ["sha256:0a"], tmp_path / "uv-1.0", "https://index.example/simple", "0")]


def test_nothing_is_fetched_without_a_pip_or_when_it_is_there_or_when_none_is_wanted(
    tmp_path: Path, wanted: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(uv_install, "fetch", lambda *_: asked.append("fetch"))
    with uv_ahead.fetched(wanted):
        pass
    (tmp_path / "wheels/pip-25.1-py3-none-any.whl").touch()
    for nothing in ({**wanted, "version": ""}, {}, None):
        with uv_ahead.fetched(nothing):
            pass
    program = tmp_path / "uv-1.0/bin/uv"
    program.parent.mkdir(parents=True)
    program.touch(mode=0o755)
    with uv_ahead.fetched(wanted):
        pass
    assert asked == []


@pytest.mark.parametrize("error", [tools.EnvironmentError_("no index"), OSError("no space")])
def test_that_it_can_not_be_fetched_is_left_to_the_module_that_needs_it(
    tmp_path: Path, wanted: dict[str, Any], monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    tried = threading.Event()

    def fetch(*_: Any) -> None:
        tried.set()
        raise error

    monkeypatch.setattr(uv_install, "fetch", fetch)
    (tmp_path / "wheels/pip-25.1-py3-none-any.whl").touch()
    with uv_ahead.fetched(wanted):
        assert tried.wait(30)
    assert not (tmp_path / "uv-1.0").exists()


def test_a_failure_of_apt_is_what_is_told(wanted: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="apt"), uv_ahead.fetched(wanted):
        raise ValueError("apt")


@pytest.fixture
def program(tmp_path: Path) -> str:
    """A uv that is there already."""
    found = tmp_path / "uv-1.0/bin/uv"
    found.parent.mkdir(parents=True)
    found.touch(mode=0o755)
    return str(found)


def test_what_needs_uv_goes_on_with_it_and_is_waited_for(wanted: dict[str, Any], program: str) -> None:
    asked = list[str]()
    with uv_ahead.fetched(wanted, asked.append):
        pass
    assert asked == [program], "also where APT is over before anybody looks"
    begun, go_on = threading.Event(), threading.Event()

    def build(uv: str) -> None:
        begun.set()
        assert go_on.wait(30)
        asked.append(f"built with {uv}")

    with uv_ahead.fetched(wanted, build):
        assert begun.wait(30)
        go_on.set()
    assert asked[-1] == f"built with {program}"


def test_what_needs_uv_is_stopped_when_apt_fails(wanted: dict[str, Any], program: str) -> None:
    begun, stopped = threading.Event(), threading.Event()

    def build(_: str) -> None:
        begun.set()
        assert stopped.wait(30)

    with pytest.raises(RuntimeError, match="no space"), uv_ahead.fetched(wanted, build, stopped.set):
        assert begun.wait(30)
        raise RuntimeError("no space")


def test_without_a_uv_nothing_goes_on(wanted: dict[str, Any]) -> None:
    asked = list[str]()
    with uv_ahead.fetched(wanted, asked.append):
        pass
    assert asked == []
