# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What an app's policy makes of vulnerabilities: which count, which are allowed for how long, and what a person reads."""

from __future__ import annotations

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._audit import verdict
from ansible_collections.slipway.flask.plugins.module_utils._audit.installed import Package
from ansible_collections.slipway.flask.plugins.module_utils._audit.osv import Vulnerability
from ansible_collections.slipway.flask.plugins.module_utils._audit.wanted import Allowed, Policy

TODAY = "2026-11-27"
HIGH = Vulnerability("flask", "2.2.2", "CVE-2023-30861", ("GHSA-m2qf-hxjv-5gpq",), "high", "2.2.5", "Cookies leak")
MEDIUM = Vulnerability("jinja2", "3.1.2", "CVE-2024-22195", ("GHSA-h5c8-rqwp-cp95",), "medium", "3.1.3", "")
UNRATED = Vulnerability("odd", "1", "MAL-2026-1", (), "unknown", "", "")


def names(found: list[Vulnerability]) -> list[str]:
    return [one.name for one in found]


# Each row: the severity, what counts, and what is only reported.
LEVELS = {
    "low": (["CVE-2023-30861", "CVE-2024-22195", "MAL-2026-1"], []),
    "medium": (["CVE-2023-30861", "CVE-2024-22195", "MAL-2026-1"], []),
    "high": (["CVE-2023-30861", "MAL-2026-1"], ["CVE-2024-22195"]),
    "critical": (["MAL-2026-1"], ["CVE-2023-30861", "CVE-2024-22195"]),
}


@pytest.mark.parametrize("level", LEVELS)
def test_what_is_at_least_as_severe_counts(level: str) -> None:
    found = verdict.verdict(Policy("refuse", level), [HIGH, MEDIUM, UNRATED], TODAY)  # type: ignore[arg-type]
    assert (names(found.counts), names(found.below)) == LEVELS[level]


@pytest.mark.parametrize("name", ["CVE-2023-30861", "ghsa-M2QF-hxjv-5gpq"])
@pytest.mark.parametrize("until", ["2026-11-27", "2027-01-31"])
def test_an_exception_counts_by_any_name_up_to_its_last_day(name: str, until: str) -> None:
    found = verdict.verdict(Policy("refuse", allow=(Allowed(name, "no cookies", until),)), [HIGH, MEDIUM], TODAY)
    assert names(found.counts) == ["CVE-2024-22195"]
    assert found.notes == [
        f"allowed until {until}: flask 2.2.2: CVE-2023-30861 (high), fixed in 2.2.5: Cookies leak (no cookies)"
    ]


def test_an_exception_whose_date_has_passed_no_longer_counts_and_is_named() -> None:
    policy = Policy("refuse", allow=(Allowed("CVE-2023-30861", "no cookies", "2026-11-26"),))
    found = verdict.verdict(policy, [HIGH], TODAY)
    said = "the exception for CVE-2023-30861 ended on 2026-11-26 and no longer counts (no cookies)"
    assert (names(found.counts), found.notes) == (["CVE-2023-30861"], [said])
    assert (
        "\nThe exception for CVE-2023-30861 ended on 2026-11-26 and no longer counts (no cookies).\n"
        in verdict.refusal(policy, found)
    )


def test_an_exception_that_nothing_needs_is_named() -> None:
    policy = Policy("report", allow=(Allowed("CVE-2020-1", "old", "2027-01-01"),))
    assert verdict.verdict(policy, [HIGH], TODAY).notes == [
        "`audit` allows CVE-2020-1, which no installed package has: remove the entry"
    ]


def test_a_refusal_names_all_that_somebody_needs_to_mend_or_to_allow_it() -> None:
    policy = Policy("refuse", "medium")
    assert verdict.refusal(policy, verdict.verdict(policy, [HIGH, MEDIUM], TODAY)) == (
        "2 known vulnerabilities in 2 packages of severity medium or above, and `audit` is `refuse`:\n"
        "- flask 2.2.2: CVE-2023-30861 (high), fixed in 2.2.5: Cookies leak\n"
        "- jinja2 3.1.2: CVE-2024-22195 (medium), fixed in 3.1.3\n"
        "Update them, or accept one until a date with an exception in the app: `audit: {mode: refuse, allow: [{id: "
        "CVE-2023-30861, reason: …, until: YYYY-MM-DD}]}`. -e audit=report deploys this once"
    )


def test_a_long_list_is_cut() -> None:
    assert verdict.listed([HIGH] * 30)[-1] == "… and 10 more"
    assert len(verdict.listed([HIGH] * 20)) == 20


def test_packages_that_are_private_or_from_no_index_are_not_sent() -> None:
    packages = [
        Package("acme-billing", "1"), Package("acme", "1"), Package("flask", "2"), Package("shop", "0", url="file:///srv/x"),
    ]  # fmt: skip
    asked = verdict.asked(Policy("report", private=("Acme_*",)), packages)
    assert [one.name for one in asked] == ["acme", "flask"]
