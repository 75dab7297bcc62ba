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
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import slow_clients
from edge import DESCRIPTION, DOMAIN, JSON, NEW_ASSET, OLD_ASSET, STYLES, Site
from helpers import ROOT, Answer, Connection, Project, Visitor, Watch, wait_for
from links import Attack

pytestmark = pytest.mark.once("13")


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


def test_gunicorn_takes_what_nginx_takes_and_the_page_of_the_rest_is_ours(site: Site) -> None:
    assert site.ask("/?" + "x" * 8100).status == 200
    assert site.ask("/", X_Large="x" * 8100).status == 200
    assert site.ask("/", **{f"X_{number}": "x" for number in range(900)}).status == 200
    for status, answer in {
        400: site.ask("/%"),
        414: site.ask("/?" + "x" * 8200),
        431: site.ask("/", Cookie="x" * 8200),
    }.items():
        assert (answer.status, answer.headers["Content-Type"]) == (status, "text/html"), answer.text
        assert f"Error {status}" in answer.text and "<style>" in answer.text and "nginx" not in answer.text


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
        wait_for(lambda: site.ask("/").status != 200, 10)  # nginx counts a request when it has read the head of it
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


# ---- slow clients -------------------------------------------------------------------------------------------------


@pytest.fixture
def doors(site: Site) -> Iterator[None]:
    """The site on port 8080 without TLS (slowhttptest sends no SNI), and the app's gunicorn alone on port 8000."""
    site.host.run("apt-get -qq update && apt-get -qq install --yes --no-install-recommends slowhttptest")
    conf = "/etc/nginx/slipway/sites/edge.conf"
    site.host.run(f"cp {conf} /root/edge.conf && sed -i '0,/listen 443/s//listen 8080; listen 443/' {conf}")
    site.host.run("nginx -t && systemctl reload nginx")
    here = "/srv/edge/current"
    site.host.run(
        f"systemd-run --quiet --unit=bare --uid=edge --setenv=RELEASE_ID=bare --working-directory={here}/src "
        f"{here}/venv/bin/gunicorn --bind 0.0.0.0:8000 --worker-class gthread --workers 3 --threads 4 app:app"
    )
    try:
        wait_for(lambda: {slow_clients.visit(site.host, port) is None for port in (8080, 8000)} == {False}, 20)
        yield
    finally:
        site.host.run(f"systemctl stop bare; mv /root/edge.conf {conf} && systemctl reload nginx")


def test_slow_clients_keep_nobody_waiting(site: Site, doors: None) -> None:
    """The busy machine that tests run on adds the same to both sides, and sometimes 50 ms to one of them."""
    table = [f"{'':38}median        p99"]
    through, alone = {}, {}
    for kind in slow_clients.ATTACKS:
        quiet = slow_clients.one_by_one(site.host, 8080, 150)
        with slow_clients.attack(site.host, kind, 8080):
            wait_for(lambda: slow_clients.settled(site.host, 8080), 20)
            during = slow_clients.one_by_one(site.host, 8080, 300)
            assert slow_clients.held(site.host, 8080) >= slow_clients.HELD, "the attack did not last"
        quiet += slow_clients.one_by_one(site.host, 8080, 150)
        through[kind] = (quiet, during)
        table += [f"nginx, quiet                       {quiet}", f"nginx, 400 {kind:23} {during}"]
    for kind in ("slow headers", "slow bodies"):  # slow readers of a megabyte are served by the kernel's buffers
        with slow_clients.attack(site.host, kind, 8000):
            wait_for(lambda: slow_clients.settled(site.host, 8000), 20)  # connected is not yet having sent a request
            alone[kind] = slow_clients.together(site.host, 8000, 10)
        table.append(f"gunicorn alone, 400 {kind:14} {alone[kind]}")
    ROOT.joinpath(".slipway/logs").mkdir(parents=True, exist_ok=True)
    ROOT.joinpath(".slipway/logs/slow-clients.txt").write_text("\n".join(table) + "\n")
    print("\n".join(table))
    for quiet, during in through.values():
        assert (quiet.lost, during.lost) == (0, 0)
        assert during.median <= 2 * quiet.median + 0.01
        assert during.p99 <= 2 * quiet.p99 + 0.05
    assert all(bare.lost >= 5 for bare in alone.values()), "the attack is none"


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
                  f"ln -sfn /srv/edge/shared/secret {folder}/link.csv && chown -h edge: {folder}/link.csv")  # fmt: skip
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
        for method, path in (("POST", "/login"), ("PUT", "/own/500"), ("GET", "/events")):
            assert site.ask(path, method, **JSON).status == 503, path
        assert site.ask("/static/app.css").status == 200  # for whoever has a page open already
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


def test_an_app_gets_nothing_of_another_through_nginx(site: Site, tmp_path: Path) -> None:
    edge = {**DESCRIPTION, "source": {"path": str(site.folder)}}
    attack = Attack(site.host, tmp_path)
    site.project.write({**attack.settings, "slipway_apps": [edge, *attack.apps]})
    site.project.good("site.yml")
    attack.everything()
