# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""An app's own metrics are asked for at its socket, and can do no harm, whatever the app says."""

from __future__ import annotations

import os
import shutil
import socketserver
import tempfile
import threading
import time
import tracemalloc
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._metrics import own, text
from ansible_collections.slipway.flask.plugins.module_utils._metrics.config import App, Config
from ansible_collections.slipway.flask.plugins.module_utils._metrics.own import Own

SAID = """# HELP shop_orders_total Orders.
# TYPE shop_orders_total counter
shop_orders_total{kind="a\\"b\\\\c\\nd"} 7
shop_orders_total{ kind = "e", } 1.5e3 1395066363000
shop_latency_bucket{le="+Inf",app="other",job="x"} 3
python_info{version="3.13"} 1.0
shop_nan NaN
"""


class Answers(BaseHTTPRequestHandler):
    """What an app answers; the server has it."""

    def do_GET(self) -> None:
        self.server.asked.append((self.path, dict(self.headers)))  # type: ignore[attr-defined]
        self.server.answer(self)  # type: ignore[attr-defined]

    def address_string(self) -> str:
        return "socket"

    def log_message(self, *_: object) -> None:
        pass

    def say(self, body: bytes, status: int = 200) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body)


class Site:
    """A host with an app that answers at its socket."""

    def __init__(self, folder: Path) -> None:
        (folder / "srv/releases/0007-a").mkdir(parents=True)
        (folder / "srv/current").symlink_to("releases/0007-a")
        (folder / "srv/releases/0007-a/run").symlink_to(folder)
        self.server: Any = socketserver.ThreadingUnixStreamServer(str(folder / "gunicorn.sock"), Answers)
        self.server.daemon_threads, self.server.asked = True, []
        app = App(
            "shop", str(folder / "srv"), str(folder / "etc"), domains=["shop.example.org"], metrics_path="/metrics"
        )
        self.part = Own(Config(apps=[app], output=folder, state=folder))
        self.says(SAID.encode())
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def says(self, body: bytes, status: int = 200) -> None:
        self.server.answer = lambda request: request.say(body, status)

    def look(self) -> list[str]:
        """Return the rows that a look writes but for how long it took; one that can't be written is none."""
        written, _ = text.render(self.part.samples(0))
        return [row for row in written.splitlines() if not row.startswith(("#", "slipway_app_metrics_seconds"))]


@pytest.fixture(name="site")
def _site() -> Iterator[Site]:
    folder = Path(tempfile.mkdtemp(prefix="own-"))  # the path of a socket must be short
    site = Site(folder)
    yield site
    site.server.shutdown()
    site.server.server_close()
    shutil.rmtree(folder)


def test_the_apps_series_are_told_under_its_name(site: Site) -> None:
    assert site.look() == [
        'python_info{app="shop",version="3.13"} 1',
        'shop_latency_bucket{app="shop",exported_app="other",exported_job="x",le="+Inf"} 3',
        'shop_nan{app="shop"} NaN',
        'shop_orders_total{app="shop",kind="a\\"b\\\\c d"} 7',
        'shop_orders_total{app="shop",kind="e"} 1500',
        'slipway_app_metrics_up{app="shop"} 1',
    ]
    path, headers = site.server.asked[0]
    assert (path, headers["Host"], headers["X-Forwarded-Proto"]) == ("/metrics", "shop.example.org", "https")


NOTHING = ['slipway_app_metrics_up{app="shop"} 0']


@pytest.mark.parametrize(("body", "status"), [(b"x" * (2 << 20), 200), (SAID.encode(), 500), (SAID.encode(), 302)])
def test_what_is_too_much_or_an_error_is_nothing(site: Site, body: bytes, status: int) -> None:
    site.says(body, status)
    assert site.look() == NOTHING


def test_an_app_that_speaks_without_an_end_is_cut_off(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own, "SECONDS", 0.2)
    over = threading.Event()

    def drips(request: Answers) -> None:
        request.send_response(200)
        request.end_headers()
        while not over.wait(0.05):
            request.wfile.write(b"x 1\n")

    site.server.answer = drips
    assert site.look() == NOTHING
    over.set()


def test_an_app_that_says_nothing_is_not_waited_for(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own, "SECONDS", 0.1)
    over = threading.Event()
    site.server.answer = lambda request: over.wait(30)
    assert site.look() == NOTHING
    over.set()


@pytest.mark.parametrize(
    "begin",
    [b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"],
    ids=["a head", "a chunk's length"],
)
def test_an_app_that_sends_a_line_byte_by_byte_holds_up_nobody(
    site: Site, monkeypatch: pytest.MonkeyPatch, begin: bytes
) -> None:
    monkeypatch.setattr(own, "SECONDS", 0.3)
    cut_off = threading.Event()

    def drips(request: Answers) -> None:
        request.wfile.write(begin)
        for _ in range(400):  # or until it is cut off
            time.sleep(0.05)
            try:
                request.wfile.write(b"0")
            except OSError:
                cut_off.set()
                return

    site.server.answer = drips
    assert site.look() == NOTHING
    assert cut_off.wait(20)


def test_an_app_without_a_release_or_a_socket_is_told_as_down(site: Site) -> None:
    os.unlink(site.server.server_address)
    assert site.look() == NOTHING
    (Path(site.part.apps[0].root) / "current").unlink()
    assert site.look() == NOTHING


@pytest.mark.parametrize(
    "row",
    [
        'slipway_http_requests_total{app="other"} 1', "up 0", "ALERTS 1", 'ALERTS{alertstate="firing"} 1', "node_load1 99",
        "pg_up 1", "redis_up 0", "x", "x{ 1", 'x{a="b} 1', 'x{a="b"c="d"} 1', "x{a=b} 1", "x one", "x:y 1", "9x 1",
        "x 1 2 3", "é 1", 'x{__name__="up"} 1', "x{" + 'a="b",' * 2000 + "} 1", "\0 1", "x 0x10",
        "x{" + ",".join(f'l{number}="1"' for number in range(9)) + "} 1",
    ],
)  # fmt: skip
def test_a_row_that_is_no_series_of_the_apps_is_left_out(site: Site, row: str) -> None:
    site.says(f"{row}\ngood 1\n".encode())
    assert site.look() == ['good{app="shop"} 1', 'slipway_app_metrics_up{app="shop"} 1']


def test_series_without_an_end_are_cut_off(site: Site) -> None:
    site.says("".join(f'x{{n="{number}"}} 1\n' for number in range(5000)).encode())
    assert len(site.look()) == own.MOST_SERIES + 1


def test_new_series_at_each_look_do_not_fill_the_store(site: Site) -> None:
    """It keeps each for hours."""

    def looks(count: int, now: float) -> set[str]:
        found = set()
        for number in range(count):
            site.says(b"good 1\n" + b"".join(b'x{n="%d-%d"} 1\n' % (now + number, row) for row in range(900)))
            told = text.render(site.part.samples(now + number))[0].splitlines()
            assert 'good{app="shop"} 1' in told, "what is there already goes on"
            found |= {row for row in told if row.startswith(("x", "good"))}
        return found

    assert len(looks(10, 0)) == own.MOST_DIFFERENT
    assert len(looks(3, 4 * 3600)) == own.MOST_DIFFERENT, "there is room again once the others are out of it"


def test_no_more_is_kept_of_what_an_app_says_than_is_told(site: Site) -> None:
    site.says(b"x 1\n" * (own.MOST_BYTES // 4))
    tracemalloc.start()
    try:
        site.look()
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < 32 << 20  # 140 MB with a sample for each row, more than the collector may have


@pytest.mark.parametrize("row", ["a" + " " * 4000 + "{", "a" + " " * 2000 + "1" * 40 + " " * 2000 + "x"])
def test_rows_of_blanks_take_no_time(row: str) -> None:
    began = time.thread_time()
    assert not list(own.parsed(f"{row}\n" * 250, "shop"))
    assert (
        time.thread_time() - began < 10
    )  # a tenth of a second; more than half a minute when each blank may be two things


def test_apps_without_metrics_are_never_asked(site: Site) -> None:
    config = Config(apps=[App("other", "/srv/other", "/etc/other")])
    assert list(Own(config).samples(0)) == []
