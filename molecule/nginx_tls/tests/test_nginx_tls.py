# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a browser and an attacker see of the two sites of molecule.yml."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from asking import HARBOUR, SHOP, fetch, fetch_paths, logged
from testinfra.host import Host

CURRENT = "/srv/harbour/current"


@pytest.fixture
def second_release(host: Host) -> Iterator[None]:
    host.check_output(f"ln -sfn releases/b {CURRENT}.new && mv -T {CURRENT}.new {CURRENT}")
    yield
    host.check_output(f"ln -sfn releases/a {CURRENT}.new && mv -T {CURRENT}.new {CURRENT}")


@pytest.fixture
def no_upstream(host: Host) -> Iterator[None]:
    host.check_output(f"ln -sfn releases/none {CURRENT}.new && mv -T {CURRENT}.new {CURRENT}")
    yield
    host.check_output(f"ln -sfn releases/a {CURRENT}.new && mv -T {CURRENT}.new {CURRENT}")


def test_configuration_is_clean(host: Host) -> None:
    said = host.run("nginx -t")
    assert said.rc == 0
    assert "warn" not in said.stderr
    assert host.service("nginx").is_enabled
    assert host.check_output("systemctl show nginx --property Restart --value") == "on-failure"


def test_only_web_ports_listen(host: Host) -> None:
    rows = host.check_output("ss -Hlntp").splitlines()
    ports = {row.split()[3].rpartition(":")[2] for row in rows if '"nginx"' in row}
    assert ports == {"80", "443", "8081"}
    assert [row.split()[3] for row in rows if ":8081 " in row] == ["127.0.0.1:8081"]


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_http_leads_to_https(host: Host, address: str) -> None:
    answer = fetch(host, path="/a/b?c=d%20e", plain=True, address=address)
    assert (answer.status, answer.one("location")) == (308, f"https://{HARBOUR}/a/b?c=d%20e")


def test_acme_challenges_are_served_over_http(host: Host) -> None:
    host.check_output("mkdir -p /var/www/acme/.well-known/acme-challenge && echo -n key > "
                      "/var/www/acme/.well-known/acme-challenge/token")  # fmt: skip
    assert fetch(host, path="/.well-known/acme-challenge/token", plain=True).body == "key"
    assert fetch(host, path="/.well-known/acme-challenge/other", plain=True).status == 404


def test_redirect_domain_leads_to_the_first_domain(host: Host) -> None:
    answer = fetch(host, "www.harbour-old.example", "/x?y=1")
    assert (answer.status, answer.one("location")) == (308, f"https://{HARBOUR}/x?y=1")


def test_http2_and_current_tls(host: Host) -> None:
    assert fetch(host, alpn=["h2", "http/1.1"], handshake_only=True).raw["alpn"] == "h2"
    assert fetch(host, tls="TLSv1_3").raw["tls"] == "TLSv1.3"
    twelve = fetch(host, tls="TLSv1_2", handshake_only=True).raw
    assert twelve["tls"] == "TLSv1.2" and twelve["cipher"].startswith("ECDHE-")
    assert "SSL" in fetch(host, tls="TLSv1_1").error


def test_self_signed_certificate_is_for_all_domains_and_no_authority(host: Host) -> None:
    answer = fetch(host, "any.harbour.example", ca="/etc/nginx/tls/harbour/certificate.pem")
    assert answer.status == 200
    text = host.check_output("openssl x509 -in /etc/nginx/tls/harbour/certificate.pem -noout -text")
    assert "CA:FALSE" in text and "prime256v1" in text


def test_unknown_hosts_get_nothing(host: Host) -> None:
    assert "SSL" in fetch(host, "evil.example").error
    assert "SSL" in fetch(host, "127.0.0.1").error
    assert fetch(host, "evil.example", plain=True).error in ("RemoteDisconnected", "ConnectionResetError")
    misdirected = fetch(host, "evil.example", sni=HARBOUR)
    assert misdirected.status == 421 and "upstream" not in misdirected.body


def test_sites_are_apart(host: Host) -> None:
    assert "/srv/harbour" in json.loads(fetch(host).body)["upstream"]
    shop = fetch(host, SHOP)
    assert json.loads(shop.body)["upstream"] == "9001"
    asset = fetch(host, SHOP, "/static/app.css")  # the shop's app answers, not harbour's folder
    assert json.loads(asset.body)["path"] == "/static/app.css"


def test_app_learns_the_truth_about_the_client(host: Host) -> None:
    lies = {
        "X-Forwarded-For": "6.6.6.6",
        "X_Forwarded_For": "6.6.6.6",
        "X-Forwarded-Proto": "http",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Port": "1",
        "X-Forwarded-Prefix": "/evil",
        "X-Real-IP": "6.6.6.6",
        "X-Request-ID": "mine",
        "Forwarded": "for=6.6.6.6",
        "Proxy": "evil.example:3128",
        "Upgrade": "h2c",
    }
    answer = fetch(host, headers=lies)
    told = {name: answer.received(name) for name in map(str.lower, lies)}
    assert told.pop("x-request-id")[0] != "mine"
    assert told == {
        "x-forwarded-for": ["127.0.0.1"],
        "x_forwarded_for": [],
        "x-forwarded-proto": ["https"],
        "x-forwarded-host": [HARBOUR],
        "x-forwarded-port": [],
        "x-forwarded-prefix": [],
        "x-real-ip": ["127.0.0.1"],
        "forwarded": [],
        "proxy": [],
        "upgrade": [],
    }
    assert answer.received("host") == [HARBOUR]


def test_host_header_keeps_the_port_but_no_other_name(host: Host) -> None:
    assert fetch(host, headers={"Host": f"{HARBOUR}:8443"}).received("host") == [f"{HARBOUR}:8443"]
    absolute = fetch(host, path=f"https://{HARBOUR}/", headers={"Host": "evil.example"})
    assert absolute.received("host") == [HARBOUR]


def test_websockets_only_where_wanted(host: Host) -> None:
    upgrade = {"Upgrade": "websocket", "Connection": "upgrade"}
    assert fetch(host, SHOP, headers=upgrade).received("upgrade") == ["websocket"]
    assert fetch(host, HARBOUR, headers=upgrade).received("upgrade") == []


def test_security_headers_stand_once_everywhere(host: Host) -> None:
    paths = ["/", "/static/app.css", "/static/missing", "/media/photo.txt", "/media/missing", "/robots.txt", "/slow"]
    for path, answer in fetch_paths(host, paths):
        assert answer.one("x-content-type-options") == "nosniff", path
        assert answer.one("x-frame-options") == "SAMEORIGIN", path
        policy = answer.one("content-security-policy")
        if answer.status < 400:
            assert policy == "default-src 'self'; style-src \"unsafe\"", path
        else:  # nginx's own pages have a style inside, which the site's policy may forbid
            assert "style-src 'unsafe-inline'" in policy, path
        assert answer.all("referrer-policy") == [], path  # dropped by the site
        assert answer.all("strict-transport-security") == [], path  # self-signed
        assert answer.one("server") == "nginx", path
    assert (path, answer.status) == ("/slow", 504)


def test_own_header_of_the_app_wins(host: Host) -> None:
    assert fetch(host, path="/own-header").one("x-frame-options") == "DENY"


def test_hsts_with_a_provided_certificate(host: Host) -> None:
    assert fetch(host, SHOP).one("strict-transport-security") == "max-age=63072000; includeSubDomains; preload"
    assert fetch(host, SHOP).one("referrer-policy") == "strict-origin-when-cross-origin"


def test_body_size(host: Host) -> None:
    assert json.loads(fetch(host, method="POST", bytes=900_000).body)["length"] == 900_000
    refused = fetch(host, method="POST", bytes=1_100_000)
    assert refused.status == 413 and "larger than this site accepts" in refused.body


def test_static_files(host: Host) -> None:
    css = fetch(host, path="/static/app.css", headers={"Accept-Encoding": "gzip"})
    assert (css.status, css.one("cache-control"), css.one("content-type")) == (200, "public, max-age=3600", "text/css")
    assert css.one("content-encoding") == "gzip" and css.one("vary") == "Accept-Encoding"
    etag = fetch(host, path="/static/app.css").one("etag")
    assert fetch(host, path="/static/app.css", headers={"If-None-Match": etag}).status == 304
    assert fetch(host, path="/robots.txt").body == "User-agent: *\n"
    assert fetch(host, path="/media/photo.txt").one("cache-control") == "public, max-age=60"
    assert fetch(host, path="/extra").status == 204


def test_fingerprinted_files_are_immutable(host: Host) -> None:
    expected = {
        "/static/app.0123abcd.js": True,
        "/static/app.css?v=0123456789ab": True,
        "/static/app.css?v=1": False,
        "/static/app.css?next=/a.0123abcd.js": False,
        "/media/photo.txt?v=0123456789ab": False,
    }
    answers = fetch_paths(host, expected)
    assert {path: "immutable" in answer.one("cache-control") for path, answer in answers} == expected


def test_a_file_is_looked_for_in_the_vetted_folder_first_then_in_the_code(host: Host) -> None:
    vetted, code = fetch(host, path="/static/vetted.css"), fetch(host, path="/static/app.css")
    assert vetted.body == "only there" and code.body.startswith("a {")
    for answer in (vetted, code):
        assert answer.one("cache-control") == "public, max-age=3600" and answer.one("content-type") == "text/css"
        assert answer.one("x-content-type-options") == "nosniff"


def test_nothing_else_is_served_from_disk(host: Host) -> None:
    paths = [
        "/static../secret.txt",
        "/static/../secret.txt",
        "/static/%2e%2e/secret.txt",
        "/static/..%2fsecret.txt",
        "/static//../../secret.txt",
        "/static/.git/config",
        "/static/.git/config?v=0123456789ab",
        "/static/.git?v=0123456789ab",
        "/static/%2egit/config",
        "/media/.env",
        "/static/",
        "/static/.git/",
        "/later/file",
        "/.nginx_tls/502.html",
        "/.nginx_tls_previous/1/static/app.css",
        "/.nginx_tls_previous/1/static/private/app.0123abcd.js",
        "/.nginx_tls_code/1/static/app.css",
        "/.nginx_tls_code/1/static/private/app.0123abcd.js",
    ]
    for path, answer in fetch_paths(host, paths):
        assert answer.status in (400, 404) or json.loads(answer.body)["upstream"], path
        assert answer.body != "secret" and "max-age" not in dict(answer.raw["headers"]).get("cache-control", ""), path


def test_missing_static_file(host: Host) -> None:
    assert fetch(host, path="/static/missing.css").status == 404
    for path in ("/media/missing.css", "/media/missing", "/media/"):
        assert json.loads(fetch(host, path=path).body)["path"] == path


def test_swapping_the_symlink_moves_all_traffic(host: Host, second_release: None) -> None:
    assert "releases/b" in json.loads(fetch(host).body)["upstream"]
    assert fetch(host, path="/static/app.css").body.startswith("b")


def test_page_while_the_app_is_away(host: Host, no_upstream: None) -> None:
    answer = fetch(host)
    assert (answer.status, answer.one("retry-after"), answer.one("cache-control")) == (502, "5", "no-store")
    assert "not available right now" in answer.body and "nginx" not in answer.body
    assert fetch(host, SHOP).status == 200


def test_own_error_page_of_the_app_passes(host: Host) -> None:
    own = fetch(host, path="/own-503")
    assert own.status == 503 and "upstream" in own.body


def test_keys_are_roots_alone(host: Host) -> None:
    for name in ("harbour", "shop-two"):
        key = host.file(f"/etc/nginx/tls/{name}/key.pem")
        assert (key.user, key.group, key.mode) == ("root", "root", 0o600)
    assert host.file("/etc/nginx/tls").mode == 0o700
    assert "PRIVATE KEY" not in host.check_output("journalctl --no-pager --identifier "
                                                  "ansible-slipway.flask.nginx_sites_on_host")  # fmt: skip


def test_access_log_is_json(host: Host) -> None:
    request_id = fetch(host, path='/log"me', headers={"User-Agent": 'x"y'}).received("x-request-id")[0]
    line = logged(host, request_id)
    assert (line["status"], line["client"], line["user_agent"]) == (200, "127.0.0.1", 'x"y')
    assert (line["tls"], line["release"]) == ("TLSv1.3", "a")
    assert float(line["upstream_seconds"]) >= 0


def test_secret_parameters_are_not_in_the_access_log(host: Host) -> None:
    more = {"Referer": "https://other.example/?page=1&id_token=canary#top"}
    paths = {
        "/x?page=2&Access_Token=canary": "/x?page=2&Access_Token=***",
        "/x?code=canary&a=1&user%5Bpassword%5D=canary;sig=canary": "/x?code=***&a=1&user%5Bpassword%5D=***;sig=***",
        "/x?key=canary&key=canary&key=canary&key=canary&a=1": "/x?***",
        "/x?monkey=1&token=&keyword=2": "/x?monkey=1&token=&keyword=2",
    }
    for path, meant in paths.items():
        line = logged(host, fetch(host, path=path, headers=more).received("x-request-id")[0])
        assert (line["uri"], line["referer"]) == (meant, "https://other.example/?page=1&id_token=***#top")
        assert line["connection"] > 0 and line["timestamp"] > 0
    assert not host.run("grep -r canary /var/log/nginx/harbour.access.log").succeeded


@pytest.mark.parametrize("accept", ["text/html", "application/json"])
def test_nginxs_own_page_and_every_answer_have_the_requests_id(host: Host, accept: str) -> None:
    answer = fetch(host, path="/.nginx_tls_x", headers={"Accept": accept})
    assert answer.status == 404
    assert answer.one("x-request-id") in answer.body
    assert logged(host, answer.one("x-request-id"))["status"] == 404
    passed = fetch(host)
    assert passed.all("x-request-id") == passed.received("x-request-id")


def test_refused_configuration_left_the_old_one(host: Host) -> None:
    text = host.file("/etc/nginx/slipway/sites/harbour.conf").content_string
    assert "no_such_directive" not in text and host.file("/etc/nginx/slipway/sites/shop-two.conf").exists


def test_nginx_comes_back_when_it_dies(host: Host) -> None:
    before = host.check_output("systemctl show nginx --property MainPID --value")
    host.check_output("systemctl kill --kill-whom=main --signal=KILL nginx")
    comes_back = f"[ $(systemctl show nginx --property MainPID --value) != {before} ] && systemctl is-active -q nginx"
    host.check_output(f"timeout 20 sh -c 'until {comes_back}; do sleep 0.1; done'")
    assert fetch(host).status == 200
