# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Requests are counted from nginx' access logs: each once, whatever happens to the log, and whatever visitors write into it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._metrics import access_log, requests, text, traffic
from ansible_collections.slipway.flask.plugins.module_utils._metrics.config import App, Config
from ansible_collections.slipway.flask.plugins.module_utils._metrics.requests import Requests

NAME = "slipway_http_requests_total"


def line(uri: str = "/", status: str = "200", seconds: str = "0.034", upstream: str = "200", **more: Any) -> str:
    """Return a line as nginx writes it; texts in it are escaped by the caller, as nginx would."""
    said = {"method": "GET", "size": 100, "static": False, **more}
    return (
        '{"time":"2026-11-26T20:41:48+00:00","request_id":"5e0b","client":"203.0.113.77","user":"",'
        f'"method":"{said["method"]}","host":"shop.example.org","uri":"{uri}","protocol":"HTTP/2.0","tls":"TLSv1.3",'
        f'"release":"0007-a",{chr(34) + "static" + chr(34) + ":true," if said["static"] else ""}"status":{status},'
        f'"bytes":{said["size"]},"seconds":{seconds},"upstream_status":"{upstream}","upstream_seconds":"0.033",'
        '"upstream_connect_seconds":"0.000","referer":"","user_agent":"Mozilla/5.0"}\n'
    )


class Site:
    """A host with the log of one app, and a collector that looks at it."""

    def __init__(self, folder: Path, **app: Any) -> None:
        self.folder, self.log = folder, folder / "shop.access.log"
        self.config = Config(
            apps=[App("shop", "/srv/shop", "/etc/shop", **app)], state=folder / "state", output=folder / "out"
        )
        self.log.touch()
        self.restart()

    def restart(self) -> None:
        self.part = Requests(self.config, self.folder)

    def write(self, *lines: str, path: Path | None = None) -> None:
        with (path or self.log).open("a") as file:
            file.write("".join(lines))

    def rotate(self) -> None:
        """Do what logrotate does, but for `.2.gz`."""
        os.replace(self.log, self.old)
        self.log.touch()

    @property
    def old(self) -> Path:
        return self.folder / "shop.access.log.1"

    def look(self, now: float = 1000.0) -> dict[str, float]:
        """Return the series that a look gives, as they are written, but for those that are 0."""
        written, left_out = text.render(self.part.samples(now))
        assert left_out == 0
        rows = (row.rpartition(" ") for row in written.splitlines() if not row.startswith("#"))
        return {series: float(value) for series, _, value in rows if float(value)}

    def count(self) -> float:
        """Return how many requests were counted so far."""
        return sum(value for series, value in self.look().items() if series.startswith(NAME))


@pytest.fixture(name="site")
def _site(tmp_path: Path) -> Site:
    site = Site(tmp_path)
    site.look()
    return site


def test_requests_are_told_by_method_status_and_how_long_they_took(site: Site) -> None:
    site.write(
        line(), line(method="POST", status="503", upstream="503", seconds="2.5"),
        line(status="304", upstream="304"), line(status="499", upstream="", seconds="31.000"),
        line("/static/app.css", static=True, upstream="", seconds="0.000", size=5000),
        line(status="308", upstream="", seconds="0.000"),
    )  # fmt: skip
    said = site.look()
    assert {series: said[series] for series in said if "_bucket" not in series and "route" not in series} == {
        'slipway_http_requests_total{app="shop",code="2xx",method="GET"}': 1,
        'slipway_http_requests_total{app="shop",code="3xx",method="GET"}': 2,
        'slipway_http_requests_total{app="shop",code="4xx",method="GET"}': 1,
        'slipway_http_requests_total{app="shop",code="5xx",method="POST"}': 1,
        'slipway_http_static_requests_total{app="shop",code="2xx"}': 1,
        'slipway_http_client_aborted_total{app="shop"}': 1,
        'slipway_http_response_bytes_total{app="shop"}': 5500,
        'slipway_http_request_duration_seconds_sum{app="shop"}': 2.568,
        'slipway_http_request_duration_seconds_count{app="shop"}': 3,
    }


def test_all_that_may_happen_is_there_before_it_does(site: Site) -> None:
    written, _ = text.render(site.part.samples(1000))
    assert f'{NAME}{{app="shop",code="5xx",method="POST"}} 0\n' in written


@pytest.mark.parametrize("milliseconds", [1, 7, 40, 333, 1200, 9000, 54000])
def test_a_duration_falls_into_a_bucket_that_is_no_wider_than_a_quarter(milliseconds: int) -> None:
    counted = traffic.Traffic()
    counted.add([line(seconds=f"{milliseconds / 1000:.3f}").encode()], 0)
    place = counted.buckets.index(1)
    upper, lower = traffic.BOUNDS[place], traffic.BOUNDS[place - 1] if place else 0.0
    assert lower < milliseconds / 1000 <= upper
    assert upper <= max(0.001, lower * 1.2501)


def test_what_lasts_as_long_as_it_likes_is_no_slow_answer(tmp_path: Path) -> None:
    site = Site(tmp_path, more={"streaming": ["^/events(/|$)"]})
    site.look()
    site.write(line("/events", seconds="3600.1"), line("/socket", status="101", upstream="101", seconds="900.0"))
    said = site.look()
    assert site.count() == 2
    assert 'slipway_http_request_duration_seconds_count{app="shop"}' not in said


# ---- each once -------------------------------------------------------------------------------------------------------


def test_what_the_log_has_at_the_very_first_look_is_history(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.write(line(), line())
    site.restart()
    assert site.count() == 0
    site.write(line())
    assert site.count() == 1


def test_a_log_that_comes_later_is_read_from_its_beginning(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.log.unlink()
    assert site.count() == 0
    site.write(line(), line())
    assert site.count() == 2


def test_half_a_line_is_counted_once_it_is_whole(site: Site) -> None:
    whole = line()
    site.write(whole[:100])
    assert site.count() == 0
    site.write(whole[100:])
    assert site.count() == 1


def test_a_rotated_log_is_read_to_its_end_for_nginx_goes_on_writing_to_it(site: Site) -> None:
    site.write(line())
    assert site.count() == 1
    site.write(line())
    site.rotate()
    site.write(line(), path=site.old)
    site.write(line())
    assert site.count() == 4
    site.write(line(), path=site.old)
    assert site.count() == 5
    site.rotate()
    site.write(line())
    assert site.count() == 6


def test_a_rotation_without_a_new_log_loses_nothing(site: Site) -> None:
    site.write(line())
    os.replace(site.log, site.old)
    assert site.count() == 1
    site.write(line(), path=site.old)
    assert site.count() == 2
    site.write(line())
    assert site.count() == 3


def test_two_rotations_between_two_looks_lose_only_what_is_compressed(site: Site) -> None:
    site.write(line())
    assert site.count() == 1
    site.rotate()
    site.write(line(), line())
    site.rotate()
    site.write(line())
    assert site.count() == 4


def test_a_truncated_log_is_read_from_its_beginning(site: Site) -> None:
    site.write(line(), line())
    assert site.count() == 2
    os.truncate(site.log, 0)
    site.write(line())
    assert site.count() == 3


def test_a_log_that_has_grown_beyond_where_it_was_truncated_is_known_by_its_beginning(site: Site) -> None:
    site.write(line("/one"))
    assert site.count() == 1
    os.truncate(site.log, 0)
    site.write(line("/two"), line("/three"), line("/four"))
    assert site.count() == 4


def test_a_restarted_collector_goes_on_where_the_last_one_stood(site: Site) -> None:
    site.write(line("/a"), line("/a"), line("/a"))
    before = site.look()
    site.restart()
    assert site.look() == before
    site.write(line("/a"))
    site.rotate()
    site.write(line("/a"))
    site.restart()
    after = site.look()
    assert after['slipway_http_route_requests_total{app="shop",code="2xx",method="GET",route="/a"}'] == 3
    assert site.count() == 5


def test_a_collector_that_was_killed_before_it_saved_reads_the_same_lines_again_and_counts_the_same(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.write(line())
    assert site.count() == 1
    with monkeypatch.context() as patch:
        patch.setattr(requests.stored, "write", _fails)
        site.write(line(), line())
        assert site.count() == 3
    site.restart()
    assert site.count() == 3


def test_a_site_that_nobody_visits_costs_its_disk_nothing(site: Site) -> None:
    site.write(line())
    site.look()
    state = site.config.state / "requests.json"
    state.unlink()
    site.look()
    assert not state.exists()
    site.write(line())
    site.look()
    assert state.exists()


def _fails(*_: object) -> None:
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize(
    "saved", ["", "{", "[]", "null", '{"shop": 7}', '{"shop": {"marks": [{"x": 1}], "traffic": []}}']
)
def test_a_state_that_cant_be_read_begins_anew(site: Site, saved: str) -> None:
    (site.config.state / "requests.json").write_text(saved)
    site.restart()
    site.write(line())
    site.count()
    site.write(line())
    assert site.count() in (1, 2)


@pytest.mark.parametrize("made", ["link", "pipe", "folder"])
def test_what_is_no_log_is_never_read(site: Site, tmp_path: Path, made: str) -> None:
    other = tmp_path / "other"
    other.write_text(line())
    site.log.unlink()
    {"link": lambda: site.log.symlink_to(other), "pipe": lambda: os.mkfifo(site.log), "folder": site.log.mkdir}[made]()
    assert site.count() == 0


def test_a_busy_host_is_read_in_turns_and_nothing_is_counted_twice(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "LOOK_SECONDS", -1)
    wanted = 7000  # three blocks
    site.write(line() * wanted)
    looks = [site.count() for _ in range(5)]
    assert 0 < looks[0] < wanted
    assert looks[-1] == wanted


# ---- what visitors write ---------------------------------------------------------------------------------------------

HOSTILE = [
    line(method="FOO"),
    line(method="get"),
    line(method=r"GET\u0000\u000a"),
    line(method="", uri="", status="400", upstream=""),
    line(r"/\"status\":500,\"bytes\":1,\"seconds\":9,\"upstream_status\":\"500\""),
    line("/" + "a" * 8000 + "?" + "b" * 8000),
    line(r"/\u000a\u0000\\\"" * 1000),
    line("/\xff\xfe"),
    line("/é/漢/" + "x" * 400),
    line("/?token=geheim"),
    line("//////////"),
    line("*"),
    line(status="000"),
    line(status="009"),
    line(size=10**30),
    line(seconds="0." + "0" * 5000),
]


@pytest.mark.parametrize("written", HOSTILE, ids=range(len(HOSTILE)))
def test_whatever_a_visitor_asks_for_is_one_request_and_no_series_of_anothers(site: Site, written: str) -> None:
    site.log.write_bytes(written.encode("latin-1", "replace") * 4)
    said = site.look()
    assert sum(value for series, value in said.items() if series.startswith(NAME)) == 4
    assert all('app="shop"' in series for series in said)
    assert not any("geheim" in series or "token" in series for series in said)
    assert max(map(len, said)) < 300


@pytest.mark.parametrize(
    "written",
    [
        "\n",
        "x\n",
        "{}\n",
        '{"status": "x"}\n',
        '{"status": [[]]}\n',
        "[" * 100000 + "\n",
        '"status":1,"bytes":\n',
        "7\n",
        "\0\n",
    ],
    ids=range(9),
)
def test_what_is_no_line_of_nginx_is_passed_over(site: Site, written: str) -> None:
    site.write(written, line())
    assert site.count() == 1


def test_a_line_without_an_end_is_passed_over_and_the_next_one_counted(site: Site) -> None:
    site.write("x" * 3_000_000)
    assert site.count() == 0
    site.write("\n", line())
    assert site.count() == 1


def test_keys_in_another_order_are_read_as_well() -> None:
    said = {"status": 201, "uri": "/a?b=c", "method": "PUT", "seconds": 0.5, "bytes": 7, "upstream_status": "201"}
    assert access_log.entry(json.dumps(said).encode()) == ("PUT", b"/a", 201, 7, 0.5, True, False)


def test_millions_of_paths_make_a_bounded_number_of_series_and_take_bounded_memory(site: Site) -> None:
    for number in range(30_000):
        site.part.logs["shop"].traffic.add(
            [line(f"/{_letters(number)}/{_letters(number * 7)}", status="200" if number % 2 else "404").encode()],
            number,
        )
    said = site.look()
    assert len({series.split('route="')[1] for series in said if "route=" in series}) <= 21
    routes = site.part.logs["shop"].traffic.routes
    sizes = (routes.known, routes._candidates, routes._patterns, routes._children, routes._wide)
    assert all(len(one) <= most for one, most in zip(sizes, (20, 256, 1024, 256, 256), strict=True))
    assert (site.config.state / "requests.json").stat().st_size < 200_000


def _letters(number: int) -> str:
    return "".join("abcdefghij"[int(digit)] for digit in str(number))
