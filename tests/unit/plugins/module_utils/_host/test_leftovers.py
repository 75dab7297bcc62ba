# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What killed modules leave in root's temporary folders goes; what somebody uses or owns stays, and no link is followed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._host import leftovers

MADE = 1_700_000_000.0


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Temporary folders with what was left a while ago, and a folder outside that links lead to."""
    (tmp_path / "tmp").mkdir()
    (tmp_path / "transfers").mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/kept").touch()
    monkeypatch.setattr(leftovers, "PAYLOADS", tmp_path / "tmp")
    monkeypatch.setattr(leftovers, "TRANSFERS", tmp_path / "transfers")
    monkeypatch.setattr(leftovers, "_starts", lambda: [])
    return tmp_path


def made(path: Path, when: float = MADE) -> Path:
    path.mkdir()
    (path / "ansible_payload.zip").write_text("code")
    (path / "link").symlink_to("../../outside")
    os.utime(path, (when, when))
    return path


def test_the_payload_of_a_killed_module_goes_and_no_link_in_it_is_followed(places: Path) -> None:
    gone = made(places / "tmp/ansible_slipway.flask.release_on_host_payload_x1_y2")
    leftovers.sweep()
    assert not gone.exists()
    assert (places / "outside/kept").exists()


@pytest.mark.parametrize(("started", "stays"), [(-200.0, True), (0.5, True), (-400.0, False), (5.0, False)])
def test_a_payload_stays_while_a_python_runs_that_may_have_unpacked_it(
    places: Path, monkeypatch: pytest.MonkeyPatch, started: float, stays: bool
) -> None:
    payload = made(places / "tmp/ansible_command_payload_abc")
    monkeypatch.setattr(leftovers, "_starts", lambda: [MADE + started])
    leftovers.sweep()
    assert payload.exists() is stays


def test_the_payload_that_runs_stays_although_the_clock_was_set_back_meanwhile(
    places: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    payload = made(places / "tmp/ansible_slipway.flask.release_on_host_payload_x1")
    monkeypatch.setattr(leftovers, "OURS", payload / "ansible_payload.zip/module_utils/_host/leftovers.py")
    leftovers.sweep()
    assert payload.exists()


def test_what_is_no_payload_stays(places: Path) -> None:
    others = [made(places / "tmp" / name) for name in ("ansible_notes", "payload_ansible_x", "systemd-private-1")]
    link = places / "tmp/ansible_x_payload_link"
    link.symlink_to(places / "outside")
    file = places / "tmp/ansible_x_payload_file"
    file.touch()
    leftovers.sweep()
    assert all(path.exists() for path in (*others, link, file, places / "outside/kept"))


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives files away")
def test_what_is_somebody_elses_stays(places: Path) -> None:
    payload = made(places / "tmp/ansible_x_payload_other")
    os.chown(payload, 4242, 4242)
    leftovers.sweep()
    assert payload.exists()


@pytest.mark.parametrize("name", ["ansible-tmp-1700000000.1-22-33", "ansible-moduletmp-1700000000.1-x_y"])
def test_files_of_modules_go_after_a_day(places: Path, name: str) -> None:
    old = made(places / "transfers" / name)
    new = made(places / "transfers" / f"{name}-new", time.time() - 3600)
    leftovers.sweep()
    assert (old.exists(), new.exists()) == (False, True)


def test_a_host_without_such_folders_has_nothing_to_sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leftovers, "PAYLOADS", tmp_path / "none")
    monkeypatch.setattr(leftovers, "TRANSFERS", tmp_path / "none")
    leftovers.sweep()


@pytest.mark.skipif(not os.path.exists("/proc/uptime"), reason="looks into /proc")
def test_pythons_that_run_are_seen() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        assert any(0 <= time.time() - started < 60 for started in leftovers._starts())
        process.communicate(b"\n")


def test_the_python_that_asks_is_the_owner_of_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own payload is known, and it may have started right after another was left."""
    (tmp_path / "uptime").write_text("1000.0 2000.0\n")
    for process, name in ((os.getpid(), "python3"), (77, "python3"), (78, "bash")):
        (tmp_path / str(process)).mkdir()
        (tmp_path / f"{process}/exe").symlink_to(f"/usr/bin/{name}")
        (tmp_path / f"{process}/stat").write_text(f"{process} (a) b) S {'0 ' * 18}{90000 + process} 0")
    monkeypatch.setattr(leftovers, "PROCESSES", tmp_path)
    (started,) = leftovers._starts()
    assert abs(started - (time.time() - 1000 + 90077 / os.sysconf("SC_CLK_TCK"))) < 1
