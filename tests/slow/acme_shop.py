# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A shop whose certificate comes by ACME, the authority beside it on its host, and a browser that trusts this authority alone."""

from __future__ import annotations

import base64
import http.client
import json
import socket
import ssl
from pathlib import Path
from typing import Any

from helpers import Answer, Play, Project, wait_for

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
