# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Asking OSV: what it is sent, what becomes of its answers, and of none."""

from __future__ import annotations

import random
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._audit import dump, osv
from ansible_collections.slipway.flask.plugins.module_utils._audit.installed import Package
from ansible_collections.slipway.flask.plugins.module_utils._audit.osv import AuditError, Service
from osv_server import RECORDS, Osv, affected, serving

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


HOSTILE = {
    "a status line that a terminal obeys": (b"HTTP/1.1 418 red \x1b[31m\x1b]0;owned\x07\r\n\r\n", "answered 418 red [31m ]0;owned"),
    "an answer nested deeper than Python reads": (
        b"HTTP/1.0 200 OK\r\n\r\n" + b"[" * 200_000, "did not answer in JSON: it is nested too deeply"),
    "a redirection to what only the host reaches": (
        b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/latest/meta-data\r\n\r\n", "answered 302 Found"),
}  # fmt: skip


@contextmanager
def raw(answer: bytes, pause: float = 0) -> Iterator[str]:
    """Serve ANSWER to whoever comes, as it is; with a PAUSE, an octet at a time, for ever."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        over = threading.Event()

        def serve() -> None:
            while not over.is_set():
                try:
                    client, _ = server.accept()
                except OSError:
                    return
                with client, suppress(OSError):
                    client.recv(1 << 16)
                    client.sendall(answer)
                    while pause and not over.wait(pause):
                        client.sendall(b" ")
                    client.shutdown(socket.SHUT_WR)
                    while client.recv(1 << 16):  # a connection that is closed with something unread is reset
                        pass

        threading.Thread(target=serve, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}"
        finally:
            over.set()
            server.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("answer, says", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_service_gets_one_clean_line_and_no_stack_trace(answer: bytes, says: str) -> None:
    with raw(answer) as url, pytest.raises(AuditError) as error:
        Service(url, tries=1).vulnerabilities(OLD)
    assert str(error.value) == f"{url} {says}"


@pytest.mark.parametrize("head", [b"HTTP/1.0 200 OK\r\n\r\n", b"HTTP/1.0 200 OK\r\nX: "], ids=["body", "headers"])
def test_a_service_that_never_comes_to_an_end_holds_up_no_deploy(head: bytes) -> None:
    with (
        raw(head, 0.01) as url,
        pytest.raises(AuditError, match="could not be reached: it took longer than 1 s to answer"),
    ):
        Service(url, seconds=0.4, tries=1).vulnerabilities(OLD)


def test_records_without_end_are_refused(server: tuple[str, type[Osv]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(osv, "PER_PACKAGE", 1)
    with pytest.raises(AuditError, match="answered more than 1 records for flask"):
        Service(server[0]).vulnerabilities(OLD)
    monkeypatch.undo()
    monkeypatch.setattr(osv, "IN_ALL", 1)
    with pytest.raises(AuditError, match="answered more than 1 records"):
        Service(server[0]).vulnerabilities(OLD)


def test_what_is_of_a_size_that_nobody_needs_is_left_out(server: tuple[str, type[Osv]]) -> None:
    server[1].records = [
        {
            "id": "X-1" * 1000, "aliases": [f"Y-{number}" for number in range(1000)], "summary": "so " * 10_000,
            "affected": [{**affected("flask", ("0", "9"))[0], "ranges": [
                {"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "9"}]},
                {"type": "ECOSYSTEM", "events": [{"fixed": "1" * 5000}]},
            ]}],
        }
    ]  # fmt: skip
    (found,) = Service(server[0]).vulnerabilities([Package("flask", "1.0")])
    assert (len(found.name), len(found.also), found.fixed) == (100, 100, "9")


WORDS = (
    "id", "aliases", "summary", "affected", "severity", "ranges", "events", "package", "fixed", "introduced", "type", "score",
    "database_specific", "versions", "ecosystem", "name", "flask", "PyPI", "ECOSYSTEM", "HIGH", "CVSS:3.1/AV:N", "1" * 5000,
)  # fmt: skip


def anything(chance: random.Random, deep: int = 0) -> Any:
    """Return a value of any shape, of words that records have."""
    kind = chance.randrange(8 if deep < 5 else 4)
    if kind < 4:
        return chance.choice([None, True, 7, 0.5, *WORDS])
    inner = [anything(chance, deep + 1) for _ in range(chance.randrange(4))]
    return inner if kind < 6 else {chance.choice(WORDS): one for one in inner}


def test_a_record_of_any_shape_is_an_answer_or_an_error_in_words() -> None:
    chance = random.Random(15)
    for _ in range(3000):
        record = {**RECORDS[0], chance.choice(WORDS): anything(chance), chance.choice(WORDS): anything(chance)}
        one = chance.choice([record, anything(chance)])
        with suppress(*osv.SHAPES):
            dump.affects(record, OLD[0])
        with suppress(*osv.SHAPES):
            osv.merged(OLD[0], [one])


def test_a_package_of_another_ecosystem_by_the_same_name_has_nothing_to_do_with_where_it_is_fixed() -> None:
    def part(ecosystem: str, fixed: str) -> dict[str, Any]:
        spans = [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": fixed}]}]
        return {"package": {"ecosystem": ecosystem, "name": "Redis"}, "ranges": spans}

    record = {"id": "GHSA-x", "affected": [part("RubyGems", "2.0"), part("PyPI", "3.0")]}
    assert osv.fixed_in(Package("redis", "1.0"), [record]) == "3.0"
