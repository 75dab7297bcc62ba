# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Two web hosts behind an edge: what visitors and attackers meet while hosts are taken out, put back, and die."""

from __future__ import annotations

import http.client
import shutil
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import SEVERAL, machine
from fleet import DOMAIN, Fleet
from helpers import Connection, Host, wait_for
from stock import image

pytestmark = pytest.mark.once("13")

CODE = """import os
import socket
import threading
import time

from flask import Flask, jsonify, request

app = Flask(__name__)
orders: list[str] = []


@app.get("/")
def index() -> object:
    return jsonify(host=socket.gethostname(), address=request.headers["X-Forwarded-For"],
                   proto=request.headers["X-Forwarded-Proto"], verified=request.headers.get("X-SSL-Client-Verify", ""))


@app.get("/healthz")
def healthz() -> str:
    return "well"


@app.get("/slow")
def slow() -> object:
    time.sleep(3)
    return jsonify(host=socket.gethostname())


@app.post("/orders/<number>")
def order(number: str) -> object:
    orders.append(number)
    return jsonify(host=socket.gethostname())


@app.get("/orders")
def all_orders() -> object:
    return jsonify(orders)
"""

SILENT = """import socket

server = socket.socket(socket.AF_UNIX)
server.bind("/run/slipway-edge/shop.sock")
server.listen()
seen = set()
while True:
    client, _ = server.accept()
    method, path = client.recv(65536).decode().split()[:2]
    with open("/run/slipway-edge/seen", "a") as file:
        print(method, path, file=file)
    status = "200 OK" if (method, path) in seen else "502 Bad Gateway" if "502" in path else ""
    if status:
        client.sendall(f"HTTP/1.1 {status}\\r\\nContent-Length: 5\\r\\nConnection: close\\r\\n\\r\\nagain".encode())
    seen.add((method, path))
    client.close()
"""
"""In HAProxy's place: closes the first connection for each path without a response, or answers 502."""


class Shop(Fleet):
    """web1 and web2 behind edge1."""

    def __init__(self, folder: Path, hosts: dict[str, Host]) -> None:
        super().__init__(folder, hosts, {"web": ["web1", "web2"], "edge": ["edge1"]})
        self.edge = hosts["edge1"]
        (self.code / "static").mkdir()
        (self.code / "app.py").write_text(CODE)
        (self.code / "static/style.css").write_text("body { color: black }\n")
        shop = {
            "name": "shop", "domains": [DOMAIN], "wsgi": "app:app", "source": {"path": str(self.code)},
            "database": "none", "secret_key_variable": "", "health_path": "/healthz", "watch_seconds": 0,
            "static": {"/static/": "static"}, "workers": 1, "threads": 8,
        }  # fmt: skip
        self.write({"slipway_apps": [shop]})


class Visitors:
    """Requests all the time, from several at once, each over a connection of its own."""

    def __init__(self, address: str) -> None:
        self.address, self.over = address, threading.Event()
        self.answers, self.sent = Counter[tuple[str, int | str]](), Counter[str]()
        self.confirmed, self.hosts, self.slowest = list[str](), Counter[str](), 0.0
        self.lock = threading.Lock()

    def ask(self, method: str, path: str) -> tuple[int, bytes]:
        connection = Connection(self.address, DOMAIN, timeout=30)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def visit(self, number: int) -> None:
        turn = 0
        while not self.over.wait(0.05):
            turn += 1
            kind = ("GET", "POST", "SLOW")[number % 3]
            path = {"GET": "/", "POST": f"/orders/{id(self)}-{number}-{turn}", "SLOW": "/slow"}[kind]
            started = time.monotonic()
            try:
                status, body = self.ask("POST" if kind == "POST" else "GET", path)
            except (OSError, http.client.HTTPException) as error:
                status, body = f"{type(error).__name__}: {error}", b""  # type: ignore[assignment]
            with self.lock:
                self.sent[kind] += 1
                self.answers[kind, status] += 1
                self.slowest = max(self.slowest, time.monotonic() - started)
                if status == 200:
                    self.hosts[yaml.safe_load(body)["host"]] += 1
                    self.confirmed += [path.rpartition("/")[2]] * (kind == "POST")

    def failures(self, kind: str = "") -> dict[tuple[str, int | str], int]:
        return {key: count for key, count in self.answers.items() if key[1] != 200 and kind in ("", key[0])}


@contextmanager
def visitors(address: str) -> Iterator[Visitors]:
    """Visitors of the site while the block runs; some have sent requests by the time it begins."""
    load = Visitors(address)
    threads = [threading.Thread(target=load.visit, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    try:
        wait_for(lambda: load.answers.total() > 12, 30)
        yield load
        time.sleep(0.5)
    finally:
        load.over.set()
        for thread in threads:
            thread.join()


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with ExitStack() as stack:
        hosts = {
            name: stack.enter_context(machine(f"edge-{name}", SEVERAL, made_of=image(SEVERAL)))
            for name in ("web1", "web2", "edge1")
        }
        made = Shop(tmp_path_factory.mktemp("fleet"), hosts)
        made.good("site.yml")
        yield made
        shutil.rmtree(made.sockets, ignore_errors=True)


@pytest.fixture
def host(fleet: Shop) -> Host:
    """The host whose journal is shown when a test fails."""
    return fleet.edge


@pytest.fixture
def edge(fleet: Shop, host: Host) -> Shop:
    """Both hosts serve through the edge; the journal of HOST is shown when a test fails."""
    wait_for(lambda: states(fleet.edge) == {"web1": "UP", "web2": "UP"}, 60)
    return fleet


def haproxy(edge: Host, command: str) -> str:
    """Return what HAProxy says to a command of its administrator."""
    script = (
        "import socket; s = socket.socket(socket.AF_UNIX); s.connect('/run/slipway-edge/admin.sock'); "
        f"s.sendall(b'{command}\\n'); print(b''.join(iter(lambda: s.recv(9999), b'')).decode())"
    )
    return edge.run(f'python3 -c "{script}"')


def states(edge: Host) -> dict[str, str]:
    rows = [line.split(",") for line in haproxy(edge, "show stat shop 4 -1").splitlines()[1:] if "," in line]
    return {row[1]: row[17].split()[0] for row in rows}


def get(host: Host, path: str = "/", headers: dict[str, str] | None = None) -> tuple[int, Any, Any]:
    connection = Connection(host.address, DOMAIN)
    try:
        connection.request("GET", path, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read().decode()
    finally:
        connection.close()


def orders(host: Host) -> list[str]:
    """Return the orders that the app has taken on a host, from the app itself."""
    script = (
        "import socket; s = socket.socket(socket.AF_UNIX); s.connect('/srv/shop/current/run/gunicorn.sock'); "
        "s.sendall(b'GET /orders HTTP/1.0\\r\\nHost: shop.example.org\\r\\n\\r\\n'); "
        "print(b''.join(iter(lambda: s.recv(65536), b'')).decode().partition('\\r\\n\\r\\n')[2])"
    )
    return list(yaml.safe_load(host.run(f'python3 -c "{script}"')))


def test_visitors_are_served_by_both_hosts_under_their_own_address(edge: Shop) -> None:
    pages = [yaml.safe_load(get(edge.edge, headers={"X-Forwarded-For": "203.0.113.9", "X-SSL-Client-Verify": "SUCCESS"})[2])
             for _ in range(10)]  # fmt: skip
    assert {page["host"] for page in pages} == {edge.hosts[name].run("hostname") for name in ("web1", "web2")}
    mine = edge.edge.run("ip -4 route show default").split()[2]  # visitors come from this machine
    assert {(page["address"], page["proto"], page["verified"]) for page in pages} == {(mine, "https", "")}


def test_headers_and_static_files_are_those_of_a_single_host(edge: Shop) -> None:
    _, headers, _ = get(edge.edge)
    assert headers.get_all("X-Content-Type-Options") == ["nosniff"]
    assert headers.get_all("X-Request-ID") is not None
    assert get(edge.edge, "/static/style.css")[::2] == (200, "body { color: black }\n")
    assert get(edge.edge, "/static/none.css")[0] == 404


def test_a_file_is_found_on_a_host_that_the_edge_has_not_asked_before(edge: Shop) -> None:
    """The first attempt goes to the other host, over a connection that was kept."""
    for name in ("web1", "web2"):
        folder = edge.hosts[name].run("readlink -f /srv/shop/current/vetted/static").strip()
        edge.hosts[name].run(f"echo new > {folder}/new.css")
        edge.edge.run("systemctl reset-failed slipway-edge; systemctl restart slipway-edge")
        wait_for(lambda: states(edge.edge) == {"web1": "UP", "web2": "UP"}, 60)
        haproxy(edge.edge, f"disable server shop.static/{name}")
        assert get(edge.edge, "/static/style.css")[0] == 200
        haproxy(edge.edge, f"enable server shop.static/{name}")
        assert [get(edge.edge, f"/static/{file}.css")[0] for file in ("none", "new")] == [404, 200]
        edge.hosts[name].run(f"rm {folder}/new.css")


def test_nobody_gets_past_the_edge(edge: Shop) -> None:
    """Even without a firewall: from another address than an edge's, a host has no page, and believes no header."""
    for name in ("web1", "web2"):
        try:
            status, _, page = get(edge.hosts[name], headers={"X-Forwarded-For": "127.0.0.1"})
        except OSError:
            continue  # the firewall
        assert (status, '"host"' in page) == (403, False)


def test_who_scans_a_host_learns_of_no_site(edge: Shop) -> None:
    """Asked without a name, a host shows the certificate that its edges know, which names the host; asked for any other, none."""
    ask = "openssl s_client -connect localhost:443 {} </dev/null 2>&1"
    shown = edge.hosts["web1"].run(ask.format("-noservername"))
    assert "CN = web1.slipway.internal" in shown.replace("CN=", "CN = ")
    assert DOMAIN not in shown
    refused = edge.hosts["web1"].ask(ask.format("-servername unknown.example.org"))
    assert "no peer certificate available" in refused.stdout


def test_a_host_goes_out_and_comes_back_without_a_lost_request(edge: Shop) -> None:
    name = edge.hosts["web2"].run("hostname")
    with visitors(edge.edge.address) as load:
        said = edge.good("playbooks/hosts.yml", "-e", "out=web2").output
        assert "edge1: web2 is out; -e in=web2 puts it back" in said
        before = load.hosts[name]
        wait_for(lambda: load.answers.total() > 300, 60)
        assert load.hosts[name] == before
        edge.hosts["web2"].run("systemctl stop nginx")  # what it was taken out for
        edge.hosts["web2"].run("systemctl start nginx")
        assert "edge1: web2 is in" in edge.good("playbooks/hosts.yml", "-e", "in=web2").output
        wait_for(lambda: load.hosts[name] > before, 60)
    assert load.failures() == {}


def test_a_host_that_is_out_stays_out_until_it_is_put_back(edge: Shop) -> None:
    edge.good("playbooks/hosts.yml", "-e", "out=web2")
    refused = edge.play("playbooks/hosts.yml", "-e", "out=web1")
    assert refused.code != 0
    assert "web1 is the last host that serves shop" in refused.output
    edge.edge.run("systemctl restart slipway-edge")
    wait_for(lambda: states(edge.edge) == {"web1": "UP", "web2": "MAINT"}, 30)
    again = edge.good("site.yml")
    assert again.count("changed") == 0, again.output
    edge.edge.run("systemctl reload slipway-edge")
    wait_for(lambda: states(edge.edge) == {"web1": "UP", "web2": "MAINT"}, 30)
    shown = edge.good("playbooks/hosts.yml").output
    assert "out since" in shown
    edge.hosts["web2"].run("systemctl stop nginx")
    sick = edge.play("playbooks/hosts.yml", "-e", "in=web2")
    edge.hosts["web2"].run("systemctl start nginx")
    assert sick.code != 0
    assert "web2 was not put back" in sick.output
    edge.good("playbooks/hosts.yml", "-e", "in=web2")


def test_reloads_of_the_edge_lose_no_request(edge: Shop) -> None:
    with visitors(edge.edge.address) as load:
        for unit in ("slipway-edge", "nginx", "slipway-edge", "nginx"):
            edge.edge.run(f"systemctl reload {unit}")
            seen = load.answers.total()
            wait_for(lambda seen=seen: load.answers.total() > seen + 20, 30)
        for name in ("web1", "web2"):
            edge.hosts[name].run("systemctl reload nginx")
            seen = load.answers.total()
            wait_for(lambda seen=seen: load.answers.total() > seen + 20, 30)
    assert load.failures() == {}


def test_a_host_that_dies_costs_only_what_must_not_be_repeated(edge: Shop) -> None:
    """It disappears without a word, as when power fails: GETs are answered by the other, a POST on its way gets 502."""
    web2 = edge.hosts["web2"]
    gateway = web2.run("ip -4 route show default")
    with visitors(edge.edge.address) as load:
        web2.run("ip link set eth0 down")
        try:
            wait_for(lambda: states(edge.edge)["web2"] == "DOWN", 30)
            seen = load.answers.total()
            wait_for(lambda: load.answers.total() > seen + 100, 60)
        finally:
            web2.run(f"ip link set eth0 up; ip route replace {gateway}")
    print(dict(load.answers), "slowest", round(load.slowest, 1))
    assert load.failures("GET") == {} == load.failures("SLOW")
    assert {status for _, status in load.failures("POST")} <= {502, 503, 504}
    assert sum(load.failures("POST").values()) <= 2  # of those two visitors, each had at most one on its way
    wait_for(lambda: states(edge.edge)["web2"] == "UP", 60)
    done = Counter(number for name in ("web1", "web2") for number in orders(edge.hosts[name]))
    assert not [number for number, times in done.items() if times > 1]
    assert set(load.confirmed) <= set(done)


def test_nginx_asks_again_when_haproxy_has_no_response_but_never_posts_again(edge: Shop) -> None:
    """When a connection that HAProxy had kept to a host breaks, and there is no attempt left: it answers the first request of a
    connection with 502, and closes at a later one."""
    host, place = edge.edge, "/run/slipway-edge"
    host.run("systemctl stop slipway-edge")
    try:
        host.run(f"rm -f {place}/shop.sock; systemd-run --quiet --unit silent python3 -c '{SILENT}'")
        host.run(f"until test -S {place}/shop.sock; do :; done; chmod 666 {place}/shop.sock")
        assert get(host, "/closed")[::2] == get(host, "/502")[::2] == (200, "again")
        for path in ("/orders/1", "/orders/502"):
            connection = Connection(host.address, DOMAIN)
            connection.request("POST", path)
            assert connection.getresponse().status == 502
            connection.close()
        seen = ["GET /closed"] * 2 + ["GET /502"] * 2 + ["POST /orders/1", "POST /orders/502"]
        assert host.run(f"cat {place}/seen").splitlines() == seen
    finally:
        host.run(f"systemctl stop silent; rm -f {place}/seen {place}/shop.sock; systemctl start slipway-edge")
