# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Fixtures of the slow tests: one bare host for each file and Debian release.

SLIPWAY_DEBIAN names the releases ("12", "12 13"); SLIPWAY_KEEP_HOSTS=1 leaves the hosts and starts from those there are.
Run them as root under bin/lib/cgroup2, as bin/test does.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator, Iterator

import pytest
from helpers import Host, Project

RELEASES = os.environ.get("SLIPWAY_DEBIAN", "12").split()
KEEP = os.environ.get("SLIPWAY_KEEP_HOSTS") == "1"


@pytest.fixture(scope="module", params=RELEASES)
def host(request: pytest.FixtureRequest) -> Iterator[Host]:
    """A host as bare as a VPS, shared by the tests of a file."""
    title = request.module.__name__.removeprefix("test_").replace("_", "-")
    # Runs of several checkouts at once must not take each other's hosts: the name has this process's id in it.
    machine = Host(f"slipway-slow-{title}-{request.param}" + ("" if KEEP else f"-{os.getpid()}"), request.param)
    machine.up()
    try:
        yield machine
    finally:
        if not KEEP:
            machine.down()


@pytest.fixture(scope="module")
def project(host: Host, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """An empty user's folder for the host."""
    made = Project(tmp_path_factory.mktemp("project"), host)
    yield made
    shutil.rmtree(made.sockets, ignore_errors=True)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the end of the host's journal to the report of a failed test."""
    report = yield
    machine = getattr(item, "funcargs", {}).get("host")
    if report.when == "call" and report.failed and machine:
        journal = machine.ask("journalctl --no-pager --lines 500 --facility daemon").stdout
        rows = [row[:300] for row in journal.splitlines() if '"request_id"' not in row][-40:]  # without access logs
        report.sections.append(("journal of the host", "\n".join(rows)))
    return report
