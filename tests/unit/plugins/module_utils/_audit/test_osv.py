# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Asking OSV: what it is sent, what becomes of its answers, and of none."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._audit import osv
from ansible_collections.slipway.flask.plugins.module_utils._audit.installed import Package
from ansible_collections.slipway.flask.plugins.module_utils._audit.osv import AuditError, Service
from osv_server import Osv, affected, serving

OLD = [
    Package("flask", "2.2.2"),
    Package("gunicorn", "23.0.0"),
    Package("jinja2", "3.1.2"),
    Package("werkzeug", "2.2.2"),
]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, type[Osv]]]:
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    with serving() as found:
        yield found


def test_each_vulnerability_is_told_once_with_the_name_people_search_for(server: tuple[str, type[Osv]]) -> None:
    found = Service(server[0]).vulnerabilities(OLD)
    assert [str(one) for one in found] == [
        "flask 2.2.2: CVE-2023-30861 (high), fixed in 2.2.5: Flask vulnerable to possible disclosure of permanent session "
        "cookie due to missing Vary: Cookie header",
        "werkzeug 2.2.2: CVE-2023-25577 (high), fixed in 2.2.3: High resource usage when parsing multipart form data with many "
        "fields",
        "jinja2 3.1.2: CVE-2024-22195 (medium), fixed in 3.1.3: Jinja vulnerable to HTML attribute injection when passing user "
        "input as keys to xmlattr filter",
    ]
    assert found[0].names == {"CVE-2023-30861", "GHSA-M2QF-HXJV-5GPQ", "PYSEC-2023-62"}


def test_nothing_is_sent_but_names_and_versions_and_one_request_is_enough_for_what_is_sound(
    server: tuple[str, type[Osv]],
) -> None:
    assert Service(server[0]).vulnerabilities([Package("flask", "3.1.2"), Package("gunicorn", "23.0.0")]) == []
    asked = [{"package": {"name": name, "ecosystem": "PyPI"}, "version": version}
             for name, version in (("flask", "3.1.2"), ("gunicorn", "23.0.0"))]  # fmt: skip
    assert server[1].asked == [("/v1/querybatch", {"queries": asked})]


def test_a_long_answer_is_read_to_its_end(server: tuple[str, type[Osv]]) -> None:
    server[1].records = [{"id": f"PYSEC-2026-{n}", "affected": affected("flask", ("0", "9"))} for n in range(5)]
    server[1].page = 2
    assert len(Service(server[0]).vulnerabilities([Package("flask", "1.0")])) == 5


def test_more_packages_than_one_request_may_have_go_in_several(
    server: tuple[str, type[Osv]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(osv, "BATCH", 3)
    assert len(Service(server[0]).vulnerabilities(OLD)) == 3
    assert [path for path, _ in server[1].asked][:2] == ["/v1/querybatch"] * 2


def test_what_was_withdrawn_is_no_vulnerability(server: tuple[str, type[Osv]]) -> None:
    server[1].records = [
        {"id": "PYSEC-2026-1", "withdrawn": "2026-01-02T00:00:00Z", "affected": affected("flask", ("0", "9"))}
    ]
    assert Service(server[0]).vulnerabilities([Package("flask", "1.0")]) == []


def test_one_that_nobody_has_rated_or_mended_says_so(server: tuple[str, type[Osv]]) -> None:
    own = {"package": {"ecosystem": "PyPI", "name": "flask"}, "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"},
           {"fixed": "0.5"}]}]}  # fmt: skip
    server[1].records = [{"id": "MAL-2026-1", "affected": [*affected("flask", ("0", "0.5")), own]}]
    server[1].known = lambda self, query: self.records  # type: ignore[method-assign]
    assert list(map(str, Service(server[0]).vulnerabilities([Package("flask", "1.0")]))) == [
        "flask 1.0: MAL-2026-1 (unknown), no fixed version yet"
    ]


# Each row: status and text of all answers, and what the error says after the address.
BROKEN = {
    "an error of its own": ((503, "busy"), "answered 503 Service Unavailable"),
    "a request that it refuses": ((400, "{}"), "answered 400 Bad Request"),
    "a page of a captive portal": ((200, "<html>"), "did not answer in JSON"),
    "JSON of something else": ((200, '{"ok": true}'), "answered what is not OSV's format (KeyError: 'results')"),
    "a list": ((200, "[1]"), "answered what is not OSV's format"),
    "an answer for fewer packages": ((200, '{"results": [{}]}'), "answered 1 of 4 queries"),
}


@pytest.mark.parametrize("answer, says", BROKEN.values(), ids=BROKEN)
def test_an_answer_that_tells_nothing_is_an_error(
    server: tuple[str, type[Osv]], answer: tuple[int, str], says: str
) -> None:
    server[1].broken = answer
    with pytest.raises(AuditError) as error:
        Service(server[0]).vulnerabilities(OLD)
    assert str(error.value).startswith(f"{server[0]} {says}")


def test_what_may_pass_is_tried_twice_and_what_will_not_once(server: tuple[str, type[Osv]]) -> None:
    for status, tries in ((503, 2), (429, 2), (400, 1)):
        server[1].asked.clear()
        server[1].broken = (status, "")
        with pytest.raises(AuditError):
            Service(server[0]).vulnerabilities(OLD)
        assert len(server[1].asked) == tries


def test_nothing_that_a_terminal_would_obey_comes_from_the_service(server: tuple[str, type[Osv]]) -> None:
    server[1].records = [
        {"id": "X-1\x1b[2J", "summary": "red \x1b[31m\ntext\x07", "affected": affected("flask", ("0", "9"))}
    ]
    (found,) = Service(server[0]).vulnerabilities([Package("flask", "1.0")])
    assert str(found) == "flask 1.0: X-1 [2J (unknown), fixed in 9: red [31m text"


@pytest.mark.parametrize("url", ["osv.example.com", "ftp://x", "https://ann:pw@osv.example.com", "file://all.zip", ""])
def test_what_is_no_address_is_refused_and_no_password_is_shown(url: str) -> None:
    with pytest.raises(AuditError, match="app_release_audit_url must begin with") as error:
        Service(url).vulnerabilities(OLD)
    assert "pw" not in str(error.value)


def test_nobody_there_is_an_error_that_names_the_address() -> None:
    with serving() as (url, _):
        pass
    with pytest.raises(AuditError, match=rf"{url} could not be reached: .*refused"):
        Service(url, tries=1).vulnerabilities(OLD)
