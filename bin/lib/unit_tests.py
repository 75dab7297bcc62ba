# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Runs unit tests in several processes side by side: `bin/lib/unit_tests.py PROCESSES FILE|FOLDER ... [-k WORD]`.

Each process is a pytest of its own with its share of the files, so that each file is imported, and its tests made out, in one of
them. With pytest-xdist every process would do that with all files, and report each test to another one: a fifth more time.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

import pytest

NO_TESTS = pytest.ExitCode.NO_TESTS_COLLECTED


def shares(processes: int, paths: Iterable[str]) -> list[list[str]]:
    """Return the test files of PATHS in up to PROCESSES lists; neighbours, which take about as long, are apart."""
    found = [Path(path).rglob("test_*.py") if Path(path).is_dir() else [Path(path)] for path in paths]
    files = sorted(str(path) for some in found for path in some)
    return [files[first::processes] for first in range(min(processes, len(files)))]


def main() -> int:
    processes, *asked = sys.argv[1:]
    choose = asked.index("-k") if "-k" in asked else len(asked)
    command = [sys.executable, "-m", "pytest", "-q"]
    # At SIGABRT, which is for all of them, they print what they are at, and this process prints that.
    signal.signal(signal.SIGABRT, lambda *_: None)
    with ExitStack() as stack:
        running = []
        for share in shares(int(processes), asked[:choose]):
            output = stack.enter_context(tempfile.TemporaryFile())
            process = subprocess.Popen([*command, *share, *asked[choose:]], stdout=output, stderr=output)
            running.append((process, output))
        codes = [process.wait() for process, _ in running]
        # Those that failed come last, where what is shown of a long log ends.
        for _, (_, output) in sorted(zip(codes, running, strict=True), key=lambda one: one[0] not in (0, NO_TESTS)):
            output.seek(0)
            sys.stdout.buffer.write(output.read())
            sys.stdout.flush()
    return next((code for code in codes if code not in (0, NO_TESTS)), min(codes, default=NO_TESTS))


if __name__ == "__main__":
    sys.exit(main())
