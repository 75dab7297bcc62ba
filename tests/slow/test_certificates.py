# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A staging site with a certificate by ACME, from its description alone: what visitors, attackers and the authority see.

The authority (Pebble) and its DNS run on the host itself, which has nothing else when `site.yml` comes. The tests run in
the file's order.
"""

from __future__ import annotations

import base64
import http.client
import json
import re
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest
from helpers import Answer, Play, Project, wait_for

pytestmark = pytest.mark.once("13")

MAIN, OLD, SECOND = "shop.example.test", "www.shop.example.test", "store.example.test"
HASH = "$6$slow$1k5UXBsPbuh3vfLA22CqirJPb0yjaOns2SW66MvKteaa8YxiECgO4w9VZesa9f7e3P18zSAgNJ6v8YNf7WimK0"
TEAM = {"Authorization": "Basic " + base64.b64encode(b"team:swordfish").decode()}
CODE = """
from flask import Flask, request

app = Flask(__name__, static_folder=None)


@app.route("/", defaults={"path": ""}, methods=["GET", "POST"])
@app.route("/<path:path>", methods=["GET", "POST"])
def echo(path):
    own = {"Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY"} if path == "open/own" else {}
    return {"method": request.method, "path": request.full_path, "headers": dict(request.headers)}, own
"""
APP: dict[str, Any] = {
    "name": "shop",
    "domains": [MAIN],
    "redirect_domains": [OLD],
    "wsgi": "shop:app",
    "database": "none",
    "secret_key_variable": "",
    "workers": 1,
    "watch_seconds": 0,
    "static": {"/static/": "static"},
    "certificate": "acme",
    "access": [
        {"path": "/", "basic_auth": {"team": HASH}},
        {"path": "/open/"},
        {"path": "/office/", "allow": ["127.0.0.0/8", "::1"]},
        {"path": "/open/kept-out/", "deny": ["10.0.0.0/8"]},
    ],
    "headers": {"Content-Security-Policy": "default-src 'self'", "Permissions-Policy": ""},
}
PEBBLE = {
    "listenAddress": "127.0.0.1:14000",
    "managementListenAddress": "127.0.0.1:15000",
    "certificate": "/etc/pebble/ca.pem",
    "privateKey": "/etc/pebble/ca.key",
    "httpPort": 80,
    "tlsPort": 443,
    "ocspResponderURL": "",
    "externalAccountBindingRequired": False,
    "certificateValidityPeriod": 90 * 86400,
}
# Without PEBBLE_VA_NOSLEEP it waits at random before it looks at a challenge, and refuses good nonces at random.
AUTHORITY = """set -e
apt-get -qq update && apt-get -qq install --yes --no-install-recommends pebble dnsmasq-base
mkdir -p /etc/pebble && echo '{config}' > /etc/pebble/config.json
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=ca \
  -addext subjectAltName=DNS:localhost -keyout /etc/pebble/ca.key -out /etc/pebble/ca.pem
cp /etc/resolv.conf /etc/resolv.real
systemd-run --quiet --unit=dns dnsmasq --keep-in-foreground --listen-address=127.0.0.1 --bind-interfaces \
  --resolv-file=/etc/resolv.real --address=/example.test/127.0.0.1 --address=/example.test/::1
echo nameserver 127.0.0.1 > /etc/resolv.conf
printf '[Service]\nEnvironment=PEBBLE_VA_NOSLEEP=1 PEBBLE_WFE_NONCEREJECT=0\n\
ExecStart=/usr/bin/pebble -config /etc/pebble/config.json -dnsserver 127.0.0.1:53\n' > /run/systemd/system/authority.service
systemctl start authority
"""
ROOT_CERTIFICATE = (
    "import ssl, urllib.request as u; print(u.urlopen('https://localhost:15000/roots/0',"
    " context=ssl.create_default_context(cafile='/etc/pebble/ca.pem')).read().decode())"
)
LISTENING = "ss --listening --tcp --numeric | grep -q 127.0.0.1:14000"
REQUEST = "-> calling handler"
FORCED = """
mkdir -p /run/systemd/system/slipway-certificates.service.d
printf '[Service]\nExecStart=\nExecStart=/usr/local/sbin/slipway-certificates renew --force\n' \
  > /run/systemd/system/slipway-certificates.service.d/force.conf
systemctl daemon-reload
"""


class Shop:
    """The provisioned app, the authority beside it, and a browser that trusts this authority alone."""

    def __init__(self, project: Project, folder: Path) -> None:
        self.project, self.host, self.folder = project, project.host, folder
        (folder / "static").mkdir(parents=True)
        (folder / "shop.py").write_text(CODE)
        (folder / "requirements.txt").write_text("flask==3.1.3\n")
        (folder / "static/app.css").write_text("a { color: red }\n")
        self.host.run(AUTHORITY.format(config=json.dumps({"pebble": PEBBLE})))
        wait_for(lambda: self.host.ok(LISTENING), 10)
        self.describe()
        self.first = project.good("site.yml")
        self.trust = self.trusted()

    def describe(self, **more: Any) -> None:
        """Write the user's variables, with MORE keys of the app."""
        self.project.write({
            "slipway_apps": [{**APP, "source": {"path": str(self.folder)}, **more}],
            "nginx_tls_acme_directory": "https://localhost:14000/dir",
            "nginx_tls_acme_ca": self.host.run("cat /etc/pebble/ca.pem"),
        })  # fmt: skip

    def trusted(self) -> ssl.SSLContext:
        """Return what a browser knows that trusts the authority as it is now."""
        found = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        found.load_verify_locations(cadata=self.host.run(f'python3 -c "{ROOT_CERTIFICATE}"'))
        return found

    def shake_hands(self, domain: str) -> ssl.SSLSocket:
        """Return a connection under DOMAIN whose certificate a browser would take."""
        plain = socket.create_connection((self.host.address, 443), 30)
        return self.trust.wrap_socket(plain, server_hostname=domain)

    def certificate(self) -> dict[str, Any]:
        """Return what the site's certificate says, as a handshake shows it."""
        with self.shake_hands(MAIN) as wire:
            return dict(wire.getpeercert() or {})

    def ask(self, path: str, domain: str = MAIN, method: str = "GET", port: int = 443, **headers: str) -> Answer:
        connection = http.client.HTTPConnection(domain, timeout=30)
        connection.sock = (
            self.shake_hands(domain) if port == 443 else socket.create_connection((self.host.address, port), 30)
        )
        try:
            connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read().decode())
        finally:
            connection.close()

    def inside(self, path: str) -> str:
        """Return the status that the host itself gets."""
        return self.host.run(
            f"python3 -c \"import ssl, http.client, socket; c = http.client.HTTPConnection('{MAIN}');"
            "c.sock = ssl._create_unverified_context().wrap_socket(socket.create_connection(('127.0.0.1', 443)),"
            f"server_hostname='{MAIN}'); c.request('GET', '{path}'); print(c.getresponse().status)\""
        )

    def heard(self, what: str) -> int:
        """Return how often the authority's log has WHAT."""
        return int(self.host.run(f"journalctl -u authority --output cat | grep -c -- '{what}' || true"))

    def orders(self) -> int:
        return self.heard("Added order")

    def status(self) -> Play:
        return self.project.play("playbooks/status.yml")


@pytest.fixture(scope="module")
def shop(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return Shop(project, tmp_path_factory.mktemp("app") / "shop")


def names(certificate: dict[str, Any]) -> set[str]:
    return {name for kind, name in certificate["subjectAltName"] if kind == "DNS"}


def issuer(certificate: dict[str, Any]) -> str:
    return str(dict(part[0] for part in certificate["issuer"])["commonName"])


# ---- the certificate ----------------------------------------------------------------------------------------------


def test_one_run_on_a_bare_host_ends_with_the_authoritys_certificate(shop: Shop) -> None:
    found = shop.certificate()
    assert issuer(found).startswith("Pebble Intermediate CA")
    assert names(found) == {MAIN, OLD}
    assert shop.ask("/", **TEAM).status == 200
    assert shop.orders() == 1
    assert "WARNING" not in shop.first.output
    assert f"https://{MAIN}/" in shop.first.output


def test_the_next_run_changes_nothing_and_asks_the_authority_nothing(shop: Shop) -> None:
    before = shop.heard(REQUEST), shop.certificate()["serialNumber"]
    assert before[0] > 1
    assert shop.project.good("site.yml").count("changed") == 0
    assert (shop.heard(REQUEST), shop.certificate()["serialNumber"]) == before


def test_status_says_where_the_certificate_is_from_and_how_long_it_lasts(shop: Shop) -> None:
    told = shop.status()
    assert told.code == 0, told.output
    assert re.search(r"^Certificate +89 days, Pebble Intermediate CA \w+$", told.output, re.MULTILINE), told.output


# ---- who may see what ---------------------------------------------------------------------------------------------


def test_only_who_has_the_password_gets_in_and_the_app_never_sees_it(shop: Shop) -> None:
    refused = shop.ask("/", Accept="text/html")
    assert (refused.status, refused.headers["WWW-Authenticate"]) == (401, f'Basic realm="{MAIN}"')
    assert "nginx" not in refused.text
    wrong = base64.b64encode(b"team:password").decode()
    assert shop.ask("/", Authorization=f"Basic {wrong}").status == 401
    for path in ("/static/app.css", "//", "/%2e/", "/opened", "/open/../", "/open/%2e%2e/", "/x/", "/.git/config"):
        assert shop.ask(path).status in (400, 401), path
    inside = shop.ask("/x?y=1", **TEAM)
    assert inside.status == 200
    assert "Authorization" not in json.loads(inside.text)["headers"]
    assert shop.ask("/static/app.css", **TEAM).text == "a { color: red }\n"
    assert shop.ask("/open/hook", method="POST").status == 200
    assert shop.ask("/open/hook", **TEAM).status == 200


def test_only_the_addresses_of_a_rule_get_in_whatever_they_say(shop: Shop) -> None:
    forged = {"X_Forwarded_For": "127.0.0.1", "X_Real_IP": "127.0.0.1", "Forwarded": "for=127.0.0.1"}
    for path in ("/office/", "/office/plan", "/%6fffice/plan", "//office/plan", "/open/kept-out/", "/open//kept-out/x"):
        answer = shop.ask(path, **TEAM, **forged)
        assert answer.status == 403, path
        assert "headers" not in answer.text
    assert shop.inside("/office/plan") == "200"
    assert shop.inside("/open/kept-out/x") == "200"
    assert shop.inside("/x") == "401"


def test_a_challenge_needs_no_password_and_leads_nowhere_else(shop: Shop) -> None:
    token = "/.well-known/acme-challenge/token"
    shop.host.run(f"echo proof > /var/www/acme{token}")
    assert shop.ask(token, port=80).text == "proof\n"
    shop.host.run(f"rm /var/www/acme{token}")
    assert shop.ask(token).status == 404  # an app of one page answers at any path
    for path in (f"{token}/../../../x", f"{token}%2f..%2f..%2f..%2fx", "/.well-known/acme-challenge%2f..%2f..%2fx"):
        assert shop.ask(path).status in (400, 401), path


# ---- other domains, headers ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/a/b?c=d&e=%2F%20f", "/a%2Fb/?", "//evil.example/x", "/%0d%0aSet-Cookie:x=1"])
def test_another_domain_leads_to_the_main_one_with_path_and_query(shop: Shop, path: str) -> None:
    for method in ("GET", "POST"):
        answer = shop.ask(path, OLD, method)
        assert (answer.status, answer.headers["Location"]) == (308, f"https://{MAIN}{path}")
        assert answer.headers["Strict-Transport-Security"] and not answer.headers["Set-Cookie"]
        plain = shop.ask(path, OLD, method, port=80)
        assert (plain.status, plain.headers["Location"]) == (308, f"https://{OLD}{path}")


def test_headers_are_the_sites_the_apps_or_none_and_never_two(shop: Shop) -> None:
    usual = shop.ask("/open/page").headers
    assert usual.get_all("Content-Security-Policy") == ["default-src 'self'"]
    assert usual.get_all("X-Frame-Options") == ["SAMEORIGIN"]
    assert usual.get_all("Referrer-Policy") == ["strict-origin-when-cross-origin"]
    assert usual.get_all("Strict-Transport-Security") == ["max-age=63072000"]
    assert usual.get_all("Permissions-Policy") is None
    own = shop.ask("/open/own").headers
    assert own.get_all("Referrer-Policy") == ["no-referrer"]
    assert own.get_all("X-Frame-Options") == ["DENY"]
    assert own.get_all("Content-Security-Policy") == ["default-src 'self'"]
    assert shop.ask("/static/app.css", **TEAM).headers.get_all("Content-Security-Policy") == ["default-src 'self'"]


# ---- renewal ------------------------------------------------------------------------------------------------------


def test_a_renewal_that_fails_is_told_and_the_old_certificate_stays(shop: Shop) -> None:
    before = shop.certificate()["serialNumber"]
    shop.host.run(f"{FORCED} systemctl stop authority; ! systemctl start slipway-certificates")
    told = shop.status()
    assert told.code != 0
    said = " ".join(told.output.split())
    assert f"shop on {shop.host.name}: its certificate has 90 days left and could not be renewed since" in said
    assert "refused" in said
    assert "failed" in shop.host.run("systemctl is-failed slipway-certificates")
    assert shop.certificate()["serialNumber"] == before
    assert shop.ask("/", **TEAM).status == 200


def test_the_next_renewal_makes_up_for_it_though_the_authority_forgot_the_account(shop: Shop) -> None:
    before = shop.orders(), shop.certificate()["serialNumber"]
    shop.host.run("systemctl start authority")  # Pebble keeps nothing, its root certificate neither
    wait_for(lambda: shop.host.ok(LISTENING), 10)
    shop.host.run("systemctl start slipway-certificates && rm -r /run/systemd/system/slipway-certificates.service.d"
                  " && systemctl daemon-reload")  # fmt: skip
    shop.trust = shop.trusted()
    assert shop.orders() == before[0] + 1
    assert shop.certificate()["serialNumber"] != before[1]
    assert shop.status().code == 0


def test_a_second_domain_is_one_more_order(shop: Shop) -> None:
    before = shop.orders()
    shop.describe(domains=[MAIN, SECOND])
    shop.project.good("site.yml")
    assert names(shop.certificate()) == {MAIN, OLD, SECOND}
    assert shop.orders() == before + 1
    assert shop.ask("/open/page", SECOND).status == 200
    assert shop.host.run("ls /srv/shop/releases | wc -l") == "1"
