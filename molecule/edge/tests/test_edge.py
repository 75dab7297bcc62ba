# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What nginx, and so a visitor, gets from the edge's HAProxy when hosts work, fail or are taken out."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator

import pytest
from testinfra.host import Host

SOCKET = "/run/slipway-edge/shop.sock"
LOG = "/var/log/backends"


def ask(host: Host, path: str, method: str = "GET", user: str = "www-data") -> tuple[int, str]:
    """Return status and body of a request, as nginx makes it."""
    found = host.run(
        "setpriv --reuid=%s --regid=%s --clear-groups curl -sS --max-time 20 --unix-socket %s -X %s -w '\\n%%{http_code}' "
        "-H 'X-Forwarded-For: 192.0.2.7' -H 'Host: shop.example.org' http://edge%s",
        user, user, SOCKET, method, path,
    )  # fmt: skip
    body, _, status = found.stdout.rpartition("\n")
    return int(status or 0), body


def who(host: Host, times: int = 12) -> Counter[str]:
    """Return which hosts answered TIMES requests; those that failed count by their status."""
    answers = [ask(host, "/who") for _ in range(times)]
    return Counter(body.partition(" ")[0] if status == 200 else str(status) for status, body in answers)


def states(host: Host) -> dict[str, str]:
    """Return the state of each host that is asked whether it is well."""
    script = (
        "import socket; s = socket.socket(socket.AF_UNIX); s.connect('/run/slipway-edge/admin.sock'); "
        "s.sendall(b'show stat shop 4 -1\\n'); print(b''.join(iter(lambda: s.recv(9999), b'')).decode())"
    )
    rows = [line.split(",") for line in host.check_output("python3 -c %s", script).splitlines()[1:] if "," in line]
    return {row[1]: row[17] for row in rows}


def wait_for(host: Host, **wanted: str) -> None:
    deadline = time.monotonic() + 20
    while not all(states(host).get(name, "").startswith(state) for name, state in wanted.items()):
        assert time.monotonic() < deadline, states(host)
        time.sleep(0.2)


@pytest.fixture
def well(host: Host) -> Iterator[Host]:
    """Both hosts serve, before and after."""
    wait_for(host, one="UP", two="UP")
    host.check_output("rm -f %s", LOG)
    yield host
    host.check_output("rm -f /run/sick-one /run/sick-two; systemctl start one two")
    wait_for(host, one="UP", two="UP")


def test_requests_go_to_all_hosts_that_prove_who_they_are(well: Host) -> None:
    answered = who(well)
    assert set(answered) == {"one", "two"}
    assert states(well)["impostor"].startswith("DOWN")
    assert "impostor" not in well.check_output("cat %s", LOG)


def test_the_visitors_address_reaches_the_host(well: Host) -> None:
    assert ask(well, "/who")[1].endswith(" 192.0.2.7")


def test_only_nginx_may_use_the_socket(well: Host) -> None:
    assert ask(well, "/who", user="nobody")[0] == 0


@pytest.mark.parametrize("path", ["/breaks", "/unavailable"])
def test_a_request_that_is_safe_is_repeated_on_another_host(well: Host, path: str) -> None:
    for _ in range(6):
        status, body = ask(well, path)
        assert (status, body.split()[0]) == (200, "two")
    assert f"one GET {path}" in well.check_output("cat %s", LOG)


def test_a_request_that_may_have_been_done_is_never_sent_twice(well: Host) -> None:
    answers = Counter(ask(well, "/breaks", "POST")[0] for _ in range(6))
    sent = Counter(well.check_output("cat %s", LOG).split("\n"))
    assert answers == {200: sent["two POST /breaks"], 502: sent["one POST /breaks"]}
    assert answers.total() == 6
    assert answers[502]


def test_a_file_that_one_host_lacks_is_requested_from_another(well: Host) -> None:
    assert {ask(well, "/static/new.css")[0] for _ in range(6)} == {200}


def test_a_host_that_is_stopped_costs_no_request(well: Host) -> None:
    well.check_output("systemctl stop one")
    assert who(well) == {"two": 12}
    assert {ask(well, "/who", "POST")[0] for _ in range(6)} == {200}
    wait_for(well, one="DOWN", two="UP")


def test_a_host_that_is_not_well_gets_no_requests(well: Host) -> None:
    well.check_output("touch /run/sick-one")
    wait_for(well, one="DOWN", two="UP")
    assert who(well) == {"two": 12}


def test_when_no_host_is_well_their_own_answers_are_passed_on(well: Host) -> None:
    well.check_output("touch /run/sick-one /run/sick-two")
    wait_for(well, one="DOWN", two="DOWN")
    assert set(who(well)) <= {"one", "two"}


def test_when_no_host_answers_visitors_get_a_page(well: Host) -> None:
    well.check_output("systemctl stop one two")
    wait_for(well, one="DOWN", two="DOWN")
    status, page = ask(well, "/who")
    assert (status, "<h1>Back in a moment</h1>" in page) == (503, True)


def test_a_reload_loses_no_request(well: Host) -> None:
    slow = (
        f"for i in 1 2 3; do setpriv --reuid=www-data --regid=www-data --clear-groups curl -sS -o /dev/null -w '%{{http_code}} ' "
        f"--unix-socket {SOCKET} -H 'Host: shop.example.org' http://edge/slow & done; sleep 0.5; systemctl reload slipway-edge; "
        "for i in 1 2 3 4 5 6 7 8; do setpriv --reuid=www-data --regid=www-data --clear-groups curl -sS -o /dev/null "
        f"-w '%{{http_code}} ' --unix-socket {SOCKET} -H 'Host: shop.example.org' http://edge/who; done; wait"
    )
    assert well.check_output(slow).split() == ["200"] * 11


def test_the_packages_own_service_does_not_run(well: Host) -> None:
    assert not well.service("haproxy").is_running
    assert well.service("slipway-edge").is_enabled
