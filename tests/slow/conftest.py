# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Fixtures of the slow tests: one host for each file and Debian release, bare or provisioned as far as stock.py has it.

SLIPWAY_DEBIAN names the releases ("12", "12 13"), SLIPWAY_ONLY_DEBIAN the one of them whose tests are run here, while
another process runs the rest; SLIPWAY_KEEP_HOSTS=1 leaves the hosts and starts from those there are.
Run them as root under bin/lib/cgroup2, as bin/test does.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager

import pytest
from at_once import pytest_runtest_logreport  # noqa: F401, a hook
from faults import JOBS, App
from helpers import ROOT, Host, Project, wait_for
from load import Load, Seen
from stock import has_site, image_for
from strays import strays

sys.path.append(str(ROOT / "tests/unit/support"))
RELEASES = os.environ.get("SLIPWAY_DEBIAN", "12").split()
ONLY = os.environ.get("SLIPWAY_ONLY_DEBIAN", "")
SEVERAL = ONLY or "13"
"""Release of the hosts of a file that makes several by itself."""
KEEP = os.environ.get("SLIPWAY_KEEP_HOSTS") == "1"
LOGS = ROOT / ".slipway/logs"
ROWS: dict[str, list[tuple[str, ...]]] = {}
"""The table of faults: what each file's tests met."""


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "fault(text): a row of the table of faults, called TEXT")
    config.addinivalue_line("markers", "once(debian): is run on that Debian release only, where several are asked for")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out, where several releases are asked for, what one of them is enough for, and what others run."""
    rest, chosen = [], []
    for item in items:
        marker, case = item.get_closest_marker("once"), getattr(item, "callspec", None)
        # `host`, or a file's own fixture of several hosts.
        debian = next((value for value in case.params.values() if value in RELEASES), None) if case else None
        wanted = marker.args[0] if marker and marker.args[0] in RELEASES else None
        left_out = debian and (debian != (wanted or debian) or debian != (ONLY or debian))
        (rest if left_out else chosen).append(item)
    config.hook.pytest_deselected(items=rest)
    items[:] = chosen


@contextmanager
def machine(title: str, debian: str, keep: bool = KEEP, made_of: str = "") -> Iterator[Host]:
    """Make a host, a bare one unless it is MADE_OF an image, and remove it afterwards; one to KEEP is taken as it is, and left."""
    # Runs of several checkouts at once must not take each other's hosts: the name has this process's id in it.
    made = Host(f"slipway-slow-{title}-{debian}" + ("" if keep else f"-{os.getpid()}"), debian, image=made_of)
    made.up(new=not keep)
    try:
        yield made
    finally:
        if not keep:
            made.down()


@pytest.fixture(scope="module", params=RELEASES)
def host(request: pytest.FixtureRequest) -> Iterator[Host]:
    """A host as bare as a VPS, or one that is provisioned already (stock.py), shared by the tests of a file."""
    name = request.module.__name__.removeprefix("test_")
    with machine(name.replace("_", "-"), request.param, made_of=image_for(name, request.param)) as made:
        yield made


@pytest.fixture(scope="module")
def project(host: Host, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """An empty user's folder for the host."""
    made = Project(tmp_path_factory.mktemp("project"), host)
    yield made
    shutil.rmtree(made.sockets, ignore_errors=True)


@pytest.fixture(scope="module")
def app(project: Project, tmp_path_factory: pytest.TempPathFactory) -> App:
    return App(tmp_path_factory.mktemp("app") / "harbour", project)


@pytest.fixture(scope="module")
def provisioned(app: App) -> App:
    """The site, provisioned: its host has it, or `site.yml` brings what is lacking."""
    if KEEP or not has_site(app.host) or (app.description, app.server) != (App.description, App.server):
        app.project.good("site.yml")
    wait_for(app.answers, seconds=60)
    return app


@pytest.fixture
def site(provisioned: App) -> Iterator[App]:
    """The provisioned site, with code and description that work; afterwards nothing may be left of what failed."""
    provisioned.restore()
    yield provisioned
    provisioned.restore()
    assert strays(provisioned.host) == []


@pytest.fixture(scope="module")
def visitors(provisioned: App) -> Iterator[Load]:
    """Visitors of the site, all the time that the file's tests run."""
    load = Load(provisioned)
    load.start()
    yield load
    load.stop()


@pytest.fixture
def load(visitors: Load) -> Iterator[Seen]:
    """What visitors meet during one test."""
    with visitors.window() as seen:
        yield seen


@pytest.fixture
def readers(site: App) -> Iterator[Seen]:
    """What visitors of a page that needs no database meet during one test."""
    load = Load(site, pages=("/healthz",))
    load.start()
    with load.window() as seen:
        yield seen
    load.stop()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the end of the host's journal to the report of a failed test."""
    report = yield
    machine = getattr(item, "funcargs", {}).get("host")
    add_row(item, report)
    if report.when == "call" and report.failed and machine:
        journal = machine.ask("journalctl --no-pager --lines 500 --facility daemon").stdout
        rows = [row[:300] for row in journal.splitlines() if '"request_id"' not in row][-40:]  # without access logs
        report.sections.append(("journal of the host", "\n".join(rows)))
    return report


def add_row(item: pytest.Item, report: pytest.TestReport) -> None:
    """Add a test that is marked as a fault to the table; what its teardown finds counts as well."""
    marker = item.get_closest_marker("fault")
    if not marker or (report.when != "call" and not report.failed):
        return
    params = dict(getattr(item, "callspec", None).params) if hasattr(item, "callspec") else {}  # type: ignore[union-attr]
    debian = str(params.pop("host", ""))
    case = item.callspec.id.removeprefix(f"{debian}-").removesuffix(f"-{debian}") if params else ""  # type: ignore[attr-defined]
    arguments = getattr(item, "funcargs", {})
    seen = arguments.get("load") or arguments.get("readers")
    counts = (str(seen.sent), str(len(seen.failures))) if seen else ("-", "-")
    title = marker.args[0] + (f": {case}" if case else "")
    rows = ROWS.setdefault(item.path.stem, [])
    rows[:] = [row for row in rows if row[:2] != (title, debian)]
    rows.append((title, debian, *counts, "pass" if report.passed else "FAIL"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the tables of faults and of jobs, and leave them beside the logs."""
    head = ("FAULT", "DEBIAN", "SENT", "FAILED", "RESULT")
    tables = {name: [head, *rows] for name, rows in ROWS.items()}
    if JOBS:
        tables["test_faults_jobs-table"] = [("FAULT", "DEBIAN", "QUEUE", "SENT", "DONE", "DOUBLED", "LOST"), *JOBS]
    for name, rows in tables.items():
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        table = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        terminalreporter.section(f"faults: {name}")
        terminalreporter.write_line("\n".join(table))
        LOGS.mkdir(parents=True, exist_ok=True)
        (LOGS / f"{name}-{ONLY or '-'.join(RELEASES)}.txt").write_text("\n".join(table) + "\n")
