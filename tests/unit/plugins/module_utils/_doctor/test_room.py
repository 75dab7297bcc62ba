# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What the doctor says of disks, inodes and memory."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._doctor import room
from ansible_collections.slipway.flask.plugins.module_utils._doctor.base import Space, UnknownError
from examined_host import FakeHost

GB = 10**9


@pytest.fixture
def host(tmp_path: Path) -> FakeHost:
    found = FakeHost(tmp_path)
    found.write("/proc/mounts", "/dev/sda1 / ext4 rw 0 0\nproc /proc proc rw 0 0\n/dev/sda1 /home ext4 rw 0 0\n")
    return found


@pytest.mark.parametrize(
    ("space", "level", "words"),
    [
        (Space(40 * GB, 20 * GB, 1000, 900), "", ""),
        (Space(40 * GB, 1 * GB, 1000, 900), "problem", "/ is 98 % full: 1.0 of 40 GB are free"),
        (Space(40 * GB, 4 * GB, 1000, 900), "note", "/ is 90 % full"),
        (Space(4000 * GB, 100 * GB, 1000, 900), "", ""),
        (Space(40 * GB, 20 * GB, 1000, 20), "problem", "/ has room for 20 more files: 98 % of its inodes are in use"),
        (Space(40 * GB, 20 * GB, 1000, 100), "note", "90 % of its inodes"),
        (Space(40 * GB, 20 * GB, 0, 0), "", ""),
    ],
)
def test_a_disk_that_fills_up_is_told_in_time(host: FakeHost, space: Space, level: str, words: str) -> None:
    host.spaces["/"] = space
    found = list(room.disks(host))
    assert [one.level for one in found] == [level] * bool(level)
    assert all(words in one.says for one in found)


def test_a_host_without_disks_is_not_called_well(tmp_path: Path) -> None:
    with pytest.raises(UnknownError):
        list(room.disks(FakeHost(tmp_path)))


@pytest.mark.parametrize(
    ("total", "available", "swap", "container", "said"),
    [
        (4096, 2000, 0, False, []),
        (1024, 500, 512, False, []),
        (1024, 500, 0, False, ["note: the host has 1024 MB of memory and no swap"]),
        (1024, 500, 0, True, []),
        (4096, 100, 0, False, ["problem: 100 of 4096 MB of memory are available"]),
    ],
)
def test_memory_that_is_short_is_told(
    tmp_path: Path, total: int, available: int, swap: int, container: bool, said: list[str]
) -> None:
    host = FakeHost(tmp_path, is_container=container)
    rows = {"MemTotal": total, "MemAvailable": available, "SwapTotal": swap}
    host.write("/proc/meminfo", "".join(f"{name}:   {value * 1024} kB\n" for name, value in rows.items()))
    assert [f"{one.level}: {one.says}" for one in room.memory(host)] == said


def test_processes_that_the_kernel_ended_are_counted(host: FakeHost) -> None:
    host.said["journalctl"] = (
        "Out of memory: Killed process 812 (gunicorn) total-vm:1kB\n"
        "Memory cgroup out of memory: Killed process 813 (gunicorn) total-vm:1kB\n"
        "shop@1.service: A process of this unit has been killed by the OOM killer.\n"
    )
    (found,) = room.killed(host)
    assert found.says == (
        "memory ran out in the last 7 days, and the kernel killed gunicorn (2×), a service's process (1×)"
    )


def test_a_journal_without_such_lines_is_well(host: FakeHost) -> None:
    host.said["journalctl"] = None  # it ends with 1 when --grep finds nothing
    assert list(room.killed(host)) == []


def test_without_a_journal_nobody_can_tell(host: FakeHost) -> None:
    with pytest.raises(UnknownError):
        list(room.killed(host))
