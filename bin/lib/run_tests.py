#!/usr/bin/env python3
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Runs the parts of the tests, some side by side, and ends with a table and `N passed, N failed`.

    bin/test                    lint, unit tests, every Molecule scenario on Debian 12 and 13, slow tests
    bin/test lint unit          only what needs no host
    bin/test core [2.20]        lint's and unit's part that meets ansible-core, on each supported minor or on one
    bin/test changed            what the changes since origin/main can touch; --list says what that is and why
    bin/test roles -k nginx     the scenarios of the roles, those whose name contains nginx
    bin/test engines            images in containers, Swarm, Kubernetes, Mitogen
    bin/test every              all of these
    bin/test site --debian 13   the whole site, on one release; --keep leaves the hosts for a look

Each part writes .slipway/logs/<part>.log; the end of it is shown when the part fails. Hosts are always removed.
"""

from __future__ import annotations

import argparse
import fnmatch
import os
import signal
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

from testrun.changed import ALL, changed_files, touched, unit_tests
from testrun.parts import ENGINE_TESTS, GROUPS, LOGS, RELEASES, Part, Wanted, parts
from testrun.pool import Runner, remove, slow_hosts, temporary_folder
from testrun.why import tail, why

JOBS = (os.cpu_count() or 1) + 1
"""Parts side by side: each waits about half of its time, and tests with a limit on a time must stay honest."""
printing = threading.Lock()


def report(part: Part) -> None:
    with printing:
        print(f"{part.result:8} {part.name:28} {part.seconds:6.0f} s", flush=True)
        if part.result == "FAILED":
            print("\n".join(f"    {line}" for line in tail(part)), flush=True)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bin/test", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    words = (*GROUPS, ENGINE_TESTS, "changed", "all", "every")
    parser.add_argument("groups", nargs="*", metavar="|".join(words), help="what to run (default: all)")
    parser.add_argument("--debian", choices=RELEASES, help="one release only")
    parser.add_argument(
        "-k", metavar="WORD", help="scenarios whose name contains it; tests as pytest's -k chooses them"
    )
    parser.add_argument("--keep", action="store_true", help="leave the hosts")
    parser.add_argument("--jobs", type=int, default=JOBS, help=f"parts side by side (default: {JOBS})")
    parser.add_argument("--base", metavar="REVISION", help="changed: since when (default: origin/main)")
    parser.add_argument("--list", action="store_true", help="say what would run, and run nothing")
    asked = parser.parse_args()
    unknown = set(asked.groups) - set(words)
    if unknown:
        parser.error(f"{', '.join(sorted(unknown))}: not one of {', '.join(words)}")
    return asked


def wanted(asked: argparse.Namespace) -> Wanted:
    """Return what is asked for; of `changed`, say what was chosen and why."""
    groups = tuple(asked.groups)
    if {"every", "changed"} & {*groups}:
        groups = (*GROUPS, ENGINE_TESTS)
    elif not groups or "all" in groups:
        groups = GROUPS
    chosen = Wanted(groups, (asked.debian,) if asked.debian else RELEASES, asked.k, asked.keep)
    return narrowed(chosen, asked.base) if "changed" in asked.groups else chosen


def narrowed(everything: Wanted, base: str | None) -> Wanted:
    """Return the parts, and the unit tests, that what has changed since BASE can touch, and print why."""
    base, files = changed_files(base)
    print(f"{len(files)} files differ from {base[:12]}")
    names = {"lint"} if files else set[str]()
    on_hosts = [part.name for part in parts(everything) if part.name not in ("lint", "unit", "sample_app")]
    for file in files:
        patterns = touched(file)
        new = {name for name in on_hosts if any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)} - names
        if new:
            print(f"  {file}: {'everything on hosts' if ALL in patterns else ', '.join(sorted(new))}")
        names |= new
    units = unit_tests(files) if files else []
    if units:
        names.add("unit")
        print(f"  unit: {len(units)} files, those that import what has changed and those of the whole checkout")
    if any(file.startswith("sample_app/") for file in files):
        names.add("sample_app")
    return replace(everything, names=frozenset(names), unit_tests=tuple(units))


def processors_busy() -> tuple[float, float]:
    """Return the seconds that this machine's processors were busy since its start, and all of their seconds."""
    ticks = [int(word) for word in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return sum(ticks) - ticks[3] - ticks[4], sum(ticks)


def table(todo: list[Part], seconds: float, before: tuple[float, float]) -> str:
    head = f"\n{'part':28} {'result':8} {'time':>8} {'processor':>11} {'of its hosts':>14}\n"
    rows = [
        f"{part.name:28} {part.result:8} {part.seconds:6.0f} s {part.processor:9.0f} s {part.hosts_processor:12.0f} s"
        for part in todo
    ]
    busy, every = (now - then for now, then in zip(processors_busy(), before, strict=True))
    rows.append(
        f"{'all':28} {'':8} {seconds:6.0f} s   the processors were busy for {100 * busy / max(every, 1):.0f} %\n"
    )
    return head + "\n".join(rows)


def main() -> int:
    asked = arguments()
    chosen = wanted(asked)
    todo = parts(chosen)
    if asked.list:
        print("\n".join(part.name for part in todo))
        return 0
    LOGS.mkdir(parents=True, exist_ok=True)
    os.environ |= {"PY_COLORS": "0", "NO_COLOR": "1", "ANSIBLE_NOCOLOR": "1", "SLIPWAY_DEBIAN": " ".join(chosen.debian)}
    runner = Runner(asked.jobs, asked.keep, report)

    def interrupted(*_: object) -> None:
        print("stopping: ending what runs and removing the hosts", file=sys.stderr)
        threading.Thread(target=runner.stop).start()

    signal.signal(signal.SIGINT, interrupted)
    signal.signal(signal.SIGTERM, interrupted)
    if any(part.environment for part in todo):
        remove(slow_hosts())  # of runs that were killed
    started, began, before = time.monotonic(), time.time(), processors_busy()
    with temporary_folder():
        runner.all(todo)
    if not asked.keep:
        remove([host for part in todo for host in part.hosts])

    print(table(todo, time.monotonic() - started, before))
    for faults in sorted(LOGS.glob("test_faults_*.txt")):
        if faults.stat().st_mtime >= began:
            print(f"{faults.read_text()}")
    bad = [part for part in todo if part.result in ("FAILED", "stopped", "not run")]
    passed = [part for part in todo if part.result == "passed"]
    for part in bad:
        print(why(part))
    print(f"{len(passed)} passed, {len(bad)} failed")
    if runner.stopped.is_set():
        return 130
    return 1 if bad or (todo and not passed) else 0


if __name__ == "__main__":
    sys.exit(main())
