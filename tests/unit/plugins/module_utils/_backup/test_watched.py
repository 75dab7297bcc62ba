# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""restic that hangs is ended; one that takes its time is not."""

from __future__ import annotations

import sys
import time

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._backup import watched
from ansible_collections.slipway.flask.plugins.module_utils._backup.error import BackupError

FULL = "Save(<data/5f0e4e2be6>) failed: write r/data/5f/5f0e-tmp-2584519018: no space left on device"
HANGS = "import time; time.sleep(600)"


def restic(script: str, stall: float | None = None, grace: float = 0.3) -> tuple[int, str, str]:
    done = watched.run([sys.executable, "-c", script], {}, stall=stall, grace=grace)
    return done.returncode, done.stdout, done.stderr


def status(done: int, elapsed: int) -> str:
    return f'{{"message_type":"status","seconds_elapsed":{elapsed},"percent_done":0.1,"bytes_done":{done}}}'


def test_one_that_could_not_write_and_hangs_is_ended_with_what_failed() -> None:
    began = time.monotonic()
    code, _, said = restic(f"import sys; print({FULL!r}, file=sys.stderr, flush=True); {HANGS}")
    assert code == -9
    assert said == FULL + "\n"
    assert time.monotonic() - began < 60


def test_one_that_could_not_write_and_ends_says_so_itself() -> None:
    script = f"import sys; print({FULL!r}, file=sys.stderr, flush=True); sys.exit(1)"
    assert restic(script, grace=60) == (1, "", FULL + "\n")


def test_one_whose_lock_could_not_be_renewed_once_is_left_alone() -> None:
    said = FULL.replace("data/", "lock/")
    script = f"import sys, time; print({said!r}, file=sys.stderr, flush=True); time.sleep(1.5); print('whole')"
    assert restic(script) == (0, "whole\n", said + "\n")


def test_one_that_gets_no_further_is_ended_though_it_goes_on_saying_so() -> None:
    says = f"""
import time
for second in range(600):
    print({status(7, 0)!r}.replace('elapsed":0', f'elapsed":{{second}}'), flush=True)
    time.sleep(0.05)
"""
    with pytest.raises(BackupError, match="it made no progress"):
        restic(says, stall=0.5)


def test_one_that_gets_further_is_left_alone() -> None:
    says = f"""
import time
for second in range(45):
    print({status(7, 0)!r}.replace('"bytes_done":7', f'"bytes_done":{{second}}'), flush=True)
    time.sleep(0.1)
print('{{"message_type":"summary"}}')
"""
    code, said, _ = restic(says, stall=4)  # seconds: more than a busy machine stops at once
    assert code == 0
    assert said.endswith('{"message_type":"summary"}\n')


def test_a_long_backup_is_not_kept_line_by_line() -> None:
    _, said, _ = restic(f"[print({status(7, 0)!r}) for _ in range(10_000)]; print('end')")
    assert said == status(7, 0) + "\nend\n"


@pytest.mark.parametrize("line", ["", "plain", "[]", '{"message_type":"summary"}', '{"message_type":"status"'])
def test_what_is_no_progress(line: str) -> None:
    assert watched.progress(line) == ""


def test_that_it_is_not_there_is_said() -> None:
    with pytest.raises(BackupError, match="restic is not installed on this host: run site.yml"):
        watched.run(["/nonexistent/restic"], {})
