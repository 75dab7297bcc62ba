# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The logs of a site as its owner sees them: one time line, one request's way, and nothing that should not be in it.

The app logs as Flask does and knows nothing of requests' ids. The tests run in the file's order.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from helpers import Host, Play, Project, Visitor, wait_for
from log_receiver import NAME, LogReceiver
from logged_app import CODE, REQUIREMENTS
from otlp_receiver import OtlpReceiver

pytestmark = pytest.mark.once("13")

DOMAIN = "shop.example.org"
PLAYBOOK = "playbooks/logs.yml"
ARRIVES_SECONDS = 60
"""A line that has not come by then never does: they come within three seconds."""
APP: dict[str, Any] = {
    "name": "shop", "domains": [DOMAIN], "wsgi": "app:app", "workers": 1, "database": "local", "redis": "local",
    "watch_seconds": 0, "release_commands": [], "processes": {"worker": {"command": "flask worker"}},
    "secrets": {"SECRET_KEY": "canary-8d1f-90ab47e1"},
}  # fmt: skip


@pytest.fixture(scope="module")
def gateway(host: Host) -> str:
    """The address of this machine, as the host sees it."""
    return host.run("ip route show default | cut -d' ' -f3")


@pytest.fixture(scope="module")
def receiver(gateway: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LogReceiver]:
    """Where the logs are sent to."""
    with LogReceiver(gateway, tmp_path_factory.mktemp("receiver")) as found:
        yield found


@pytest.fixture(scope="module")
def traces(gateway: str) -> Iterator[OtlpReceiver]:
    """Where the traces are sent to."""
    with OtlpReceiver(gateway) as found:
        yield found


@pytest.fixture(scope="module")
def site(
    project: Project,
    gateway: str,
    receiver: LogReceiver,
    traces: OtlpReceiver,
    tmp_path_factory: pytest.TempPathFactory,
) -> Project:
    """The site, set up with addresses that are shortened; logs and traces go to this machine."""
    folder = tmp_path_factory.mktemp("app")
    (folder / "app.py").write_text(CODE)
    (folder / "requirements.txt").write_text(REQUIREMENTS)
    app = {**APP, "source": {"path": str(folder)}, "otel": {"endpoint": f"http://{gateway}:{traces.port}"}}
    syslog = {"host": gateway, "port": receiver.port, "name": NAME, "ca": receiver.authority}
    logs = {"mask": ["default", "iban"], "shorten_addresses": True, "ship": {"syslog": syslog}}
    project.write({"slipway_apps": [app], "slipway_logs": logs})
    project.good("site.yml")
    return project


@pytest.fixture(scope="module")
def visitor(host: Host, site: Project) -> Visitor:
    return Visitor(host, DOMAIN)


def shown(site: Project, *arguments: str) -> str:
    """Return what the playbook prints, which is nothing but the time line."""
    options = [word for argument in arguments for word in ("-e", argument)]
    return site.good(PLAYBOOK, *options).output


def entries(site: Project, *arguments: str) -> list[dict[str, Any]]:
    lines = shown(site, "format=json", *arguments).splitlines()
    return [json.loads(line) for line in lines]


def asked(visitor: Visitor, path: str, status: int = 200) -> str:
    """Ask for a page and return the request's id, which the answer has."""
    answer = visitor.get(path)
    assert answer.status == status, answer.text
    return str(answer.headers["X-Request-ID"])


def in_log(host: Host, request_id: str) -> None:
    """Wait until nginx has written the request's line, which it does within a second."""
    wait_for(lambda: host.ok(f"grep -q {request_id} /var/log/nginx/shop.access.log"), ARRIVES_SECONDS)


def test_one_time_line_has_what_all_parts_of_the_site_say_in_order(site: Project, host: Host, visitor: Visitor) -> None:
    in_log(host, asked(visitor, "/"))
    found = entries(site, "since=1h")
    assert {"nginx", "gunicorn", "app", "systemd", "worker", "redis", "release"} <= {one["source"] for one in found}
    times = [one["time"] for one in found]
    assert times == sorted(times)


def test_a_person_reads_aligned_lines_and_nothing_else(site: Project) -> None:
    first, *rest = shown(site, "process=web", "level=warning").splitlines()
    assert re.fullmatch(r"-- \d{4}-\d\d-\d\d \(UTC\) --", first)
    assert rest
    for line in rest:
        assert re.match(r"\d\d:\d\d:\d\d\.\d{3} (app|gunicorn|systemd) +(WARN |ERROR|CRIT ) ", line), line


def test_the_way_of_a_request_that_failed_is_shown_from_nginx_to_the_database(
    site: Project, host: Host, visitor: Visitor
) -> None:
    request_id, other = asked(visitor, "/boom?name=one", 500), asked(visitor, "/boom?name=two", 500)
    in_log(host, other)
    found = entries(site, f"request_id={request_id[:8]}")
    by_source = {one["source"]: one for one in found}
    assert {"nginx", "gunicorn", "app", "postgresql"} <= by_source.keys(), found
    said = "\n".join(one["message"] for one in found)
    assert "Exception on /boom [GET]" in said
    assert "psycopg.errors.UndefinedTable" in said  # the traceback's last line
    assert 'ERROR: relation "no_such_table_one" does not exist' in said
    assert "no_such_table_two" not in said
    assert other not in json.dumps(found)
    assert request_id[:8] not in shown(site, f"request_id={request_id}")  # it goes without saying


def test_the_way_of_a_request_goes_on_in_the_job_that_it_has_queued(
    site: Project, host: Host, visitor: Visitor
) -> None:
    answer = visitor.get("/queue?name=ann")
    job = answer.text
    wait_for(lambda: host.ok(f"journalctl -q -u 'shop.worker@*' -g 'Job OK.*{job}|{job}.*Job OK'"), ARRIVES_SECONDS)
    in_log(host, str(answer.headers["X-Request-ID"]))
    found = entries(site, f"request_id={answer.headers['X-Request-ID']}")
    assert any(one["source"] == "worker" and job in one["message"] for one in found), found


def test_no_secret_parameter_and_no_whole_address_is_in_the_access_logs(
    host: Host, site: Project, visitor: Visitor
) -> None:
    names = ("token", "Access_Token", "iban", "user%5Bpassword%5D", "sig")
    for number in range(len(names)):
        query = "&".join(f"{name}=canary-3b7c" for name in names[: number + 1])
        in_log(host, asked(visitor, f"/?page=7&{query}"))
    address = host.run('grep -o \'"client":"[^"]*"\' /var/log/nginx/shop.access.log | sort -u')
    assert re.fullmatch(r'"client":"(\d+\.\d+\.\d+\.0|127\.0\.0\.0)"(\n"client":"\d+\.\d+\.\d+\.0")*', address), address
    assert not host.ok("grep -r canary-3b7c /var/log/nginx")
    assert not host.ok("journalctl -q | grep canary-3b7c")
    assert "canary-3b7c" not in shown(site, "since=1h")
    assert "page=7&token=***" in shown(site, "since=1h", "process=nginx")


def test_nobody_else_reads_the_logs(host: Host, site: Project) -> None:
    assert host.run("find /var/log/nginx /var/log/postgresql -type f -perm /o+r") == ""
    assert not host.ok("runuser -u shop -- cat /var/log/nginx/shop.access.log")
    assert host.run("runuser -u shop -- journalctl -q -n 5 2>/dev/null || true") == ""


def test_what_visitors_write_never_reaches_the_terminal_as_a_command(
    site: Project, host: Host, visitor: Visitor
) -> None:
    request_id = asked(visitor, "/evil?text=%1B%5B31mred")
    in_log(host, request_id)
    for output in (shown(site, f"request_id={request_id}"), shown(site, f"request_id={request_id}", "format=json")):
        assert "evil" in output
        assert all(sign.isprintable() for line in output.split("\n") for sign in line), ascii(output)


def test_lines_come_while_it_runs_and_nothing_runs_on_when_it_is_stopped(
    site: Project, host: Host, visitor: Visitor
) -> None:
    process = site.start(PLAYBOOK, "-e", "follow=3600", "-e", "grep=first page", "-e", "lines=1")
    lines: list[str] = []
    reader = threading.Thread(target=read, args=(process, lines), daemon=True)
    reader.start()
    try:
        wait_for(lambda: host.ok("pgrep -f '[j]ournalctl.*--follow'"), ARRIVES_SECONDS)
        request_id = asked(visitor, "/")
        wait_for(lambda: any(request_id[:8] in line for line in lines), ARRIVES_SECONDS)
        assert process.poll() is None
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=ARRIVES_SECONDS)
    wait_for(lambda: not host.ok("pgrep -f '[j]ournalctl.*--follow'"), ARRIVES_SECONDS)
    wait_for(lambda: not host.ok("pgrep -f '[_]logs.program'"), ARRIVES_SECONDS)


def read(process: subprocess.Popen[str], lines: list[str]) -> None:
    assert process.stdout
    for line in process.stdout:
        lines.append(line)


def test_a_request_and_the_job_that_it_has_queued_are_one_trace_with_the_request_s_id(
    host: Host, visitor: Visitor, traces: OtlpReceiver
) -> None:
    answer = visitor.get("/queue?name=bob")
    request_id = str(answer.headers["X-Request-ID"])

    def arrived() -> bool:
        found = {one.name: one for one in traces.spans()}
        return {"GET /queue", "app.mail"} <= found.keys() and {request_id, answer.text} <= traces.texts()

    said = "journalctl --no-pager --lines=40 -u 'shop@*' -u 'shop.worker@*'"
    patient(arrived, lambda: f"{traces.spans()}\n{host.ask(said).stdout}")
    mail = next(one for one in traces.spans() if one.name == "app.mail")
    assert mail.trace in {one.trace for one in traces.spans() if one.name == "GET /queue"}


def patient(what: Callable[[], bool], said: Callable[[], str]) -> None:
    """Wait for WHAT as for a line of the log; tell on failure what is SAID."""
    try:
        wait_for(what, ARRIVES_SECONDS)
    except AssertionError as error:
        raise AssertionError(f"{error}\n{said()}") from None


SHIPPED = 3000
WAITS = "cat /var/lib/slipway-logs/waiting.[0-9]* | grep -ac 'shipped-away [0-9]'"


def test_what_is_logged_is_sent_with_where_it_is_from(host: Host, visitor: Visitor, receiver: LogReceiver) -> None:
    request_id = asked(visitor, "/?token=canary-3b7c")
    state = "journalctl --no-pager --lines=20 -u slipway-logs; ls -l /var/lib/slipway-logs"
    patient(lambda: len(receiver.having(request_id)) >= 3, lambda: host.ask(state).stdout)
    lines = receiver.having(request_id)
    label = f'[slipway@32473 app="shop" process="web" host="{host.name}" release="'
    assert any(label in line and f'request_id="{request_id}"' in line for line in lines), lines
    assert any(" shop nginx access " in line for line in lines), lines
    assert not receiver.having("canary-3b7c")


def test_an_outage_of_the_receiver_loses_nothing_and_holds_up_nobody(
    host: Host, visitor: Visitor, receiver: LogReceiver
) -> None:
    def log(name: str) -> None:
        """Write lines as fast as the journal takes them."""
        host.run(f"seq -f 'shipped-{name} %.0f' {SHIPPED} | systemd-cat --identifier=shipping")

    def arrived(name: str) -> None:
        """Wait for all of them."""

        def numbers() -> list[int]:
            return [int(line.rpartition(" ")[2]) for line in receiver.having(f"shipped-{name} ")]

        def missing() -> set[int]:
            return set(range(1, SHIPPED + 1)) - set(numbers())

        patient(lambda: not missing(), lambda: f"missing: {sorted(missing())}\n{host.ask(state).stdout}")
        assert len(numbers()) - SHIPPED <= 100, "more is sent twice than the documentation says"

    state = "journalctl --no-pager --lines=20 -u slipway-logs; ls -l /var/lib/slipway-logs"
    receiver.end()
    log("away")
    answers = [visitor.get("/") for _ in range(20)]
    assert {answer.status for answer in answers} == {200}
    patient(lambda: int(host.ask(WAITS).stdout or 0) >= SHIPPED // 2, lambda: host.ask(state).stdout)
    receiver.begin()
    arrived("away")
    # How far it has read outlives the service.
    host.run("systemctl stop slipway-logs")
    log("stopped")
    host.run("systemctl start slipway-logs")
    arrived("stopped")
    for answer in answers:
        assert receiver.having(str(answer.headers["X-Request-ID"]))


@pytest.mark.parametrize(
    ("argument", "message"),
    [("level=errr", "did you mean 'error'?"), ("process=workr", "did you mean 'worker'?"), ("since=soon", "since is 'soon'"),
     ("app=shp", "did you mean 'shop'?")],
)  # fmt: skip
def test_what_is_wrong_is_told_once(site: Project, argument: str, message: str) -> None:
    done = site.play(PLAYBOOK, "-e", argument)
    assert done.code != 0
    assert done.output.count(message) == 1, done.output
    assert "Traceback" not in done.output


@pytest.fixture
def twice(site: Project, host: Host) -> Iterator[Path]:
    """An inventory in which the host is there under two names, with logs that are the same."""
    hosts = yaml.safe_load((site.folder / "hosts.yml").read_text())
    machine = hosts["web"]["hosts"][host.name]
    path = site.folder / "twice.yml"
    path.write_text(yaml.safe_dump({"web": {"hosts": {"one": machine, "two": machine}}}))
    yield path
    path.unlink()


def test_the_lines_of_several_hosts_are_one_time_line(site: Project, twice: Path) -> None:
    done: Play = site.good(
        "--inventory", str(twice), PLAYBOOK, "--limit", "one,two", "-e", "format=json", "-e", "since=1h"
    )
    found = [json.loads(line) for line in done.output.splitlines()]
    assert {one["host"] for one in found} == {"one", "two"}
    assert [one["time"] for one in found] == sorted(one["time"] for one in found)
