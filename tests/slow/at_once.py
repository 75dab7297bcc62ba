# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Prints a failure at once: pytest keeps it to the end, which a part that hangs afterwards never comes to."""

from __future__ import annotations

import sys

import pytest


@pytest.hookimpl(trylast=True)
def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.failed:
        sections = (f"--- {title} ---\n{text}" for title, text in report.sections)
        said = "\n".join([f"\nfailed at {report.when}: {report.nodeid}", report.longreprtext, *sections])
        print(said, file=sys.__stdout__, flush=True)
