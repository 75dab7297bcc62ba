# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Which Python an environment is made from, and what is said when none fits; scripts play interpreters and uv."""

from __future__ import annotations

import json
import os
import stat
import sys
import threading
from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._python import fetching as fetching
from ansible_collections.slipway.flask.plugins.module_utils._python import interpreters as interpreters
from ansible_collections.slipway.flask.plugins.module_utils._python import uv as tools
from ansible_collections.slipway.flask.plugins.module_utils._python.versions import Demand

PYTHON = """#!/bin/sh
echo '["{version}", "cpython-{minor}", [{numbers}]]'
"""
# It reads what it should do from the file `uv.json` beside it.
UV = (
    f"#!{sys.executable}\n"
    + """
import json, os, sys, time
from pathlib import Path
here = Path(sys.argv[0]).parent
plan = json.loads((here / "uv.json").read_text())
arguments = [part for part in sys.argv[1:] if part != "--quiet"]
with open(here / "calls", "a") as calls:
    print(*arguments, file=calls)
    for name in ("UV_PYTHON_INSTALL_MIRROR", "UV_PYTHON_DOWNLOADS_JSON_URL", "UV_NO_CONFIG"):
        print(name, os.environ.get(name), file=calls)
if arguments[:2] == ["python", "list"]:
    if plan["down"]:
        sys.exit("error: the list is down")
    kinds = [("cpython", "default"), ("cpython", "freethreaded"), ("pypy", "default")]
    print(json.dumps([
        {"key": f"{kind}-{version}-linux-x86_64-gnu", "version": version, "implementation": kind, "variant": variant}
        for version in plan["versions"] for kind, variant in kinds
    ]))
elif arguments[:2] == ["python", "install"]:
    version = arguments[-1]
    if version == plan["broken"]:
        sys.exit("" if "--quiet" in sys.argv else "error: Hash mismatch")
    time.sleep(plan["slow"])
    place = Path(os.environ["UV_PYTHON_INSTALL_DIR"]) / f"cpython-{version}-linux-x86_64-gnu/bin"
    place.mkdir(parents=True, exist_ok=True)
    file = place / ("python" + version.rpartition(".")[0])
    answer = json.dumps([version, "abi", [int(part) for part in version.split(".")]])
    file.write_text(f"#!/bin/sh\\necho '{answer}'")
    file.chmod(0o755)
"""
)
KNOWN = ["3.9.25", "3.11.8", "3.12.15", "3.12.16", "3.14.10", "3.15.2", "3.16.0a2"]


def interpreter(path: Path, version: str) -> None:
    """Write a script that says it is that Python."""
    numbers = version.split(".")
    path.write_text(PYTHON.format(version=version, minor="".join(numbers[:2]), numbers=", ".join(numbers)))
    path.chmod(0o755)


class FakeHost:
    """Debian 13 with another Python beside its own, and a uv."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.system = folder / "usr-bin"
        self.system.mkdir()
        interpreter(self.system / "python3.13", "3.13.5")
        interpreter(self.system / "python3.10", "3.10.2")
        (self.system / "python3").symlink_to("python3.13")
        (self.system / "python3-config").write_text("")
        self.calls = folder / "calls"
        (folder / "uv").write_text(UV)
        (folder / "uv").chmod(0o755)
        self.uv()

    def uv(self, *, broken: str = "", down: bool = False, slow: float = 0) -> None:
        """Let uv fail to fetch the version BROKEN, or to list any, or take its time."""
        plan = {"versions": KNOWN, "broken": broken, "down": down, "slow": slow}
        (self.folder / "uv.json").write_text(json.dumps(plan))

    def fetching(self, **changes: object) -> fetching.Fetching:
        given: dict[str, object] = {"uv": str(self.folder / "uv"), "folder": self.folder / "python", **changes}
        return fetching.Fetching(**given)  # type: ignore[arg-type]

    def find(self, python: str = "", *demands: Demand, check: bool = False, **changes: object) -> fetching.Interpreter:
        return interpreters.find(python, demands, self.fetching(**changes), check=check)

    def fetched(self) -> list[str]:
        """Return what uv was told to fetch."""
        lines = self.calls.read_text().splitlines() if self.calls.exists() else []
        return [line.split()[-1] for line in lines if line.startswith("python install")]


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeHost:
    host = FakeHost(tmp_path)
    monkeypatch.setattr(interpreters, "FOLDERS", (str(host.system),))
    return host


def wish(version: str, origin: str = ".python-version") -> Demand:
    return Demand(version, origin, f"=={version}.*")


def need(rule: str, origin: str = "pyproject.toml") -> Demand:
    return Demand(rule, origin, rule, firm=True)


@pytest.mark.parametrize(
    ("python", "demands", "version", "fetches"),
    [
        ("", [], "3.13.5", []),
        ("python3", [], "3.13.5", []),
        ("python3", [wish("3.12")], "3.13.5", []),
        ("3.13", [], "3.13.5", []),
        ("python3.10", [], "3.10.2", []),
        ("3.10", [wish("3.12")], "3.10.2", []),
        ("3.12", [], "3.12.16", ["3.12.16"]),
        ("3.12.15", [], "3.12.15", ["3.12.15"]),
        ("", [wish("3.13")], "3.13.5", []),
        ("", [wish("3.12")], "3.12.16", ["3.12.16"]),
        ("", [wish("3.12"), need(">=3.10")], "3.12.16", ["3.12.16"]),
        ("", [need(">=3.10")], "3.13.5", []),
        ("", [need(">=3.14")], "3.14.10", ["3.14.10"]),
        ("", [need("<3.13")], "3.10.2", []),
        ("", [need(">=3.11,<3.13")], "3.12.16", ["3.12.16"]),
        ("", [need("<3.11")], "3.10.2", []),
        ("3.12", [need(">=3.10")], "3.12.16", ["3.12.16"]),
    ],
)
def test_the_distributions_own_is_taken_where_it_fits_and_uv_fetches_the_nearest_otherwise(
    host: FakeHost, python: str, demands: list[Demand], version: str, fetches: list[str]
) -> None:
    found = host.find(python, *demands)
    assert (found.version, host.fetched()) == (version, fetches)
    assert os.access(found.path, os.X_OK)
    chosen = bool(python) or version == "3.13.5"
    assert found.note.startswith(f"Python {version} is used, not the distribution's 3.13.5: ") is not chosen


def test_a_note_says_which_file_decided(host: FakeHost) -> None:
    assert host.find("", wish("3.12")).note.endswith("3.13.5: .python-version says 3.12")


@pytest.mark.parametrize(
    ("python", "demands", "changes", "said"),
    [
        (
            "3.12",
            [],
            {"allowed": False},
            [
                "no Python fits: 'python' is '3.12'",
                "this host has python3.10, python3.13",
                "python_venv_python_downloads is off",
            ],
        ),
        (
            "",
            [wish("3.12")],
            {"allowed": False},
            [".python-version of this project says '3.12'", "Set python to an available version"],
        ),
        ("", [need(">=3.16")], {}, ["pyproject.toml of this project says '>=3.16'", "uv has none that fits"]),
        ("3.12", [], {"uv": "/no/such/uv"}, ["there is no uv at /no/such/uv to fetch one"]),
        (
            "3.12",
            [need(">=3.13")],
            {},
            ["no Python version fits all of this: 'python' is '3.12' and pyproject.toml of this project says '>=3.13'"],
        ),
        (
            "",
            [wish("3.12"), need(">=3.13")],
            {},
            [
                ".python-version of this project says '3.12' and pyproject.toml of this project says '>=3.13'",
                "contradict each other",
            ],
        ),
        (
            "python3",
            [need("<3.13")],
            {},
            ["'python' is 'python3' (Python 3.13.5), but pyproject.toml of this project says '<3.13'"],
        ),
        ("/usr/bin/nothing", [], {}, ["there is no /usr/bin/nothing on this host (it has python3.10, python3.13)"]),
        ("/bin/true", [], {}, ["is not a working Python"]),
        ("python3.99", [], {}, ["there is no such Python"]),
    ],
)
def test_a_refusal_says_who_asks_for_what_what_the_host_has_and_the_ways_on(
    host: FakeHost, python: str, demands: list[Demand], changes: dict[str, object], said: list[str]
) -> None:
    with pytest.raises(tools.EnvironmentError_) as error:
        host.find(python, *demands, **changes)
    for part in said:
        assert part in str(error.value)
    assert not host.fetched()


def test_an_interpreter_is_fetched_once_and_only_root_may_change_it(host: FakeHost) -> None:
    first, second = host.find("3.12"), host.find("3.12")
    assert first == second
    assert host.fetched() == ["3.12.16"]
    for path in host.folder.joinpath("python").rglob("*"):
        assert not path.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH), path


def test_one_whose_fetch_was_killed_is_not_used(host: FakeHost) -> None:
    place = host.folder / "python/cpython-3.12.16-linux-x86_64-gnu/bin"
    place.mkdir(parents=True)
    interpreter(place / "python3.12", "3.12.16")
    host.find("3.12")
    assert host.fetched() == ["3.12.16"]


def test_two_apps_that_want_the_same_wait_for_one_fetch(host: FakeHost) -> None:
    host.uv(slow=0.5)
    found: list[str] = []
    both = [threading.Thread(target=lambda: found.append(host.find("3.12").path)) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert len(set(found)) == 1
    assert len(found) == 2
    assert host.fetched() == ["3.12.16"]


def test_a_fetch_that_fails_is_told_and_leaves_nothing_that_counts(host: FakeHost) -> None:
    host.uv(broken="3.12.16")
    with pytest.raises(
        tools.EnvironmentError_, match=r"(?s)fetching Python 3\.12\.16 failed.*Hash mismatch.*python_venv_python_mirror"
    ):
        host.find("3.12")
    assert not host.fetching().fetched()


@pytest.mark.parametrize("wrong", [{"broken": "3.12.16"}, {"down": True}])
def test_an_older_bug_fix_serves_when_the_newest_cannot_be_had(host: FakeHost, wrong: dict[str, object]) -> None:
    host.find("3.12.15")
    host.uv(**wrong)  # type: ignore[arg-type]
    assert host.find("3.12").version == "3.12.15"


def test_downloads_that_were_turned_off_leave_what_is_there(host: FakeHost) -> None:
    host.find("3.12")
    assert host.find("3.12", allowed=False).version == "3.12.16"


def test_check_mode_fetches_nothing(host: FakeHost) -> None:
    found = host.find("3.12", check=True)
    assert (found.path, found.version, host.fetched()) == ("", "3.12.16", [])


def test_a_mirror_is_told_by_the_environment_and_no_project_is_asked(host: FakeHost) -> None:
    host.find("3.12", mirror="https://u:secret@mirror/", list_url="https://mirror/list.json")
    calls = host.calls.read_text()
    assert "UV_PYTHON_INSTALL_MIRROR https://u:secret@mirror/\n" in calls
    assert "UV_PYTHON_DOWNLOADS_JSON_URL https://mirror/list.json\n" in calls
    assert "UV_NO_CONFIG true\n" in calls
    assert "secret" not in "".join(line for line in calls.splitlines() if line.startswith("python "))


def test_too_old(host: FakeHost) -> None:
    interpreter(host.system / "python3.8", "3.8.1")
    with pytest.raises(tools.EnvironmentError_, match=r"Python 3\.8\.1; Slipway needs 3\.9 or later"):
        interpreters.find(str(host.system / "python3.8"))
