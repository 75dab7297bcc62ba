# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Runs parts side by side, each in a session of its own, and leaves nothing of them."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from vps import PROCESSOR_NOTES

from testrun.parts import ROOT, Part
from testrun.why import STOPPED

PART_SECONDS = 1800
"""A part that takes longer hangs: the slowest takes a few minutes."""
NO_TESTS_COLLECTED = 5
"""pytest's exit code for it: no failure when -k chose among several parts."""
MEMORY = Path("/dev/shm")
MEMORY_BYTES = 2 << 30
"""What the temporary files of a run may take; unit tests write 200 MB."""
TICKS = os.sysconf("SC_CLK_TCK")


class Runner:
    """Runs parts in threads, as many as PLACES are enough for; `stop` ends those that run and starts no more.

    REPORT is called with each part that has ended.
    """

    def __init__(self, places: int, keep: bool, report: Callable[[Part], None]) -> None:
        self.places, self.free, self.keep, self.report = places, places, keep, report
        self.stopped = threading.Event()
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.ended = threading.Condition()

    def all(self, todo: list[Part]) -> None:
        """Run the parts, always the first that the free places are enough for, and return when the last has ended."""
        threads, rest = [], list(todo)
        while rest:
            with self.ended:
                self.ended.wait_for(lambda: any(self._needs(part) <= self.free for part in rest))
                part = next(part for part in rest if self._needs(part) <= self.free)
                self.free -= self._needs(part)
            rest.remove(part)
            threads.append(threading.Thread(target=self._one, args=(part,)))
            threads[-1].start()
        for thread in threads:
            thread.join()

    def _needs(self, part: Part) -> int:
        return min(part.places, self.places)

    def _one(self, part: Part) -> None:
        try:
            self.run(part)
        finally:
            with self.ended:
                self.free += self._needs(part)
                self.ended.notify_all()

    def run(self, part: Part) -> None:
        """Run one part to its end, remove its hosts, and report it."""
        if self.stopped.is_set():
            return
        forget(part)
        part.notes.unlink(missing_ok=True)
        started = time.monotonic()
        with part.log.open("wb") as log:
            process = subprocess.Popen(
                part.command, cwd=ROOT, env=environment(part), stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
            self.running[part.name] = process
            if self.stopped.is_set():
                self.end(process)
            if not ends(process.pid, PART_SECONDS):
                log.write(f"\n{STOPPED} {PART_SECONDS} s\n{running_on(hosts_of(part, process.pid))}\n".encode())
                log.flush()
                self.end(process, (signal.SIGABRT, 10))
            part.processor = processor_seconds(process.pid)
            code = process.wait()
            del self.running[part.name]
        part.seconds = time.monotonic() - started
        part.result = "passed" if code == 0 else "no tests" if code == NO_TESTS_COLLECTED else "FAILED"
        if self.stopped.is_set():
            part.result = "stopped"
        if not self.keep:
            remove(hosts_of(part, process.pid), environment(part))
            forget(part)
        if part.notes.exists():
            part.hosts_processor = sum(map(float, part.notes.read_text().split()))
        self.report(part)

    def stop(self) -> None:
        self.stopped.set()
        for process in list(self.running.values()):
            self.end(process)

    @staticmethod
    def end(process: subprocess.Popen[bytes], first: tuple[signal.Signals, float] = (signal.SIGTERM, 5)) -> None:
        """End a part with all that it started: by a signal, and by force after some seconds.

        At SIGABRT pytest prints what each of its threads is at.
        """
        for kind, grace in (first, (signal.SIGKILL, 5)):
            try:
                os.killpg(process.pid, kind)
            except ProcessLookupError:
                return
            if ends(process.pid, grace):
                return


def ends(pid: int, seconds: float) -> bool:
    """Tell whether a child ends within that time; it can be asked about, and waited for, afterwards."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                return True
        except ChildProcessError:
            return True
        time.sleep(0.1)
    return False


def processor_seconds(pid: int) -> float:
    """Return the processor time of a child that has ended, and of all that it waited for."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(int(ticks) for ticks in fields[11:15]) / TICKS


def environment(part: Part) -> dict[str, str]:
    """Return the environment of a part's processes."""
    return {**os.environ, **part.environment, PROCESSOR_NOTES: str(part.notes)}


def forget(part: Part) -> None:
    """Remove what Molecule noted of a scenario: it would take hosts that are gone for those it has made."""
    if folder := part.environment.get("MOLECULE_EPHEMERAL_DIRECTORY"):
        shutil.rmtree(folder, ignore_errors=True)


def remove(hosts: list[str], environ: dict[str, str] | None = None) -> None:
    """Remove look-alikes by name; one that does not exist is no error."""
    if hosts:
        command = [sys.executable, "bin/lib/vps.py", "down", *hosts]
        subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, check=False)


def hosts_of(part: Part, pid: int) -> list[str]:
    """Return the look-alikes of a part whose process is, or was, PID."""
    return part.hosts or (slow_hosts(pid) if part.environment else [])


def running_on(hosts: list[str]) -> str:
    """Return the processes of look-alikes, for the log of a part that hangs."""
    told = []
    for host in hosts:
        command = ["podman", "top", host, "pid", "ppid", "etime", "user", "args"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
            told.append(f"{host} runs:\n{done.stdout}{done.stderr}")
        except (subprocess.TimeoutExpired, OSError) as error:
            told.append(f"{host}: {error}")
    return "\n".join(told)


def slow_hosts(pid: int | None = None) -> list[str]:
    """Return the look-alikes that slow tests left: theirs are called slipway-slow-*-<process id>.

    PID is the process asked about; without it, all processes that are no more.
    """
    command = [
        "podman",
        "ps",
        "--all",
        "--filter",
        f"name=^slipway-slow-.*-{pid or '[0-9]+'}$",
        "--format",
        "{{.Names}}",
    ]
    names = subprocess.run(command, capture_output=True, text=True, check=False).stdout.split()
    # A host that SLIPWAY_KEEP_HOSTS left has no process id: its name ends with the Debian release.
    owners = {name: int(match[1]) for name in names if (match := re.search(r"-1[0-9]-(\d+)$", name))}
    return [name for name, owner in owners.items() if pid or not Path(f"/proc/{owner}").exists()]


@contextmanager
def temporary_folder() -> Iterator[None]:
    """Have the run's temporary files in memory, where there is enough: tests sync what they write. Removed at the end."""
    fits = os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > MEMORY_BYTES
    fits = fits and not os.statvfs(MEMORY).f_flag & os.ST_NOEXEC  # Docker's is: programs of the tests lie there
    for left in MEMORY.glob("slip*-*"):  # by a run that was killed
        if (owner := left.name[4:].partition("-")[0]).isdigit() and not Path(f"/proc/{owner}").exists():
            shutil.rmtree(left, ignore_errors=True)
    # The name is short: sockets lie there too, and a socket's path has 107 characters at most.
    prefix, folder = f"slip{os.getpid()}-", MEMORY if fits else None
    with tempfile.TemporaryDirectory(prefix=prefix, dir=folder, ignore_cleanup_errors=True) as made:
        os.environ["TMPDIR"] = made
        yield
