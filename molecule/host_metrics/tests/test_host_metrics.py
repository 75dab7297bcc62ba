# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a host tells of itself and to whom, what it forgets when it is interrupted, and what an app on it can find out."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import quote

import pytest
from testinfra.host import Host

T = TypeVar("T")
PORTS = {"node": 9100, "prometheus": 9090}
PATIENCE = 90.0
"""Seconds until something that must come has come: a scrape is due every 15."""
GET = """python3 - %s %s <<'END'
import base64, sys, urllib.error, urllib.request
url, server = sys.argv[1:]
request = urllib.request.Request(url)
if server != "nobody":
    with open(f"/etc/slipway/metrics/{server}.password") as file:
        word = base64.b64encode(f"slipway:{file.read().strip()}".encode()).decode()
    request.add_header("Authorization", f"Basic {word}")
try:
    print(urllib.request.urlopen(request, timeout=10).read().decode())
except urllib.error.HTTPError as error:
    print(f"HTTP {error.code}")
except OSError as error:
    print(f"no answer: {error}")
END"""


def get(host: Host, server: str, path: str, who: str = "") -> str:
    """Return what a SERVER answers on the host itself to somebody with its password, or `nobody`."""
    return str(host.check_output(GET, f"http://127.0.0.1:{PORTS[server]}{path}", who or server))


def query(host: Host, text: str) -> list[dict[str, Any]]:
    """Return what Prometheus answers to a question; nothing while it does not answer."""
    said = get(host, "prometheus", f"/api/v1/query?query={quote(text)}")
    try:
        found: list[dict[str, Any]] = json.loads(said)["data"]["result"]
    except (ValueError, KeyError, TypeError):
        return []
    return found


def wait(host: Host, what: Callable[[], T], why: str) -> T:
    """Return what WHAT returns once that is something; fail with how the host is."""
    until = time.monotonic() + PATIENCE
    while not (found := what()):
        if time.monotonic() > until:
            units = "slipway-metrics prometheus prometheus-node-exporter"
            pytest.fail(
                f"{why}\n{host.run(f'systemctl status --no-pager --lines 15 {units}; ls -l /run/slipway-metrics').stdout}"
            )
        time.sleep(0.5)
    return found


def test_the_collector_runs_and_all_of_its_parts_are_up(host: Host) -> None:
    told = host.check_output("cat /run/slipway-metrics/collector.prom")
    parts = dict(re.findall(r'^slipway_collector_up\{part="(\w+)"\} (\d)$', told, re.MULTILINE))
    assert {"releases", "processes", "postgres", "requests"} <= set(parts)
    assert set(parts.values()) == {"1"}, told


def test_nothing_listens_for_everybody(host: Host) -> None:
    listening = re.findall(r"^LISTEN\s+\S+\s+\S+\s+(\S+)", host.check_output("ss -Hltn"), re.MULTILINE)
    assert {"127.0.0.1:9090", "127.0.0.1:9100"} <= set(listening)
    # sshd, and nginx for the page.
    public = {f"{address}:{port}" for address in ("0.0.0.0", "[::]") for port in (22, 80, 443)}
    public = {address.rpartition(":")[2] for address in listening if not address.startswith(("127.", "[::1]"))}
    assert public <= {"22", "80", "443"}, "SSH and nginx are there without metrics as well"


def test_the_packages_own_servers_have_never_run_as_they_come(host: Host) -> None:
    said = host.check_output(
        "journalctl --no-pager --output=cat --unit=prometheus.service --unit=prometheus-node-exporter.service"
    )
    assert "condition" in said.lower(), "the start that the packages ask for was skipped"
    assert not re.search(r'address="?(\[::\]|0\.0\.0\.0|):9\d\d0', said)


@pytest.mark.parametrize("server", PORTS)
def test_without_its_password_a_server_says_nothing(host: Host, server: str) -> None:
    assert get(host, server, "/metrics", "nobody").strip() == "HTTP 401"
    assert "# TYPE" in get(host, server, "/metrics")


def test_an_app_of_the_host_can_read_no_password(host: Host) -> None:
    for path in ("/etc/slipway/metrics", "/etc/slipway/metrics.json", "/etc/prometheus/slipway/web/node.password"):
        assert host.run("runuser -u nobody -- cat %s/node.password %s", path, path).stdout == ""
    assert host.file("/etc/slipway/metrics").mode == 0o700
    passwords = host.check_output("cat /etc/slipway/metrics/*.password").split()
    seen = host.check_output("ps axeww -o args; journalctl --no-pager --output=cat")
    assert not [word for word in passwords if word in seen]


LISTEN = """
import socket
one = socket.socket()
one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
one.bind(("127.0.0.1", {port}))
one.listen()
open("/tmp/squatter-{port}", "w").close()
client, _ = one.accept()
print("got:", client.recv(1000).decode(), flush=True)
"""
CONNECT = """
import socket
try:
    with socket.create_connection(("127.0.0.1", {port}), 3) as one:
        one.sendall(b"its password")
except TimeoutError:
    print("nobody answers")
"""


@pytest.mark.parametrize("unit", ["prometheus-node-exporter", "prometheus-alertmanager"])
def test_who_listens_in_the_place_of_a_server_that_restarts_is_sent_no_password(host: Host, unit: str) -> None:
    port = {"prometheus-node-exporter": "9100", "prometheus-alertmanager": "9093"}[unit]
    host.check_output("systemctl stop %s", unit)
    try:
        host.check_output(
            "rm -f /tmp/squatter-%s; systemd-run --quiet --unit=squatter --uid=nobody -- python3 -c %s",
            port,
            LISTEN.format(port=port),
        )
        wait(host, lambda: host.file(f"/tmp/squatter-{port}").exists, "nobody listens")
        assert host.check_output("python3 -c %s", CONNECT.format(port=port)) == "nobody answers"
        assert "its password" not in host.check_output("journalctl --no-pager --output=cat --unit=squatter")
        # What empties the rules of all brings these back.
        host.check_output("systemctl restart nftables")
        assert host.check_output("python3 -c %s", CONNECT.format(port=port)) == "nobody answers"
    finally:
        host.run(
            "systemctl stop squatter; systemctl reset-failed squatter; systemctl stop nftables; systemctl start slipway-firewall"
        )
        host.run("systemctl restart slipway-metrics-ports")
        host.check_output("systemctl start %s", unit)
    assert host.service(unit).is_running


def test_the_collector_and_the_host_itself_are_in_the_store(host: Host) -> None:
    up = wait(host, lambda: len(query(host, "up == 1")) >= 2, "Prometheus does not ask both")
    assert up
    name = host.backend.name
    found = wait(
        host, lambda: query(host, 'slipway_collector_up{part="releases"}'), "the collector's series don't come"
    )
    assert (found[0]["metric"]["job"], found[0]["metric"]["instance"], found[0]["value"][1]) == ("node", name, "1")
    wanted = ("node_memory_MemAvailable_bytes", 'node_filesystem_avail_bytes{mountpoint="/"}', "node_timex_sync_status",
              'node_systemd_unit_state{name="slipway-metrics.service",state="active"} == 1', "node_boot_time_seconds")  # fmt: skip
    assert {text: len(query(host, text)) for text in wanted} == dict.fromkeys(wanted, 1)
    assert query(host, "node_scrape_collector_success == 0") == []
    assert query(host, "node_textfile_scrape_error == 1") == []


def test_what_nobody_asks_for_is_not_kept(host: Host) -> None:
    wait(host, lambda: query(host, "up"), "Prometheus does not answer")
    assert query(host, 'node_systemd_unit_state{state="inactive"}') == []
    assert query(host, '{__name__=~"go_.*|promhttp_.*"}') == []
    series = int(query(host, 'count({__name__=~".+"})')[0]["value"][1])
    assert series < 1500, "a host without apps has a few hundred"


def test_a_store_that_is_killed_comes_back_and_has_lost_nothing_that_it_had(host: Host) -> None:
    asked = "up{job='node'}[1d]"
    before = wait(host, lambda: query(host, asked), "Prometheus has not asked yet")[0]["values"]
    show = "systemctl show --property=MainPID --value prometheus.service"
    old = host.check_output(show)
    host.check_output("kill -9 %s", old)
    wait(host, lambda: host.check_output(show) not in ("0", old), "systemd does not start Prometheus again")
    after = wait(host, lambda: query(host, asked), "Prometheus does not answer after it was killed")[0]["values"]
    assert after[: len(before)] == before


def test_a_collector_that_is_killed_comes_back(host: Host) -> None:
    old = host.check_output("systemctl show --property=MainPID --value slipway-metrics.service")
    host.check_output("kill -9 %s", old)
    is_new = "systemctl show --property=ActiveState,MainPID slipway-metrics.service"
    said = wait(
        host,
        lambda: (
            (now := host.check_output(is_new))
            and "ActiveState=active" in now
            and f"MainPID={old}" not in now.split()
            and now
        ),
        "systemd does not start the collector again",
    )
    assert said


def test_the_store_is_bounded_in_days_disk_and_memory(host: Host) -> None:
    flags = json.loads(get(host, "prometheus", "/api/v1/status/flags"))["data"]
    assert flags["storage.tsdb.retention.time"] in ("30d", "4w2d")
    assert flags["storage.tsdb.retention.size"] == "1GiB"
    assert (flags["web.enable-admin-api"], flags["web.enable-lifecycle"]) == ("false", "false")
    shown = host.check_output("systemctl show --property=MemoryMax,Environment prometheus.service")
    assert f"MemoryMax={256 * 1024 * 1024}" in shown
    assert "GOMEMLIMIT=" in shown


def test_all_services_of_metrics_are_looked_at_for_their_rights(exposed: dict[str, float]) -> None:
    assert {
        "slipway-metrics.service", "slipway-metrics-secrets.service", "slipway-metrics-psql@one.service",
        "slipway-metrics-ports.service", "prometheus.service", "prometheus-node-exporter.service",
        "prometheus-alertmanager.service", "slipway-logs.service",
    } <= set(exposed)  # fmt: skip
    assert exposed["prometheus.service"] <= 1.0


def test_show_prints_what_the_node_exporter_would_tell(host: Host) -> None:
    said = host.run("slipway-metrics show")
    assert said.rc == 0, said.stderr
    assert 'slipway_collector_up{part="host"} 1' in said.stdout


def test_nobody_but_the_servers_reads_what_the_collector_has_found(host: Host) -> None:
    said = host.run("runuser -u nobody -- cat /run/slipway-metrics/collector.prom")
    assert (said.rc, "Permission denied" in said.stderr) == (1, True)
    assert host.check_output("stat -c %U:%G:%a /run/slipway-metrics /run/slipway-metrics/host.prom").split() == [
        "root:prometheus:750",
        "root:prometheus:640",
    ]
