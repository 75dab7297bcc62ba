# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What serves and became vulnerable since its deploy: when the service is asked, and what is told without it."""

from __future__ import annotations

import calendar
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._audit import look
from ansible_collections.slipway.flask.plugins.module_utils._audit.osv import Service
from ansible_collections.slipway.flask.plugins.module_utils._audit.wanted import Allowed, Policy
from ansible_collections.slipway.flask.plugins.module_utils._doctor import vulnerabilities
from ansible_collections.slipway.flask.plugins.module_utils._doctor.base import UnknownError
from installed_packages import install
from osv_server import RECORDS, Osv, serving

NOW = float(calendar.timegm(time.strptime("2026-11-27T01:02:03Z", look.FORMAT)))
DAY = 86_400
REPORT = Policy("report")
COOKIE = (
    "vulnerable: flask 2.2.2: CVE-2023-30861 (high), fixed in 2.2.5: Flask vulnerable to possible disclosure of permanent "
    "session cookie due to missing Vary: Cookie header"
)


class Site:
    """A live release, and the service."""

    def __init__(self, root: Path, url: str, osv: type[Osv]) -> None:
        self.url, self.osv = url, osv
        self.release, self.current = root / "releases/0001-a", root / "current"
        self.release.mkdir(parents=True)
        self.current.symlink_to("releases/0001-a")
        (self.release / "venv").symlink_to("../../venvs/env1")
        (root / "venvs/env1").mkdir(parents=True)
        install(root / "venvs/env1", "Flask", "2.2.2")
        install(root / "venvs/env1", "gunicorn", "23.0.0")

    def look(self, policy: Policy = REPORT, now: float = NOW, **how: Any) -> dict[str, Any]:
        return look.look(policy, Service(self.url, seconds=2, tries=1), self.current, now, **how)

    def deployed(self, now: float, *records: dict[str, Any]) -> None:
        """Leave what a deploy at that moment leaves, when the service knew RECORDS."""
        self.osv.records = list(records)
        look.ask(REPORT, self.release / "venv", Service(self.url), now).keep(self.release)
        self.osv.records = RECORDS
        self.osv.asked.clear()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with serving() as (url, osv):
        yield Site(tmp_path, url, osv)


def test_nobody_is_asked_when_it_is_off(site: Site) -> None:
    assert (site.look(Policy()), site.osv.asked) == ({}, [])


def test_nothing_is_said_of_an_app_that_has_no_release(site: Site) -> None:
    site.current.unlink()
    assert (site.look(), site.osv.asked) == ({}, [])


def test_what_was_asked_for_within_a_day_is_told_without_asking(site: Site) -> None:
    site.deployed(NOW - DAY + 60)
    assert site.look()["lines"] == ["no known vulnerabilities in 2 packages (checked 2026-11-26 01:03 UTC)"]
    assert site.osv.asked == []


def test_what_became_vulnerable_since_the_deploy_is_named_within_a_day(site: Site) -> None:
    site.deployed(NOW - DAY)
    found = site.look()
    assert found["lines"] == [
        "1 known vulnerability in 1 package, 1 new since its deploy (checked 2026-11-27 01:02 UTC)", COOKIE
    ]  # fmt: skip
    assert [(one["name"], one["new"], one["counts"]) for one in found["vulnerabilities"]] == [
        ("CVE-2023-30861", True, True)
    ]
    site.osv.asked.clear()
    assert site.look(now=NOW + 60)["lines"] == found["lines"]
    assert site.osv.asked == []


def test_one_that_was_known_at_the_deploy_is_not_new(site: Site) -> None:
    site.deployed(NOW - 5 * DAY, *RECORDS)
    assert site.look()["lines"][0] == "1 known vulnerability in 1 package (checked 2026-11-27 01:02 UTC)"


def test_a_deep_look_asks_at_once_and_one_in_check_mode_leaves_no_file(site: Site) -> None:
    site.deployed(NOW - 60)
    before = (site.release / look.NAME).read_bytes()
    assert site.look(fresh=True, keep=False)["vulnerabilities"]
    assert (site.release / look.NAME).read_bytes() == before
    site.look(fresh=True)
    assert json.loads((site.release / look.NAME).read_text())["when"] == "2026-11-27T01:02:03Z"
    assert (site.release / look.NAME).stat().st_mode & 0o777 == 0o600


def test_when_the_service_is_away_the_last_answer_is_told_with_its_date(site: Site) -> None:
    site.deployed(NOW - 9 * DAY, *RECORDS)
    site.osv.broken = (503, "")
    found = site.look()
    assert found["lines"] == [
        "1 known vulnerability in 1 package (checked 2026-11-18 01:02 UTC)",
        COOKIE,
        f"the vulnerabilities could not be asked for again: {site.url} answered 503 Service Unavailable",
    ]


def test_when_it_never_answered_that_is_said(site: Site) -> None:
    site.osv.broken = (503, "")
    assert site.look()["lines"] == [f"not checked for vulnerabilities: {site.url} answered 503 Service Unavailable"]


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"when": "yesterday", "packages": 1, "vulnerabilities": []}', "\x00"]
)
def test_a_file_that_can_not_be_read_is_made_anew(site: Site, text: str) -> None:
    (site.release / look.NAME).write_text(text)
    assert len(site.look()["vulnerabilities"]) == 1


def test_a_clock_that_was_ahead_does_not_keep_an_old_answer(site: Site) -> None:
    site.deployed(NOW + 9 * DAY)
    assert len(site.look()["vulnerabilities"]) == 1


def test_an_exception_is_looked_at_on_the_day(site: Site) -> None:
    policy = Policy("refuse", allow=(Allowed("CVE-2023-30861", "no cookies", "2026-11-27"),))
    assert site.look(policy)["lines"] == [
        "no known vulnerabilities but those that are allowed in 2 packages (checked 2026-11-27 01:02 UTC)",
        f"allowed until 2026-11-27: {COOKIE.removeprefix('vulnerable: ')} (no cookies)",
    ]
    assert site.look(policy, now=NOW + DAY)["lines"][-1] == (
        "the exception for CVE-2023-30861 ended on 2026-11-27 and no longer counts (no cookies)"
    )


def test_doctor_has_a_problem_for_each_that_counts_and_a_note_for_the_others(site: Site) -> None:
    def findings(**audit: Any) -> list[tuple[str, str]]:
        one = {"app": "shop", "root": str(site.current.parent), "url": site.url, "audit": audit}
        return [(found.level, found.says) for found in vulnerabilities.vulnerabilities([one], NOW)]

    said = f"shop: {COOKIE.removeprefix('vulnerable: ')}"
    entry = {"id": "CVE-2023-30861", "reason": "no cookies", "until": "2026-12-01"}
    assert findings(mode="report") == [("problem", said)]
    assert findings(mode="refuse", severity="critical") == [("note", said)]
    assert findings(mode="refuse", allow=[entry]) == [("note", f"{said}; allowed until 2026-12-01")]
    site.osv.broken = (503, "")
    with pytest.raises(UnknownError, match="shop: http.* answered 503"):
        findings(mode="report")
