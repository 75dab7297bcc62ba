# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Fixtures that every scenario's Testinfra tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import testinfra
import testinfra.host
import yaml


def platforms() -> list[str]:
    """Return the names of the scenario's hosts, from the inventory that Molecule made."""
    inventory = Path(os.environ["MOLECULE_INVENTORY_FILE"])
    groups = yaml.safe_load(inventory.read_text())
    return sorted(groups["ungrouped"]["hosts"] if "ungrouped" in groups else groups["all"]["hosts"])


@pytest.fixture(scope="module", params=platforms())
def host(request: pytest.FixtureRequest) -> testinfra.host.Host:
    """One test host after the other, reached by `podman exec`: many times faster than through Ansible."""
    return testinfra.get_host(f"podman://{request.param}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Add the end of the host's journal to the report of a failed test."""
    report = yield
    if report.when == "call" and report.failed and "host" in getattr(item, "funcargs", {}):
        journal = item.funcargs["host"].run("journalctl --no-pager --lines 60 --priority info")
        report.sections.append(("journal of the host", journal.stdout))
    return report
