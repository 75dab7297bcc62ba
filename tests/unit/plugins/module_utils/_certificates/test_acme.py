# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""When a certificate is due, by its age and by what is wanted of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._certificates import acme
from ansible_collections.slipway.flask.plugins.module_utils._certificates.acme import Failure, Record, Settings, Site
from ansible_collections.slipway.flask.plugins.module_utils._certificates.store import DAY, Facts

DIRECTORY = "https://ca.example/dir"
NOW = 1_000 * DAY
OURS = Record(DIRECTORY, "", "0A", "2026-01-01T00:00:00Z")


def facts(life: float, left: float, domains: tuple[str, ...] = ("a.example",)) -> Facts:
    """A certificate of an authority with a life of LIFE days, LEFT of which are left."""
    end = NOW + left * DAY
    return Facts(frozenset(domains), end, False, "key", end - life * DAY, "0A")


@pytest.mark.parametrize(
    ("life", "left", "reason"),
    [
        (90, 30.1, ""),
        (90, 29.9, "30 days of 90 days are left"),
        (64, 21.5, ""),
        (64, 21.0, "21 days of 64 days are left"),
        (45, 15.1, ""),
        (45, 14.9, "15 days of 45 days are left"),
        (6, 3.1, ""),
        (6, 2.9, "70 hours of 6 days are left"),
        (1, 0.6, ""),
        (1, 0.4, "10 hours of 24 hours are left"),
        (90, -1, "0 hours of 90 days are left"),
    ],
)
def test_age_is_a_share_of_life(life: float, left: float, reason: str) -> None:
    assert acme.age_reason(facts(life, left), NOW) == reason


@pytest.mark.parametrize(
    ("wanted", "found", "record", "reason"),
    [
        (["a.example"], facts(90, 80), OURS, ""),
        (["a.example"], None, OURS, "there is none from the authority yet"),
        (["a.example"], replace(facts(90, 80), is_self_signed=True), OURS, "there is none from the authority yet"),
        (["a.example"], facts(90, 80), Record(), f"it is not from {DIRECTORY}"),
        (["a.example"], facts(90, 80), replace(OURS, serial="0B"), f"it is not from {DIRECTORY}"),
        (["a.example"], facts(90, 80), replace(OURS, directory="https://x/"), f"it is not from {DIRECTORY}"),
        (["a.example"], facts(90, 80), replace(OURS, profile="shortlived"), "its profile is 'shortlived', not ''"),
        (["a.example", "b.example"], facts(90, 80), OURS, "the domains changed"),
        (["b.example"], facts(90, 80, ("a.example", "b.example")), OURS, "the domains changed"),
        (["a.example", "b.example"], facts(90, 80, ("b.example", "a.example")), OURS, ""),
        (["a.example"], facts(90, 20), OURS, "20 days of 90 days are left"),
        # Left out before: its check is due, an order is not.
        (["a.example", "b.example"], facts(90, 80), replace(OURS, left_out={"b.example": "x"}),
         "b.example could not be obtained so far"),
        # No longer wanted, and never on the certificate.
        (["a.example"], facts(90, 80), replace(OURS, left_out={"b.example": "x"}), ""),
    ],
)  # fmt: skip
def test_what_makes_a_certificate_due(wanted: list[str], found: Facts | None, record: Record, reason: str) -> None:
    assert acme.due_reason(wanted, DIRECTORY, "", found, record, NOW) == reason


def test_half_of_the_time_for_a_renewal_is_waited_before_a_domain_is_dropped() -> None:
    assert not acme.is_late(facts(90, 16), NOW)
    assert acme.is_late(facts(90, 14), NOW)
    assert not acme.is_late(facts(6, 1.6), NOW)
    assert acme.is_late(facts(6, 1.4), NOW)


def test_settings_and_records_are_read_as_they_were_written(tmp_path: Path) -> None:
    settings = Settings(DIRECTORY, eab_hmac_key="secret", sites=[Site("shop", ["a.example"])])
    (tmp_path / "settings.json").write_text(settings.as_text())
    assert Settings.read(tmp_path) == settings
    assert "secret" not in repr(settings)
    record = replace(OURS, left_out={"b.example": "x"}, failure=Failure("1", "2", "down"))
    record.write(tmp_path)
    assert Record.read(tmp_path) == record
    (tmp_path / "acme.json").write_text("{")
    assert Record.read(tmp_path) == Record()


@pytest.mark.parametrize(
    ("seconds", "text"), [(30 * DAY, "30 days"), (3 * DAY, "3 days"), (DAY, "24 hours"), (0, "0 hours")]
)
def test_life_is_told_as_a_person_would(seconds: float, text: str) -> None:
    assert acme.life(seconds) == text
