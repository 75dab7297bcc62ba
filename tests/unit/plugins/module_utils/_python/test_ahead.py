# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Environments are built while APT installs only where that comes to the same; whatever goes wrong, nobody notices."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._host import systemd
from ansible_collections.slipway.flask.plugins.module_utils._python import ahead as building
from ansible_collections.slipway.flask.plugins.module_utils._python import build_sandbox as sandbox
from ansible_collections.slipway.flask.plugins.module_utils._python.ahead import Ahead
from ansible_collections.slipway.flask.plugins.module_utils._python.environment_spec import EnvironmentSpec

HASHED = "flask==3.1 --hash=sha256:" + "0a" * 32 + "\n"


@pytest.mark.parametrize(
    ("files", "certain"),
    [
        ({"requirements.txt": HASHED}, True),
        ({"uv.lock": "version = 1\n", "pyproject.toml": "[project]\nname = 'shop'\n"}, True),
        ({"requirements.txt": "flask==3.1\n"}, False),
        ({"poetry.lock": "", "pyproject.toml": "[tool.poetry]\n"}, False),
        ({"pyproject.toml": "[project]\nname = 'shop'\ndependencies = ['flask']\n"}, False),
        ({"requirements.txt": HASHED, "pyproject.toml": "[project.scripts]\nshop = 'shop:main'\n"}, False),
        ({"requirements.txt": HASHED, "pyproject.toml": "[project]\nname = 'shop'\n", "src/shop/__init__.py": ""}, False),
        ({"requirements.txt": HASHED + "./local\n", "local/setup.py": ""}, False),
        ({"requirements.txt": HASHED, "runtime.txt": "python-2.7\n"}, False),
    ],
)  # fmt: skip
def test_only_what_is_pinned_and_comes_as_wheels_is_built_ahead(
    tmp_path: Path, files: dict[str, str], certain: bool
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    python = "" if "runtime.txt" in files else sys.executable
    spec = EnvironmentSpec(tmp_path, tmp_path / "venvs", python=python, uv="/bin/false")
    try:
        found = building.is_certain(spec)
    except building.EnvironmentError_:
        found = False
    assert found is certain


class Builds:
    """Stands for what is built, and for systemd."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.specs, self.stopped = folder, list[EnvironmentSpec](), list[tuple[str, ...]]()
        self.fails: Exception | None = None
        monkeypatch.setattr(building, "is_certain", lambda spec: True)
        monkeypatch.setattr(building.environments, "ensure", self.ensure)
        monkeypatch.setattr(systemd, "systemctl", lambda *words: self.stopped.append(words))

    def ensure(self, spec: EnvironmentSpec) -> None:
        assert spec.log
        spec.log("begins")
        self.specs.append(spec)
        if self.fails:
            raise self.fails

    def wanted(self, app: str) -> dict[str, Any]:
        rest = {"requirements": [], "needed": ["gunicorn"], "database": "auto", "python": "", "ca_bundle": "/ca"}
        return {
            **rest,
            "app": app,
            "root": str(self.folder / "srv" / app),
            "source": f"of {app}",
            "index_url": "",
            "extra_index_urls": [],
        }

    def ahead(self, *apps: str) -> Ahead:
        def unpack(source: str, folder: Path) -> None:
            (folder / "text").write_text(source)

        return Ahead([self.wanted(app) for app in apps], unpack, self.folder / "ahead")


@pytest.fixture
def builds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Builds:
    return Builds(tmp_path, monkeypatch)


def test_each_is_built_in_roots_own_folder_with_the_user_and_cache_that_its_releases_have(builds: Builds) -> None:
    (builds.folder / "ahead/gone").mkdir(parents=True)
    builds.ahead("shop", "wiki").build("/opt/uv")
    assert [(spec.root.name, spec.final, spec.wheels_only, spec.uv) for spec in builds.specs] == [
        (app, builds.folder / f"srv/{app}/venvs", True, "/opt/uv") for app in ("shop", "wiki")
    ]
    assert (builds.folder / "ahead").stat().st_mode & 0o777 == 0o700
    assert sorted(path.name for path in (builds.folder / "ahead").rglob("*")) == ["shop", "wiki"], "sources stay behind"


def test_an_app_that_is_there_is_left_alone(builds: Builds) -> None:
    (builds.folder / "srv/shop").mkdir(parents=True)
    builds.ahead("shop").build("/opt/uv")
    assert builds.specs == []


@pytest.mark.parametrize("error", [building.EnvironmentError_("no wheel"), OSError("full"), ValueError("damaged")])
def test_one_that_can_not_be_built_is_nobodys_concern(builds: Builds, error: Exception) -> None:
    builds.fails = error
    builds.ahead("shop", "wiki").build("/opt/uv")
    assert len(builds.specs) == 2


def test_when_apt_fails_what_is_built_is_stopped_and_nothing_more_begins(builds: Builds) -> None:
    ahead = builds.ahead("shop", "wiki")
    ahead.give_up()
    ahead.build("/opt/uv")
    names = [sandbox.name_of(builds.folder / f"srv/{app}/venvs") for app in ("shop", "wiki")]
    assert (builds.specs, builds.stopped) == ([], [("stop", f"{name}.service") for name in names])
