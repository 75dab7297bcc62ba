# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The lock on an app's releases: who is met by another run is named, and a dead one holds nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._release.lock import lock
from ansible_collections.slipway.flask.plugins.module_utils._release.record import Record, ReleaseError

HOLD = """
import sys, time
from pathlib import Path
from ansible_collections.slipway.flask.plugins.module_utils._release.lock import lock
with lock(Path(sys.argv[1]), "ann@box"):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_deploy_is_told_who_deploys_and_since_when(tmp_path: Path) -> None:
    with lock(tmp_path / ".lock", "ann@box"):
        (tmp_path / ".lock").write_text(f"ann@box\n{time.clock_gettime(time.CLOCK_BOOTTIME) - 90:.0f}\n")
        Record("0007-3f9c2ab", "shop", "3f9c2ab", "f", stage="build").write(tmp_path / ".run.json")
        message = r"^ann@box has been deploying this app for (89|9[01]) s \(release 0007-3f9c2ab, stage 'build'\); wait"
        with pytest.raises(ReleaseError, match=message), lock(tmp_path / ".lock", "bob"):
            pytest.fail("two hold the lock")
    assert "ann@box" in (tmp_path / ".lock").read_text()


def test_a_clock_that_was_set_back_makes_no_lock_younger_than_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with lock(tmp_path / ".lock", "ann@box"):
        clock = time.clock_gettime(time.CLOCK_BOOTTIME)
        monkeypatch.setattr(time, "time", lambda: 0.0)
        monkeypatch.setattr(time, "clock_gettime", lambda _: clock + 30)
        with pytest.raises(ReleaseError, match=r"for (29|30|31) s; wait"), lock(tmp_path / ".lock", "bob"):
            pytest.fail("two hold the lock")


def test_a_lock_is_free_again_after_its_end_and_after_a_failure(tmp_path: Path) -> None:
    with pytest.raises(ValueError), lock(tmp_path / ".lock", "a-rather-long-name@box"):
        raise ValueError
    with lock(tmp_path / ".lock", "bob"):
        assert (tmp_path / ".lock").read_text().startswith("bob\n")
        assert len((tmp_path / ".lock").read_text().splitlines()) == 2
    assert (tmp_path / ".lock").stat().st_mode & 0o777 == 0o600


def test_a_killed_deploy_leaves_no_lock(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = [sys.executable, "-c", HOLD, str(tmp_path / ".lock")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(ReleaseError, match="ann@box has been deploying"), lock(tmp_path / ".lock", "bob"):
            pytest.fail("two hold the lock")
        holder.kill()
        holder.wait()
    with lock(tmp_path / ".lock", "bob"):
        pass
