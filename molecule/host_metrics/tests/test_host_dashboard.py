# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Who may see the page and what nginx passes on for it; the store answers all that the page asks, and can read its rules."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.plugin_utils._dashboard import queries
from testinfra.host import Host

ASK = """python3 - %s <<'END'
import base64, http.client, json, socket, ssl, sys, urllib.parse
name, here = "stats.example.org", ssl.create_default_context()
here.check_hostname, here.verify_mode = False, ssl.CERT_NONE
nginx = http.client.HTTPConnection(name, 443, timeout=20)
found = []
for path, password, form, method in json.loads(sys.argv[1]):
    if nginx.sock is None:
        nginx.sock = here.wrap_socket(socket.create_connection(("127.0.0.1", 443), 20), server_hostname=name)
    headers = {"Host": name}
    if password:
        headers["Authorization"] = "Basic " + base64.b64encode(f"ann:{password}".encode()).decode()
    if form:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    body = urllib.parse.urlencode(form) if form else None
    nginx.request(method or ("POST" if form else "GET"), path, body, headers)
    answer = nginx.getresponse()
    found.append([answer.status, dict(answer.headers), answer.read().decode()])
print(json.dumps(found))
END"""
PASSWORD = "correct-horse-battery"


def ask(host: Host, *told: tuple[str, str, dict[str, str] | None, str]) -> list[tuple[int, dict[str, str], str]]:
    """Return status, headers and text of what nginx answers: to a path, with a password, a form and a method each."""
    return [tuple(one) for one in json.loads(host.check_output(ASK, json.dumps(told)))]


def get(host: Host, path: str, password: str = PASSWORD) -> tuple[int, dict[str, str], str]:
    return ask(host, (path, password, None, ""))[0]


@pytest.mark.parametrize("path", ["/", "/page/main.js", "/page/about.json", "/api/v1/query?query=up", "/api/v1/labels"])
def test_nobody_sees_anything_without_the_password(host: Host, path: str) -> None:
    assert [one[0] for one in ask(host, (path, "", None, ""), (path, "wrong-horse-battery", None, ""))] == [401, 401]


def test_the_page_comes_with_a_policy_that_lets_nothing_inline_run(host: Host) -> None:
    for path in ("/", "/page/main.js", "/page/queries.json"):
        status, headers, text = get(host, path)
        assert (status, "default-src 'none'; script-src 'self'" in headers["Content-Security-Policy"]) == (200, True), (
            path
        )
        assert "unsafe" not in headers["Content-Security-Policy"] and text
    assert json.loads(get(host, "/page/about.json")[2])["apps"] == [{"name": "shop", "domain": "shop.example.org"}]


@pytest.mark.parametrize(
    "path",
    ["/api/v1/labels", "/api/v1/series", "/api/v1/status/config", "/api/v1/admin/tsdb/snapshot", "/api/v1/query/", "/api/v1/queryx",
     "/metrics", "/graph", "/-/reload", "/page/../metrics.json", "/page/", "/page/.git"],
)  # fmt: skip
def test_nothing_else_of_the_store_is_passed_on(host: Host, path: str) -> None:
    assert get(host, path)[0] in ((400, 404) if ".." in path else (404,))


def test_the_store_is_only_read_and_its_own_password_is_asked_of_nobody(host: Host) -> None:
    found = ask(host, ("/api/v1/query", PASSWORD, None, "DELETE"), ("/api/v1/query", PASSWORD, None, "PUT"))
    assert [status for status, _, _ in found] == [403, 403]
    assert "WWW-Authenticate" not in get(host, "/api/v1/query?query=up")[1]


def test_the_store_answers_each_question_of_the_page(host: Host) -> None:
    places = dict(queries.asked())
    answers = ask(host, *(("/api/v1/query", PASSWORD, {"query": query}, "") for query in places.values()))
    wrong = {place: text for place, (status, _, text) in zip(places, answers, strict=True) if status != 200}
    assert wrong == {}


def test_questions_that_go_together_are_answered_together(host: Host) -> None:
    """As the page puts them: each marked by a label."""
    derived: dict[str, Any] = queries.queries()["now"]["derived"]
    text = " or ".join(f'label_replace({query}, "q_", "{key}", "", "")' for key, query in derived.items())
    [(status, _, said)] = ask(host, ("/api/v1/query", PASSWORD, {"query": text}, ""))
    assert status == 200, said


def test_the_rules_of_the_page_are_read(host: Host) -> None:
    host.check_output("promtool check rules /etc/prometheus/slipway/rules/dashboard.yml")


def test_nothing_new_listens_on_a_public_address(host: Host) -> None:
    rows = [line.split() for line in host.check_output("ss -Hltnp").splitlines()]
    public = {row[3] for row in rows if not row[3].startswith(("127.", "[::1]"))}
    assert {address.rpartition(":")[2] for address in public} <= {"22", "80", "443"}, rows


def test_the_passwords_are_for_nginx_alone(host: Host) -> None:
    users = host.file("/etc/nginx/slipway/access/slipway-dashboard-1.users")
    assert (users.user, users.group, users.mode) == ("root", "www-data", 0o640)
    assert users.content_string.startswith("ann:$6$")
    assert host.run("grep -rl %s /etc/nginx /usr/local/share/slipway /etc/slipway", PASSWORD).stdout == ""
    assert host.file("/etc/slipway/metrics/prometheus.nginx.conf").mode == 0o600
