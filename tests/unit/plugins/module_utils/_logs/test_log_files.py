# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Log files that are read from a moment on: what is found, and how little of a large file is read for it."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._logs import files


def time_of(line: bytes) -> float | None:
    number = line.partition(b" ")[0]
    return float(number) if number.isdigit() else None


def numbers(path: Path, since: float, until: float) -> list[int]:
    """Return the numbers of the lines that are really in time; the reader gives some around them."""
    found = [time_of(line) for line in files.lines(path, since, until, time_of)]
    return [int(moment) for moment in found if moment is not None and since <= moment < until]


@pytest.mark.parametrize(
    ("since", "until", "meant"),
    [(0, 50, range(0, 50)), (99_990, 200_000, range(99_990, 100_000)), (40_000, 40_003, range(40_000, 40_003)),
     (100_001, 100_002, range(0)), (-5, 0, range(0))],
)  # fmt: skip
def test_exactly_the_lines_of_a_time_are_found(tmp_path: Path, since: int, until: int, meant: range) -> None:
    path = tmp_path / "shop.log"
    path.write_text("".join(f"{number} {'x' * 40}\n" for number in range(100_000)))
    os.utime(path, (10**9, 10**9))
    assert numbers(path, since, until) == list(meant)


def test_the_end_of_a_large_file_costs_a_few_reads(tmp_path: Path) -> None:
    path = tmp_path / "shop.log"
    with path.open("wb") as file:
        for begin in range(0, 400_000, 1000):
            file.write(b"".join(b"%d %s\n" % (number, b"x" * 90) for number in range(begin, begin + 1000)))
    looked = 0

    def counting(line: bytes) -> float | None:
        nonlocal looked
        looked += 1
        return time_of(line)

    with path.open("rb") as file:
        place = files.start(file, 399_900, counting)
    assert looked < 40
    assert path.stat().st_size - place < 3 * files.ENOUGH


@pytest.mark.parametrize("forged", [0, 10**8])
def test_lines_with_a_forged_time_hide_no_others(tmp_path: Path, forged: int) -> None:
    """As many as one message of nginx' error log can have, behind each line of a stretch where the search looks."""
    path = tmp_path / "shop.log"
    lines = [f"{number} {'x' * 40}\n" for number in range(20_000)]
    lines[5_000:15_000] = [line + f"{forged} forged\n" * 100 for line in lines[5_000:15_000]]
    path.write_text("".join(lines))
    os.utime(path, (10**9, 10**9))
    assert numbers(path, 4_000, 16_000) == list(range(4_000, 16_000))
    assert numbers(path, 9_000, 9_500) == list(range(9_000, 9_500))


def test_rotated_files_come_first_the_oldest_before_all(tmp_path: Path) -> None:
    path = tmp_path / "shop.log"
    for name, number in (("shop.log", 30), ("shop.log.1", 20), ("shop.log.10", 5), ("shop.log.old", 99)):
        (tmp_path / name).write_text(f"{number} line\n")
    with gzip.open(tmp_path / "shop.log.2.gz", "wb") as packed:
        packed.write(b"10 line\n")
    assert numbers(path, 0, 100) == [5, 10, 20, 30]


def test_a_rotated_file_that_ended_before_is_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "shop.log"
    path.write_text("1000 line\n")
    (tmp_path / "shop.log.2.gz").write_bytes(b"not compressed at all")
    os.utime(tmp_path / "shop.log.2.gz", (500, 500))
    assert numbers(path, 900, 2000) == [1000]


def test_a_compressed_file_that_is_cut_short_hides_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "shop.log"
    path.write_text("1000 line\n")
    (tmp_path / "shop.log.2.gz").write_bytes(gzip.compress(b"900 line\n" * 5000)[:-20])
    assert 1000 in numbers(path, 0, 2000)


def test_a_link_or_a_pipe_in_the_place_of_a_log_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("1 secret\n")
    (tmp_path / "a.log").symlink_to(tmp_path / "secret")
    os.mkfifo(tmp_path / "b.log")
    assert not list(files.lines(tmp_path / "a.log", 0, 10, time_of))
    assert not list(files.lines(tmp_path / "b.log", 0, 10, time_of))


def test_a_line_without_an_end_does_not_fill_the_memory(tmp_path: Path) -> None:
    path = tmp_path / "shop.log"
    path.write_bytes(b"1 " + b"x" * (5 * files.LONGEST) + b"\n2 next\n")
    found = list(files.lines(path, 0, 10, time_of))
    assert [len(line) <= files.LONGEST for line in found] == [True, True]
    assert found[1] == b"2 next\n"


def test_a_file_is_followed_over_its_rotation(tmp_path: Path) -> None:
    path = tmp_path / "shop.log"
    path.write_text("1 before\n")
    tail = files.Tail(path, 100, time_of)
    list(tail.new())
    with path.open("a") as file:
        file.write("2 half")
        file.flush()
        assert list(tail.new()) == []
        file.write(" whole\n")
    path.rename(tmp_path / "shop.log.1")
    path.write_text("3 after\n")
    assert list(tail.new()) == [b"2 half whole", b"3 after"]
    with path.open("a") as file:
        file.write("4 on\n")
    assert list(tail.new()) == [b"4 on"]
