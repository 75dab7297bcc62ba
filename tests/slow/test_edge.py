# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What nginx does in front of an app, as visitors and attackers see it: pages, limits, streams, files, maintenance.

The app is tests/slow/edge_app. The tests run in the file's order on one host; those that deploy come last.
"""

from __future__ import annotations

import base64
import gzip
import json
import re
import shutil
import socket
import ssl
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from helpers import Answer, Connection, Play, Project, Visitor, Watch, wait_for

DOMAIN = "edge.example.org"
STYLES = "a { color: red }\n" * 200
OLD_ASSET, NEW_ASSET = "static/app.0123abcd.js", "static/app.89abcdef.js"
DESCRIPTION: dict[str, Any] = {
    "name": "edge",
    "domains": [DOMAIN],
    "wsgi": "app:app",
    "database": "none",
    "secret_key_variable": "",
    "static": {"/static/": "static"},
    "shared_folders": ["files"],
    "body_size_mb": 1,
    "timeout_seconds": 2,
    "workers": 3,
    "rate_limits": {"POST /login": "6/minute"},
    "streaming": ["/events", "/ws"],
    "protected_downloads": {"/protected/": "files"},
}
JSON = {"Accept": "application/json"}


class Site:
    """The provisioned app, its code, and how it is asked."""

    def __init__(self, folder: Path, project: Project) -> None:
        self.folder, self.project, self.host = folder, project, project.host
        shutil.copytree(Path(__file__).with_name("edge_app"), folder)
        (folder / "static").mkdir()
        (folder / "static/app.css").write_text(STYLES)
        (folder / "static/gone.css").write_text("b { color: blue }\n")
        (folder / OLD_ASSET).write_text("// old\n")
        (folder / f"{OLD_ASSET}.gz").write_bytes(gzip.compress(b"// packed\n"))
        (folder / f"{OLD_ASSET}.br").write_bytes(b"brotli")
        app = {**DESCRIPTION, "source": {"path": str(folder)}}
        project.write({"slipway_apps": [app], "nginx_tls_brotli": True})

    def ask(self, path: str, method: str = "GET", body: bytes | None = None, **headers: str) -> Answer:
        """Send one request from outside, over a connection of its own."""
        connection = Connection(self.host.address, DOMAIN)
        try:
            connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read().decode("latin-1"))
        finally:
            connection.close()

    def inside(self, path: str = "/") -> int:
        """Return the status that the host itself gets."""
        script = (
            "import ssl, http.client, socket; tls = ssl._create_unverified_context();"
            f"c = http.client.HTTPSConnection('{DOMAIN}', context=tls);"
            f"c.sock = tls.wrap_socket(socket.create_connection(('127.0.0.1', 443)), server_hostname='{DOMAIN}');"
            f"c.request('GET', '{path}'); print(c.getresponse().status)"
        )
        return int(self.host.run(f'python3 -c "{script}"'))

    def play(self, name: str, *options: str) -> Play:
        return self.project.good(f"playbooks/{name}.yml", *options)


@pytest.fixture(scope="module")
def site(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Site:
    made = Site(tmp_path_factory.mktemp("app") / "edge", project)
    made.project.good("site.yml")
    return made


# ---- nginx's own answers ------------------------------------------------------------------------------------------


def refused(site: Site, answer: Callable[..., Answer], status: int, retry: str | None) -> None:
    """Require nginx's own answer STATUS: a styled page for people, JSON for programs, both never kept."""
    page = answer(Accept="text/html,application/xhtml+xml,*/*;q=0.8")
    assert (page.status, page.headers["Content-Type"]) == (status, "text/html"), page.text
    assert f"Error {status}" in page.text and "<style>" in page.text and "nginx" not in page.text
    data = answer(**JSON)
    assert (data.status, data.headers["Content-Type"]) == (status, "application/json"), data.text
    assert json.loads(data.text)["status"] == status
    for found in (page, data):
        assert found.headers["Cache-Control"] == "no-store"
        assert found.headers["X-Content-Type-Options"] == "nosniff"
        assert found.headers["Retry-After"] == retry
        assert "X-Python" not in found.headers


def test_what_nginx_refuses_has_a_page_for_people_and_json_for_programs(site: Site) -> None:
    refused(site, lambda **h: site.ask("/static/missing.css", **h), 404, None)
    refused(site, lambda **h: site.ask("/protected/any.csv", **h), 404, None)
    refused(site, lambda **h: site.ask("/upload", "POST", b"x" * 1_100_000, **h), 413, None)
    refused(site, lambda **h: site.ask("/slow?seconds=3", **h), 504, "5")


def test_an_app_that_is_away_has_a_page(site: Site) -> None:
    unit = site.host.run("systemctl list-units --plain --no-legend 'edge@*' | cut -d' ' -f1")
    site.host.run(f"systemctl stop {unit}")
    try:
        refused(site, lambda **h: site.ask("/", **h), 502, "5")
        assert site.ask("/static/app.css").text == STYLES
    finally:
        site.host.run(f"systemctl start {unit}")


@pytest.mark.parametrize("status", [403, 404, 413, 429, 500, 502, 503, 504])
def test_the_apps_own_errors_pass_untouched(site: Site, status: int) -> None:
    answer = site.ask(f"/own/{status}", **JSON)
    assert (answer.status, answer.text) == (status, f"the app's own {status}")


# ---- limits -------------------------------------------------------------------------------------------------------


def test_a_named_path_has_a_rate_of_its_own_for_each_address(site: Site) -> None:
    forged = [{}, {"X_Forwarded_For": "192.0.2.1"}, {"Forwarded": "for=192.0.2.2"}, {"X_Real_IP": "192.0.2.3"}]
    answers = [site.ask("/login", "POST", b"", **forged[number % 4]) for number in range(9)]
    assert [answer.status for answer in answers][:6] == [200] * 6
    assert {answer.status for answer in answers[7:]} == {429}  # the seventh may come a tenth of a minute later
    refused(site, lambda **h: site.ask("/login", "POST", b"", **h), 429, "10")
    assert site.ask("/login/", "POST", b"").status == 429
    assert site.ask("/login").status == 200 and site.ask("/").status == 200
    assert site.inside("/login") == 200


def slow_body(site: Site) -> ssl.SSLSocket:
    """Return a connection that has sent all of a request but the last byte of its body."""
    plain = socket.create_connection((site.host.address, 443), 30)
    wire = Connection(site.host.address, DOMAIN).tls.wrap_socket(plain, server_hostname=DOMAIN)
    wire.sendall(f"POST /upload HTTP/1.1\r\nHost: {DOMAIN}\r\nContent-Length: 2\r\n\r\nx".encode())
    return wire


def test_one_address_can_hold_no_more_than_its_share(site: Site) -> None:
    with ThreadPoolExecutor(20) as pool:
        held = list(pool.map(lambda _: slow_body(site), range(200)))
    try:
        busy = site.ask("/")
        assert (busy.status, busy.headers["Retry-After"]) == (429, "10")
        assert site.ask("/static/app.css").status == 200  # files cost the app nothing
        assert site.inside() == 200
        held[0].sendall(b"x")
        assert held[0].recv(12) == b"HTTP/1.1 200"
        assert site.ask("/").status == 200
    finally:
        for wire in held:
            wire.close()


# ---- streams, downloads, files ------------------------------------------------------------------------------------


def test_events_are_passed_on_as_they_come_and_may_take_their_time(site: Site) -> None:
    connection = Connection(site.host.address, DOMAIN)
    connection.request("GET", "/events")
    response = connection.getresponse()
    assert response.headers["Content-Type"].startswith("text/event-stream")
    first = response.readline()
    seen = time.time()
    rest = response.read().decode()
    assert first.startswith(b"data: ")
    assert seen < float(rest.split("data: ")[1])  # it was here before the second was sent


def test_websockets_pass_where_they_are_wanted(site: Site) -> None:
    wire = Connection(site.host.address, DOMAIN)
    key = base64.b64encode(b"0123456789abcdef").decode()
    asked = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": key}
    wire.connect()
    request = "".join(f"{name}: {value}\r\n" for name, value in asked.items())
    wire.sock.sendall(f"GET /ws HTTP/1.1\r\nHost: {DOMAIN}\r\n{request}\r\n".encode())
    stream = wire.sock.makefile("rb")
    assert stream.readline().startswith(b"HTTP/1.1 101")
    while stream.readline() != b"\r\n":
        pass
    mask = b"\x01\x02\x03\x04"
    sent = bytes(byte ^ mask[index % 4] for index, byte in enumerate(b"ahoy"))
    wire.sock.sendall(b"\x81\x84" + mask + sent)  # RFC 6455, 5.2: one final text frame of four masked bytes
    assert stream.read(12) == b"\x81\x0aheard ahoy"
    wire.close()


def test_only_the_app_hands_out_protected_files(site: Site) -> None:
    folder = "/srv/edge/shared/files"
    site.host.run(f"echo a,b > {folder}/a.csv && echo top > /srv/edge/shared/secret && chown -R edge: {folder} && "
                  f"ln -s /srv/edge/shared/secret {folder}/link.csv && chown -h edge: {folder}/link.csv")  # fmt: skip
    answer = site.ask("/download/a.csv")
    assert (answer.status, answer.text) == (200, "a,b\n")
    assert answer.headers["Content-Type"].startswith("text/csv")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="a.csv"'
    assert answer.headers["X-Content-Type-Options"] == "nosniff" and "X-Accel-Redirect" not in answer.headers
    assert "X-Python" not in answer.headers  # nginx sent it: the worker was free at once
    assert site.ask("/download/missing.csv").status == 404
    assert site.ask("/download/link.csv").status == 403  # what another user owns stays out of reach
    assert site.ask("/download/..%2fsecret").status in (404, 500)
    part = site.ask("/download/a.csv", Range="bytes=2-3")
    assert (part.status, part.text) == (206, "b\n")


def test_static_files_are_nginxs_own(site: Site) -> None:
    styles = site.ask("/static/app.css")
    assert (styles.status, styles.text) == (200, STYLES) and "X-Python" not in styles.headers
    assert site.ask("/static/app.css", If_None_Match=styles.headers["ETag"]).status == 304
    on_the_fly = site.ask("/static/app.css", Accept_Encoding="gzip")
    assert gzip.decompress(on_the_fly.text.encode("latin-1")).decode() == STYLES
    packed = site.ask(f"/{OLD_ASSET}", Accept_Encoding="gzip")
    assert gzip.decompress(packed.text.encode("latin-1")) == b"// packed\n"
    assert packed.headers["Content-Type"].endswith("/javascript") and packed.headers["Vary"] == "Accept-Encoding"
    smaller = site.ask(f"/{OLD_ASSET}", Accept_Encoding="gzip, br")
    assert (smaller.text, smaller.headers["Content-Encoding"]) == ("brotli", "br")
    assert "immutable" in smaller.headers["Cache-Control"]


# ---- reloads and upgrades -----------------------------------------------------------------------------------------


def test_reloading_and_upgrading_nginx_loses_nothing(site: Site) -> None:
    """Package upgrades of Debian replace the running binary with these signals (nginx's postinst)."""
    upgrade = (
        "old=$(cat /run/nginx.pid) && kill -USR2 $old && "
        "timeout 20 sh -c 'until [ -s /run/nginx.pid.oldbin ] && [ -s /run/nginx.pid ]; do sleep 0.1; done' && "
        'kill -QUIT $old && timeout 30 sh -c "while [ -e /proc/$old ]; do sleep 0.1; done"'
    )
    before = site.host.run("cat /run/nginx.pid")
    with Watch(Visitor(site.host, DOMAIN)) as one, Watch(Visitor(site.host, DOMAIN), "/slow?seconds=0.5") as other:
        for _ in range(3):
            site.host.run("systemctl reload nginx")
            more(one, 3)
        site.host.run(upgrade)
        more(one, 3)
    assert one.failures == [] and other.failures == []
    after = site.host.run("cat /run/nginx.pid")
    assert after != before and site.host.run("systemctl show nginx -P MainPID -P ActiveState").split() == [
        after,
        "active",
    ]
    site.host.run("systemctl reload nginx")
    assert site.ask("/").status == 200


def more(watch: Watch, requests: int) -> None:
    """Wait until WATCH has sent that many further requests."""
    wanted = watch.asked + requests
    wait_for(lambda: watch.asked >= wanted, 30)


# ---- maintenance and releases -------------------------------------------------------------------------------------


class OpenOrClosed(Watch):
    """Takes the maintenance page for an answer, too."""

    def __init__(self, visitor: Visitor) -> None:
        super().__init__(visitor)
        self.seen: set[int] = set()

    def step(self) -> None:
        answer = self.visitor.get(self.path)
        self.seen.add(answer.status)
        assert answer.status == 200 or (answer.status, answer.headers["Retry-After"]) == (503, "300"), answer.text


def test_maintenance_closes_the_site_to_visitors_and_outlives_deploys(site: Site) -> None:
    app = site.folder / "app.py"
    app.write_text(app.read_text().replace('VERSION = "one"', 'VERSION = "two"'))
    with OpenOrClosed(Visitor(site.host, DOMAIN)) as watch:
        assert "edge on" in site.play("maintenance", "-e", "state=on").output
        refused(site, lambda **h: site.ask("/", **h), 503, "300")
        for method, path in (("POST", "/login"), ("GET", "/static/app.css"), ("PUT", "/own/500"), ("GET", "/events")):
            assert site.ask(path, method, **JSON).status == 503, path
        assert site.inside() == 200
        assert site.play("maintenance", "-e", "state=on").count("changed") == 0
        site.project.good("site.yml")
        assert json.loads(site.host.run("cat /srv/edge/current/release.json"))["id"].startswith("0002")
        assert site.ask("/").status == 503
        assert re.search(r"Site +closed", site.play("status").output)
        site.play("maintenance", "-e", "state=off")
        assert json.loads(site.ask("/").text)["version"] == "two"
    assert watch.failures == [] and watch.seen == {200, 503}


def test_a_page_that_was_loaded_before_a_release_still_finds_its_files(site: Site) -> None:
    (site.folder / OLD_ASSET).rename(site.folder / NEW_ASSET)
    for suffix in (".gz", ".br"):
        (site.folder / f"{OLD_ASSET}{suffix}").unlink()
    (site.folder / "static/gone.css").unlink()
    with Watch(Visitor(site.host, DOMAIN), f"/{OLD_ASSET}") as watch:
        site.play("deploy")
    assert watch.failures == []
    assert site.ask(f"/{NEW_ASSET}").status == 200
    kept = site.ask(f"/{OLD_ASSET}")
    assert (kept.status, kept.text) == (200, "// old\n")
    assert "immutable" in kept.headers["Cache-Control"] and kept.headers["X-Content-Type-Options"] == "nosniff"
    assert site.ask("/static/gone.css").status == 404  # what was removed is removed
    assert site.ask(f"/.nginx_tls_previous/1/{OLD_ASSET}").status == 404
    site.play("rollback")
    assert site.ask(f"/{NEW_ASSET}").status == 200 and site.ask(f"/{OLD_ASSET}").status == 200
