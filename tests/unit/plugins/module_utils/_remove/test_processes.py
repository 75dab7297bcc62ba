# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Which processes are an app's, and that none of them is spared."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._remove import processes
from ansible_collections.slipway.flask.plugins.module_utils._remove.error import RemoveError


def process(proc: Path, pid: int, uids: str, cgroup: str = "0::/system.slice/cron.service", state: str = "S") -> None:
    (proc / str(pid)).mkdir(parents=True)
    (proc / str(pid) / "status").write_text(f"Name:\tx\nState:\t{state} (sleeping)\nUid:\t{uids}\nGid:\t0\n")
    (proc / str(pid) / "cgroup").write_text(cgroup + "\n")


def test_a_process_is_known_by_any_of_its_users_and_one_in_a_container_is_somebody_elses(tmp_path: Path) -> None:
    process(tmp_path, 10, "999\t999\t999\t999")
    process(tmp_path, 11, "0\t0\t999\t0")
    process(tmp_path, 12, "0\t0\t0\t0")
    process(tmp_path, 13, "9991\t9991\t9991\t9991")
    process(tmp_path, 14, "999\t999\t999\t999", state="Z")
    for number, path in enumerate(
        ("docker-1a2b.scope", "libpod-1a2b.scope", "kubepods.slice/pod1", "lxc.payload.web"), 20
    ):
        process(tmp_path, number, "999\t999\t999\t999", f"0::/machine/{path}")
    (tmp_path / "meminfo").write_text("")
    assert processes.of({999}, tmp_path) == [10, 11]


def test_all_are_stopped_before_one_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that begins another as soon as it sees one end would go on forever."""
    alive, sent = {10, 11}, list[tuple[int, signal.Signals]]()

    def kill(pid: int, number: signal.Signals) -> None:
        sent.append((pid, number))
        if number == signal.SIGSTOP and pid == 10 and 12 not in {pid for pid, _ in sent}:
            alive.add(12)  # it was quicker
        if number == signal.SIGKILL:
            alive.discard(pid)

    monkeypatch.setattr(processes, "of", lambda uids: sorted(alive))
    monkeypatch.setattr(processes.os, "kill", kill)
    assert processes.kill({999}) == 3
    assert [pid for pid, number in sent[:3]] == [10, 11, 12]
    assert {number for _, number in sent[:3]} == {signal.SIGSTOP}
    assert {number for _, number in sent[3:]} == {signal.SIGKILL}


def test_one_that_stays_is_told_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "of", lambda uids: [10])
    monkeypatch.setattr(processes.os, "kill", lambda pid, number: None)
    monkeypatch.setattr(processes, "KILL_SECONDS", 0.2)
    with pytest.raises(RemoveError, match="10 can't be stopped, not even by SIGKILL: reboot the host"):
        processes.kill({999})
