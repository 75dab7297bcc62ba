# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Who may see which path: the rules of molecule.yml, and those who would like to get round them."""

from __future__ import annotations

import base64

import pytest
from asking import HARBOUR, SHOP, fetch, fetch_paths, logged
from testinfra.host import Host

OFFICE, PROXY = "127.0.0.2", "127.0.0.9"
CERTIFICATE = ["/etc/ssl/visitor.pem", "/etc/ssl/visitor.key"]


def login(name: str, password: str = "") -> dict[str, str]:
    """Return the header of somebody whose password is NAME's, as molecule.yml has it, or another one."""
    pair = f"{name}:{password or name + chr(39) + 's'}"
    return {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}


@pytest.mark.parametrize(
    ("source", "forwarded", "status"),
    [
        (OFFICE, "", 200),
        ("127.0.0.1", "", 403),
        ("127.0.0.1", "203.0.113.5", 403),
        (PROXY, "203.0.113.5", 200),
        (PROXY, "203.0.113.66", 403),
        (PROXY, "203.0.113.5, 198.51.100.1", 403),
    ],
)
def test_addresses(host: Host, source: str, forwarded: str, status: int) -> None:
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    assert fetch(host, path="/office/plan", source=source, headers=headers).status == status


def test_a_refusal_has_a_page_and_the_security_headers(host: Host) -> None:
    page = fetch(host, path="/office/")
    assert (page.status, page.one("x-content-type-options")) == (403, "nosniff")
    assert "not open to you" in page.body and "nginx" not in page.body
    assert (
        fetch(host, path="/office/", headers={"Accept": "application/json"})
        .one("content-type")
        .startswith("application/json")
    )


def test_passwords(host: Host) -> None:
    asked = fetch(host, path="/staff")
    assert (asked.status, asked.one("www-authenticate")) == (401, f'Basic realm="{HARBOUR}"')
    assert "a name and a password" in asked.body
    assert fetch(host, path="/staff/x", headers=login("anna", "wrong")).status == 401
    assert fetch(host, path="/staff/x", headers=login("nobody")).status == 401
    inside = fetch(host, path="/staff/x", headers=login("anna"))
    assert inside.status == 200
    assert inside.received("authorization") == []  # the password is nginx's, not the app's
    assert fetch(host, path="/staffing").status == 200


def test_the_longest_path_decides_and_all_it_asks_for_must_be_met(host: Host) -> None:
    assert fetch(host, path="/staff/board/", headers=login("bert"), source=OFFICE).status == 200
    assert fetch(host, path="/staff/board/", headers=login("bert")).status == 403
    assert fetch(host, path="/staff/board/", source=OFFICE).status == 401
    assert fetch(host, path="/staff/board/", headers=login("anna"), source=OFFICE).status == 401
    opened = fetch(host, path="/staff/open/x", headers={"Authorization": "Bearer of-the-app"})
    assert (opened.status, opened.received("authorization")) == (200, ["Bearer of-the-app"])


def test_no_other_spelling_gets_past_a_rule(host: Host) -> None:
    """nginx judges the path that it has decoded, and the app gets the one that was written."""
    paths = [
        "//staff",
        "/%73taff/x",
        "/staff%2fx",
        "/open/../staff/x",
        "/staff/../other",
        "/staff/x/..",
        "/staff/%2e%2e/other",
        "/staff/.%2E/other",
        "/staff%2f..%2fother",
        "/staff/%2e./staff/open/",
        "/staff/open/../x",
        "/staff/x/../../public?y=1",
        "/staff/x/../../public#z",
    ]
    for path, answer in fetch_paths(host, paths):
        assert answer.status in (400, 401), path
    assert fetch(host, path="/other/.hidden/..name?x=/../").status == 200


def test_an_address_like_those_of_nginx_does_not_lead_to_the_app(host: Host) -> None:
    """No rule holds for them: with a rule for `/`, the app would answer whoever begins a path so."""
    paths = [
        f"/.nginx_tls{rest}" for rest in ("_x/", "_x/staff", "_code/", "_code/1/other", "_previous/9/x", "_y", "/x")
    ]
    for path, answer in fetch_paths(host, paths):
        assert answer.status == 404 and "upstream" not in answer.body, path
    shop = fetch(host, SHOP, "/.nginx_tls_x/")  # all of it streams
    assert shop.status == 404 and "upstream" not in shop.body


def test_rules_hold_for_static_files_too(host: Host) -> None:
    assert fetch(host, path="/static/private/report.css").status == 403
    assert fetch(host, path="/static/app.css").status == 200


def test_only_the_host_itself_may_always_ask_whether_a_release_is_ready(host: Host) -> None:
    assert fetch(host, path="/ready?full=1").status == 200
    assert fetch(host, path="/ready", address="::1").status == 200
    assert fetch(host, path="/ready/x").status == 403
    assert fetch(host, path="/ready", source=OFFICE).status == 403
    for header in ("127.0.0.1", "203.0.113.5"):
        assert fetch(host, path="/ready", headers={"X-Forwarded-For": header}).status == 403
        assert fetch(host, path="/ready", headers={"X-Forwarded-For": header}, source=PROXY).status == 403


def test_client_certificates(host: Host) -> None:
    assert fetch(host, SHOP, "/vault/").status == 403
    inside = fetch(host, SHOP, "/vault/", certificate=CERTIFICATE)
    assert inside.status == 200
    assert inside.received("x-ssl-client-verify") == ["SUCCESS"]
    assert inside.received("x-ssl-client-s-dn") == ["CN=visitor.example"]
    own = "/etc/nginx/tls/harbour/"
    strange = fetch(host, SHOP, "/", certificate=[f"{own}certificate.pem", f"{own}key.pem"])
    assert strange.status == 400 and "upstream" not in strange.body
    forged = {"X-SSL-Client-Verify": "SUCCESS", "X-SSL-Client-S-DN": "CN=visitor.example"}
    outside = fetch(host, SHOP, headers=forged)
    assert outside.received("x-ssl-client-verify") == ["NONE"] and outside.received("x-ssl-client-s-dn") == []
    assert fetch(host, HARBOUR, headers=forged).received("x-ssl-client-verify") == []


def test_a_site_is_not_reached_through_anothers_handshake(host: Host) -> None:
    answer = fetch(host, SHOP, "/vault/", sni=HARBOUR)
    assert answer.status in (403, 421) and "upstream" not in answer.body


def test_hashes_are_for_nginx_alone(host: Host) -> None:
    names = host.check_output("ls /etc/nginx/slipway/access").split()
    assert sorted(name.partition(".")[2] for name in names) == ["ca", "users", "users"]
    for name in names:
        file = host.file(f"/etc/nginx/slipway/access/{name}")
        expected = ("root", "www-data", 0o640) if name.endswith(".users") else ("root", "root", 0o644)
        assert (file.user, file.group, file.mode) == expected


def test_the_log_names_who_was_let_in(host: Host) -> None:
    request_id = fetch(host, path="/staff/log", headers=login("anna")).received("x-request-id")[0]
    assert logged(host, request_id)["user"] == "anna"
