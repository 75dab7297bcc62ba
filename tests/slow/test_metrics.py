# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What the page says of a site's traffic is what its visitors met, whatever becomes of what measures it.

The app is tests/slow/metrics_app. The tests run in the file's order on one host.
"""

from __future__ import annotations

import json
import random
import re
import shutil
import threading
import time
from base64 import b64encode
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import yaml
from helpers import ROOT, Connection, Host, Project, Visitor, wait_for

pytestmark = pytest.mark.once("13")

DOMAIN, THREADS = "shop.example.org", 12
APP: dict[str, Any] = {
    "name": "shop",
    "domains": [DOMAIN],
    "wsgi": "app:app",
    "database": "none",
    "secret_key_variable": "",
    "workers": 1,
    "threads": THREADS,
    "timeout_seconds": 40,
    "static": {"/static/": "static"},
    "metrics_path": "/metrics",
}
ORDERS = 5
TOLD_SECONDS = 120
"""A figure that is asked for after that is not there: nginx' log, the collector and the store take 31 s at most together."""
PAGE = json.loads((ROOT / "roles/host_dashboard/files/page/queries.json").read_text())
WINDOW = PAGE["ranges"]["1h"]["window"]
STEP = 0.25
"""Seconds between two points of a curve whose area is taken."""
ASK = """
import base64, json, pathlib, sys, urllib.request
word = pathlib.Path("/etc/slipway/metrics/prometheus.password").read_text().strip()
request = urllib.request.Request("http://127.0.0.1:9090/api/v1/" + sys.argv[1])
request.add_header("Authorization", "Basic " + base64.b64encode(f"slipway:{word}".encode()).decode())
print(urllib.request.urlopen(request, timeout=30).read().decode())
"""


class Store:
    """The host's Prometheus, asked as the page asks it."""

    def __init__(self, host: Host) -> None:
        self.host = host
        host.run(f"cat > /root/ask.py <<'END'\n{ASK}\nEND")

    def _ask(self, what: str, **query: Any) -> list[dict[str, Any]]:
        said = json.loads(self.host.run(f"python3 /root/ask.py '{what}?{urlencode(query)}'"))
        found: list[dict[str, Any]] = said["data"]["result"]
        return found

    def value(self, query: str) -> float:
        """Return the sum of what QUERY gives now, 0 for nothing."""
        return sum(float(one["value"][1]) for one in self._ask("query", query=query))

    def area(self, query: str, begin: float, end: float) -> float:
        """Return the area below the curve that QUERY gives: of a rate, how much there was."""
        curves = self._ask("query_range", query=query, start=begin, end=end, step=STEP)
        return sum(float(value) * STEP for one in curves for _, value in one["values"])

    def times(self, series: str, seconds: int) -> list[float]:
        """Return when a SERIES was written down within the last SECONDS."""
        return [float(at) for one in self._ask("query", query=f"{series}[{seconds}s]") for at, _ in one["values"]]


def page(chart: str, name: str) -> str:
    """Return the query of the page's CHART for the curve of that NAME, over an hour."""
    series = next(one["series"] for one in PAGE["charts"] if one["id"] == chart)
    query: str = next(one["query"] for one in series if one["name"] == name)
    return query.replace("$window", f"{WINDOW}s").replace("$app", 'app="shop"')


class Clients:
    """Visitors with connections that they keep; what they asked for, how it was answered, and how long that took."""

    def __init__(self, host: Host, number: int, method: str = "GET") -> None:
        self.host, self.number, self.method = host, number, method
        self.lock = threading.Lock()
        self.answers, self.seconds, self.failures = Counter[int](), list[float](), list[str]()

    def ask(self, paths: Iterable[str]) -> None:
        """Ask for all PATHS, as many at once as there are visitors."""
        left = iter(paths)
        with ThreadPoolExecutor(self.number) as pool:
            for _ in range(self.number):
                pool.submit(self._visit, left)

    def start(self, paths: Iterable[str]) -> threading.Thread:
        """Begin to ask for all PATHS."""
        thread = threading.Thread(target=self.ask, args=(paths,))
        thread.start()
        return thread

    def _visit(self, left: Iterator[str]) -> None:
        connection = Connection(self.host.address, DOMAIN, timeout=60)
        connection.connect()
        while True:
            with self.lock:
                path = next(left, "")
            if not path:
                connection.close()
                return
            began = time.monotonic()
            try:
                connection.request(self.method, path)
                answer = connection.getresponse()
                answer.read()
            except Exception as error:
                self.failures.append(f"{time.strftime('%X')} {path}: {type(error).__name__}: {error}")
                connection.close()
                continue
            with self.lock:
                self.answers[answer.status] += 1
                self.seconds.append(time.monotonic() - began)


def p95(seconds: Iterable[float]) -> float:
    ordered = sorted(seconds)
    return ordered[int(len(ordered) * 0.95)]


PUT = 'requests_total{code="2xx",method="PUT"'
"""Who watches whether the site is up asks with GET, and is one of its visitors."""
CALM = 180
"""Requests of a second to three: far more than a busy machine keeps its clients waiting."""
CURVE = page("requests", "{{code}}").replace("{app", '{code="2xx",method="PUT",app')


@pytest.fixture(scope="module")
def host_with_page(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Host:
    folder = tmp_path_factory.mktemp("app") / "shop"
    shutil.copytree(Path(__file__).with_name("metrics_app"), folder)
    (folder / "static").mkdir()
    (folder / "static/app.css").write_text("a { color: red }\n" * 100)
    project.write({"slipway_metrics": "local", "slipway_apps": [{**APP, "source": {"path": str(folder)}}]})
    project.good("site.yml")
    return project.host


@pytest.fixture(scope="module")
def store(host_with_page: Host) -> Store:
    made, visitor = Store(host_with_page), Visitor(host_with_page, DOMAIN)
    for _ in range(ORDERS):
        assert visitor.post("/orders", {}).status == 201
    # The first minute of a counter is drawn too low: Prometheus can't tell that it was 0 before.
    Clients(host_with_page, THREADS, "PUT").ask(["/tasks/1?ms=0"] * CALM)
    wait_for(lambda: made.value('slipway_http_requests_total{app="shop"}') >= 0, TOLD_SECONDS, 1)
    wait_for(lambda: made.times('slipway_http_requests_total{app="shop",code="2xx",method="GET"}', 60), TOLD_SECONDS, 1)
    return made


@contextmanager
def told(host: Host, *units: str) -> Iterator[None]:
    """Say on failure how UNITS are and what they have said."""
    try:
        yield
    except AssertionError as error:
        said = host.ask(f"systemctl status --no-pager --lines=15 {' '.join(units)} | cut -c1-200").stdout
        files = host.ask("grep -v '^#' /run/slipway-metrics/*.prom | grep -v _bucket | grep -v ' 0$'").stdout
        raise AssertionError(f"{error}\n{said}\n{files}") from error


UNITS = ("slipway-metrics.service", "prometheus-node-exporter.service", "prometheus.service")


def kill(host: Host, *units: str) -> None:
    """Kill the processes of UNITS, and wait until others are there."""

    def state() -> dict[str, str]:
        return {
            unit: host.run(f"systemctl show --property=MainPID --property=ActiveState --value {unit}") for unit in units
        }

    before = state()
    host.run(f"systemctl kill --signal=KILL --kill-whom=main {' '.join(units)}")
    wait_for(lambda: all("active" in one.split() and one != before[unit] for unit, one in state().items()), 120)


def counted(store: Store, what: str) -> float:
    return store.value(f'slipway_http_{what},app="shop"}}')


def test_every_request_is_counted_once_while_all_that_measures_is_killed(host_with_page: Host, store: Store) -> None:
    host, clients, over = host_with_page, Clients(host_with_page, THREADS), threading.Event()
    before, begin = counted(store, 'requests_total{code="5xx"'), time.time()
    load = clients.start(iter(lambda: "" if over.is_set() else "/fails?ms=100", ""))
    with told(host, *UNITS):
        try:
            kill(host, *UNITS)
            for _ in range(2):  # nginx goes on writing to the old log until it is told
                host.run("logrotate --force --state /root/rotated /etc/nginx/slipway/logrotate.conf")
            kill(host, UNITS[0])
        finally:
            over.set()
            load.join()
        assert (clients.failures, list(clients.answers)) == ([], [500])
        wait_for(lambda: counted(store, 'requests_total{code="5xx"') - before >= clients.answers[500], TOLD_SECONDS, 1)
        assert counted(store, 'requests_total{code="5xx"') - before == clients.answers[500]
        # A store that was killed has lost a minute at most.
        at = store.times(
            'slipway_http_requests_total{app="shop",code="5xx",method="GET"}', round(time.time() - begin) + 30
        )
        assert max(after - one for one, after in zip(at, at[1:], strict=False)) <= 60


def test_a_worker_that_hangs_is_told_with_those_who_wait_for_it(host_with_page: Host) -> None:
    host, clients = host_with_page, Clients(host_with_page, 4)

    def now(name: str) -> float:
        return float(host.run(f"grep '^slipway_gunicorn_{name}{{' /run/slipway-metrics/gunicorn.prom").split()[-1])

    with told(host, "slipway-metrics.service", "'shop@*.service'"):
        before = now("worker_timeouts_total")
        host.run("kill -STOP $(pgrep -n -u shop -f bin/gunicorn)")
        load = clients.start(["/fails"] * 4)
        wait_for(lambda: now("backlog") > 0, 60)
        wait_for(lambda: now("worker_timeouts_total") > before, 120)
        load.join()
        assert (now("worker_timeouts_total") - before, now("workers"), now("threads")) == (1, 1, THREADS)


@pytest.fixture(scope="module")
def began() -> list[float]:
    """When the calm load below began."""
    return []


def test_requests_p95_and_busy_threads_are_those_of_the_visitors(
    host_with_page: Host, store: Store, began: list[float]
) -> None:
    clients, chance = Clients(host_with_page, THREADS, "PUT"), random.Random(7)
    readers = Clients(host_with_page, 4)
    lengths = [chance.randrange(1000, 3000) for _ in range(CALM)]
    paths = [f"/tasks/{number}?ms={length}" for number, length in enumerate(lengths)]
    wait_for(lambda: counted(store, PUT) >= CALM, TOLD_SECONDS, 1)
    wait_for(lambda: store.value(CURVE) == 0, WINDOW + TOLD_SECONDS, 1)
    before, static = counted(store, PUT), counted(store, 'static_requests_total{code="2xx"')
    began.append(time.time())
    with told(host_with_page, *UNITS):
        readers.ask(["/static/app.css"] * 50)
        clients.ask(paths)
        assert (readers.failures + clients.failures, clients.answers) == ([], {200: CALM})
        wait_for(lambda: counted(store, PUT) - before >= CALM, TOLD_SECONDS, 1)
        assert counted(store, PUT) - before == CALM
        assert counted(store, 'static_requests_total{code="2xx"') - static == 50
        seconds = store.value(page("latency", "p95").replace(f"[{WINDOW}s]", f"[{time.time() - began[0]:.0f}s]"))
        # No visitor is answered before the app has ended. A busy machine that stops for two seconds keeps all clients
        # waiting for what the host has long sent: theirs alone is no measure of what nginx should have counted.
        assert 0.9 * p95(lengths) / 1000 <= seconds <= 1.1 * p95(clients.seconds)
        assert THREADS / 2 < store.value(page("saturation", "busy")) <= THREADS


def test_routes_are_told_without_what_visitors_put_in_their_addresses(host_with_page: Host) -> None:
    said = host_with_page.run("grep route_requests /run/slipway-metrics/requests.prom")
    assert 'route="/tasks/:id"' in said
    assert "ms=" not in said and "/tasks/1" not in said


def test_the_area_below_the_pages_curve_is_the_number_of_requests(
    host_with_page: Host, store: Store, began: list[float]
) -> None:
    with told(host_with_page, *UNITS):
        wait_for(lambda: store.value(CURVE) == 0, WINDOW + TOLD_SECONDS, 1)
        assert abs(store.area(CURVE, began[0] - 5, time.time()) - CALM) <= 0.01 * CALM


def test_the_apps_own_metrics_are_told_and_refused_to_visitors(host_with_page: Host, store: Store) -> None:
    with told(host_with_page, *UNITS):
        wait_for(lambda: store.value('shop_orders_total{app="shop",kind="book"}') == ORDERS, TOLD_SECONDS, 1)
    visitor = Visitor(host_with_page, DOMAIN)
    for path in ("/metrics", "/metrics/", "/metrics/x", "/metrics?x", "//metrics", "/%6Detrics", "/x/..%2fmetrics"):
        answer = visitor.get(path)
        assert (answer.status in (400, 404), "shop_orders" in answer.text) == (True, False), path
    for path in ("/metrics/../x", "/x/../metrics", "/./metrics"):
        assert visitor.get(path).status == 400, path
    assert visitor.get("/metricsx").status == 404
    assert visitor.get("/").status == 200


SCRAPE = {"domain": "metrics.shop.example.org", "password": "swift-copper-lantern"}


def scraped(host: Host, path: str, login: str) -> tuple[int, str]:
    """Return what somebody's own Prometheus is answered, with a LOGIN (user:password) or without one."""
    connection = Connection(host.address, SCRAPE["domain"])
    headers = {"Authorization": f"Basic {b64encode(login.encode()).decode()}"} if login else {}
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    found = answer.status, answer.read().decode()
    connection.close()
    return found


def test_scrape_alone_answers_who_has_the_password_and_stores_nothing(host_with_page: Host, project: Project) -> None:
    host, file = host_with_page, project.folder / "group_vars/all.yml"
    variables = yaml.safe_load(file.read_text())
    project.write({**variables, "slipway_metrics": "scrape", "slipway_scrape": SCRAPE})
    project.good("playbooks/provision.yml")
    login = f"scrape:{SCRAPE['password']}"
    with told(host, *UNITS):
        wait_for(lambda: 'slipway_process_up{app="shop"' in scraped(host, "/metrics", login)[1], TOLD_SECONDS, 1)
    assert {scraped(host, "/metrics", one)[0] for one in ("", "scrape:wrong", f"slipway:{SCRAPE['password']}")} == {401}
    for path in ("/api/v1/query?query=up", "/debug/pprof/", "/debug/pprof/heap"):
        assert scraped(host, path, login)[0] == 404, path
    assert host.ask("systemctl is-active prometheus prometheus-alertmanager").stdout.split() == ["inactive", "inactive"]
    assert not host.ok("systemctl is-enabled --quiet prometheus")
    listening = host.run("ss -Hltn | awk '{print $4}'")
    assert not re.search(r":(9090|9093)$", listening, re.MULTILINE), listening
    assert re.findall(r"^(\S+):9100$", listening, re.MULTILINE) == ["127.0.0.1"], listening
    assert project.good("playbooks/provision.yml").count("changed") == 0
