# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What single lines say: of nginx, PostgreSQL, the journal and whatever an app prints."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._logs import journal, mask, nginx, postgres, text
from processor import bounded

MASKED = mask.masker(mask.DEFAULT)
UNITS = journal.Units("shop", ("worker", "mail-out"), (("slipway-redis-shop-queue.service", "redis"),))
ACCESS = {
    "time": "2026-01-31T12:00:00+00:00", "request_id": "5f0c1d9e00", "client": "203.0.113.9", "user": "", "method": "GET",
    "host": "shop.example.com", "uri": "/reset?token=abc&page=2", "status": 500, "bytes": 5, "seconds": 0.034,
    "upstream_status": "500", "referer": "https://a.example/?code=1", "connection": 17,
}  # fmt: skip


@pytest.mark.parametrize(
    ("address", "meant"),
    [
        ("/reset?token=abc", "/reset?token=***"),
        ("/reset?a=1&Access_Token=abc&b=2", "/reset?a=1&Access_Token=***&b=2"),
        ("/x?X-Amz-Signature=f00&user[password]=p&q=s", "/x?X-Amz-Signature=***&user[password]=***&q=s"),
        ("/x?monkey=1&keyword=2&barcode=3", "/x?monkey=1&keyword=2&barcode=3"),
        ("/x?accessToken=a&newPassword=b&client%5BapiKey%5D=c", "/x?accessToken=***&newPassword=***&client%5BapiKey%5D=***"),
        ("/x?token[]=a&token%5b%5d=b&compass=1&tokens=2", "/x?token[]=***&token%5b%5d=***&compass=1&tokens=2"),
        ("/token=abc", "/token=abc"),
        ("/x?token=", "/x?token="),
        ('"GET /x?code=1 HTTP/1.1", referrer: "https://a/?key=2"', '"GET /x?code=*** HTTP/1.1", referrer: "https://a/?key=***"'),
        ("plain", "plain"),
    ],
)  # fmt: skip
def test_values_of_secret_parameters_are_masked(address: str, meant: str) -> None:
    assert MASKED(address) == meant


@pytest.mark.parametrize(
    ("address", "meant"),
    [("203.0.113.77", "203.0.113.0"), ("2001:db8:1:2::9", "2001:db8:1::"), ("2001:db8::9", "2001:db8::"), ("::1", "::"),
     ("unix:", "unix:"), ("", "")],
)  # fmt: skip
def test_addresses_are_shortened(address: str, meant: str) -> None:
    assert mask.shortened(address) == meant


def test_a_line_of_the_access_log_has_its_exact_time_when_it_is_there() -> None:
    plain = nginx.access(json.dumps(ACCESS).encode().replace(b": ", b":"), MASKED)
    exact = nginx.access(json.dumps({**ACCESS, "timestamp": 1769860800.25}, separators=(",", ":")).encode(), MASKED)
    assert plain and exact
    assert (plain.time, exact.time) == (1769860800.0, 1769860800.25)
    assert (exact.level, exact.request_id) == ("error", "5f0c1d9e00")
    assert exact.message == "GET /reset?token=***&page=2 500, 34 ms, 203.0.113.9"
    assert exact.fields["referer"] == "https://a.example/?code=***"


@pytest.mark.parametrize(
    "line", [b"", b"{", b"null", b'{"time":"x"}', b"[1]", b'{"time":"2026-13-31T12:00:00+00:00"}', b"\xff"]
)
def test_a_line_that_is_none_of_the_access_log_is_left_out(line: bytes) -> None:
    assert nginx.access(line, MASKED) is None


def test_a_line_of_the_error_log_tells_its_connection_and_no_token() -> None:
    line = b'2026/01/31 12:00:00 [error] 7#7: *42 upstream timed out, request: "GET /x?token=abc HTTP/1.1"\n'
    found = nginx.error(line, MASKED)
    assert found and (found.level, found.fields) == ("error", {"connection": 42})
    assert "token=***" in found.message


POSTGRES = [
    (b"2026-01-31 12:00:00.123 UTC [9] shop@shop ERROR:  duplicate key value\n", ("ERROR: duplicate key value", "error")),
    (b"2026-01-31 12:00:00.123 UTC [9] shop@shop STATEMENT:  INSERT /* request_id='abcdef123456' */\n",
     ("STATEMENT: INSERT /* request_id='abcdef123456' */", "error")),
    (b"\tINTO ships\n", ("INTO ships", "error")),
    (b"2026-01-31 12:00:00.123 UTC [8] blog@blog ERROR:  other\n", None),
    (b"\tof the other\n", None),
    (b"2026-01-31 12:00:00.123 UTC [1] LOG:  checkpoint starting\n", None),
    (b"2026-01-31 12:00:00.123 UTC [9] shop@shop FATAL:  too many connections\n", ("FATAL: too many connections", "error")),
]  # fmt: skip


def test_postgresql_tells_only_of_the_apps_own_database() -> None:
    reader = postgres.Reader("shop")
    for line, meant in POSTGRES:
        found = reader.entry(line)
        assert (found and (found.message, found.level)) == meant, line
    assert postgres.line_time(POSTGRES[0][0]) == pytest.approx(1769860800.123)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("evil@shop ERROR:  forged FATAL:  no such database", ["ERROR: forged FATAL:  no such database (of evil)"]),
        ("evil@x\n2026-01-31 12:00:00 UTC [1] shop@shop ERROR:  forged FATAL:  no database \"x\n\t2026 …\"", []),
        ("a\n2026-01-31 12:00:00 UTC [1] shop@shop LOG:  x@b\n2026-01-31 12:00:00 UTC [1] shop@shop LOG:  y FATAL:  no", []),
    ],
    ids=["in the name of a database", "with a line feed in it", "and in that of a user"],
)  # fmt: skip
def test_no_app_writes_as_another_into_postgresqls_log(said: str, meant: list[str]) -> None:
    reader = postgres.Reader("shop")
    head, real = "2026-01-31 12:00:00.123 UTC [9] ", "shop@shop ERROR:  real"
    lines = "\n".join([head + real, head + said, *[head + "blog@blog LOG:  other"] * 3, head + real]).split("\n")
    found = [one.message for line in lines if (one := reader.entry(f"{line}\n".encode()))]
    assert found == ["ERROR: real", *meant, "ERROR: real"]


def test_a_statements_comment_tells_its_request() -> None:
    reader = postgres.Reader("shop")
    assert [found.request_id for line, _ in POSTGRES[:3] if (found := reader.entry(line))] == [
        "",
        "abcdef123456",
        "abcdef123456",
    ]


@pytest.mark.parametrize(
    ("line", "level", "request_id", "kind"),
    [
        ("[2026-01-31 12:00:00,1] ERROR in app: Exception on / [GET] request_id=abcdef123456", "error", "abcdef123456", "app"),
        ("WARNING:root:low on stock", "warning", "", "app"),
        ("2026-01-31 12:00:00,123 - shop - CRITICAL - gone", "critical", "", "app"),
        ("[2026-01-31 12:00:00,123: INFO/MainProcess] Task shop.mail[77] received", "info", "", "app"),
        ('{"level": "warn", "msg": "x", "request_id": "abcdef123456"}', "warning", "abcdef123456", "app"),
        ('{"levelname": 3}', "", "", "app"),
        ("{not json}", "", "", "app"),
        ("INFORMATION is power", "", "", "app"),
        ("Booting worker with pid: 7", "", "", "gunicorn"),
        ("just text", "", "", "app"),
        ("no user 'request_id=fedcba654321' [request_id=abcdef123456]", "", "abcdef123456", "app"),
    ],
)  # fmt: skip
def test_what_an_app_prints_is_understood_as_far_as_it_says(line: str, level: str, request_id: str, kind: str) -> None:
    found = text.of(line)
    assert (found.level, found.request_id, found.kind) == (level, request_id, kind)


@pytest.mark.parametrize(
    "begin", ["1" * 48_000, "2026-01-31 " * 4_000, "queued job " * 4_000, "request_id " * 4_000, "a" * 48_000]
)
def test_a_long_line_takes_no_longer_than_its_length(begin: str) -> None:
    with bounded():
        for _ in range(100):
            assert text.of(begin + "x").level == ""
            assert not text.continues(begin)


def said(message: Any, unit: str = "shop@0001-abc.service", **more: str) -> bytes:
    whole = {"__REALTIME_TIMESTAMP": "1769860800123456", "PRIORITY": "6", "MESSAGE": message, "_SYSTEMD_UNIT": unit}
    return json.dumps({**whole, **more}).encode()


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        (said("hello"), ("app", "web", "hello")),
        (said("hello", "shop.worker@0001-abc.service"), ("worker", "worker", "hello")),
        (said("hello", "shop.mail-out@0001-abc.service"), ("mail-out", "mail-out", "hello")),
        (said("hello", "shop.worker.2@0001-abc.service"), ("worker.2", "worker", "hello")),
        (said("hello", "shop.gone@0001-abc.service"), ("gone", "gone", "hello")),
        (said("hello", "shopping@0001-abc.service"), None),
        (said("hello", "blog@1.service", SYSLOG_IDENTIFIER="shop"), None),
        (said("shop: 1 → 2 deployed", "", SLIPWAY_APP="shop", _UID="0"), ("release", "release", "shop: 1 → 2 deployed")),
        (said("shop: forged", "blog@1.service", SLIPWAY_APP="shop", _UID="998"), None),
        (said("Started shop.", "init.scope", _PID="1", UNIT="shop@0001-abc.service"), ("systemd", "web", "Started shop.")),
        (said("Started blog.", "init.scope", _PID="1", UNIT="blog@0001-abc.service"), None),
        (said("9:M 26 Nov 2026 20:56:38.622 # Low memory", "slipway-redis-shop-queue.service"), ("redis", "redis", "Low memory")),
        (said([104, 27, 105]), ("app", "web", "h\x1bi")),
        (said(None), None),
        (b"{}", None),
    ],
)  # fmt: skip
def test_the_journal_tells_whose_a_line_is_by_systemds_word(line: bytes, meant: tuple[str, str, str] | None) -> None:
    found = journal.Reader(UNITS).entry(line)
    assert (found and (found.source, found.process, found.message)) == meant


def test_a_traceback_has_the_level_and_the_request_of_its_first_line() -> None:
    reader = journal.Reader(UNITS)
    lines = ["ERROR in app: Exception on / request_id=abcdef123456", "Traceback (most recent call last):", '  File "x"',
             "psycopg.errors.UndefinedTable: relation does not exist", "LINE 1: SELECT 1", "                ^"]  # fmt: skip
    found = [reader.entry(said(line, _STREAM_ID="a")) for line in lines]
    found.append(reader.entry(said("another stream", _STREAM_ID="b")))
    found.append(reader.entry(said("later", _STREAM_ID="a", __REALTIME_TIMESTAMP="1769860800623456")))
    assert [(one.level, one.request_id) for one in found if one] == [("error", "abcdef123456")] * 6 + [("info", "")] * 2


def test_a_name_with_a_hyphen_is_escaped_as_systemd_does_in_its_slice() -> None:
    assert r"_SYSTEMD_SLICE=system-shop.mail\x2dout.slice" in UNITS.matches()


def test_former_processes_and_further_instances_are_looked_for_where_the_journal_knows_them() -> None:
    known = [
        "system-shop.worker.2.slice",
        "system-shop.gone.slice",
        "system-shopping.slice",
        "system.slice",
        "user.slice",
    ]
    found = [match for match in UNITS.matches(known) if match.startswith("_SYSTEMD_SLICE")]
    assert [match for match in found if match.removeprefix("_SYSTEMD_SLICE=") in known] == [
        "_SYSTEMD_SLICE=system-shop.gone.slice",
        "_SYSTEMD_SLICE=system-shop.worker.2.slice",
    ]


@pytest.mark.parametrize(
    "more",
    [
        {"PRIORITY": ""}, {"PRIORITY": "01"}, {"PRIORITY": "0123"}, {"PRIORITY": "x"},
        {"MESSAGE": json.dumps({**dict.fromkeys(text.ACCESS, "x"), "duration_ms": 10**400})},
        {"MESSAGE": '{"a": NaN, "b": -Infinity, "c": 1e999}'},
        *({"MESSAGE": '{"a":' + "[" * depth + "]" * depth + "}"} for depth in range(900, 1000, 2)),
    ],
)  # fmt: skip
def test_nothing_that_an_app_sends_to_the_journal_hides_other_lines(more: dict[str, str]) -> None:
    found = journal.Reader(UNITS).entry(
        said("hello") if not more else json.dumps({**json.loads(said("hello")), **more}).encode()
    )
    assert found and found.level == "info"
    json.loads(json.dumps(found.shown(), allow_nan=False))


def test_lines_of_any_length_that_a_process_prints_are_shown_and_longer_ones_fill_no_memory(tmp_path: Path) -> None:
    assert "--all" in journal.argv(UNITS.matches(), 0)
    long = said("\x1b" * 48 * 1024)
    (tmp_path / "said").write_bytes(long + b"\n" + b"x" * (3 * journal.LONGEST) + b"\n" + said("next") + b"\n")
    assert [line.strip() for line in journal.lines(["/bin/cat", str(tmp_path / "said")])] == [long, said("next")]
