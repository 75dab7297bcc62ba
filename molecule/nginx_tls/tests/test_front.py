# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The front as the field's own tools grade it, and what it believes of whom."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from asking import HARBOUR, SHOP, fetch, fetch_all, logged
from testinfra.host import Host

PROXY = "127.0.0.9"
"""The address of molecule.yml's nginx_tls_trusted_proxies that a test can send from."""
HARMLESS = ("OK", "INFO", "LOW", "WARN")
"""Severities of testssl.sh; WARN is a check that it could not do, such as RC4 with an OpenSSL that has none left."""


LOGS = Path(__file__).resolve().parents[3] / ".slipway/logs"


def keep(host: Host, name: str, text: str) -> None:
    """Write what a tool found to the logs of the tests, for people to read."""
    LOGS.mkdir(parents=True, exist_ok=True)
    (LOGS / f"{host.backend.name}-{name}.txt").write_text(f"{text.rstrip()}\n")


def test_testssl_gives_its_best_grade(host: Host) -> None:
    """All that the grade is made of; client simulations (-c) and the order of ciphers (-P) double the time."""
    host.run(
        "rm -f /tmp/grade.json; testssl --quiet --color 0 --warnings off --nodns none --ip 127.0.0.1 --fast "
        f"--add-ca /etc/ssl/test-ca.pem -p -s -f -S -h -U --jsonfile /tmp/grade.json https://{SHOP}"
    )
    findings = json.loads(host.file("/tmp/grade.json").content_string)
    lines = [f"{finding['severity']:5} {finding['id']:30} {finding['finding']}" for finding in findings]
    keep(
        host, "testssl", "\n".join(line for line in lines if "grade" in line or line[:5].strip() not in ("OK", "INFO"))
    )
    assert {finding["id"]: finding["finding"] for finding in findings}["overall_grade"] == "A+"
    assert [finding for finding in findings if finding["severity"] not in HARMLESS] == []


def test_gixy_finds_nothing(host: Host) -> None:
    """gixy-ng reads what nginx reads, all files together."""
    gixy = shutil.which("gixy") or str(Path(sys.executable).with_name("gixy"))
    skipped = [
        "try_files_is_evil_too",  # it wants open files cached, and a cached one outlives the switch to a new release
        "hsts_header",  # a site with a self-signed certificate sends none on purpose; testssl.sh checks the other's
    ]
    command = [gixy, "--format", "json", "--skips", ",".join(skipped), "-"]
    said = subprocess.run(
        command, input=host.check_output("nginx -T"), capture_output=True, text=True, timeout=60, check=False
    )
    keep(host, "gixy", f"$ nginx -T | {' '.join(command).replace(gixy, 'gixy')}\n{said.stdout}")
    assert json.loads(said.stdout) == []


def test_http3(host: Host) -> None:
    asked = "curl --silent --show-error --cacert /etc/ssl/test-ca.pem --resolve shop.example:443:127.0.0.1"
    page = f"https://{SHOP}/x --output /dev/null --write-out '%{{http_version}} %{{http_code}}'"
    if not host.backend.name.endswith("-13"):  # nginx 1.22: HTTP/3 can only be off
        assert host.check_output(f"{asked} {page}") == "2 200"
        assert fetch(host, SHOP).all("alt-svc") == []
        return
    assert host.check_output(f"{asked} --http3-only {page}") == "3 200"
    assert fetch(host, SHOP).one("alt-svc") == 'h3=":443"; ma=86400'
    unknown = host.run(f"{asked.replace('shop', 'evil')} --http3-only --insecure https://evil.example/")
    assert unknown.rc != 0 and unknown.stdout == ""


def test_nobody_but_a_trusted_proxy_speaks_for_a_visitor(host: Host) -> None:
    said = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https", "X-Request-ID": "from-the-cdn.7"}
    stranger, proxied = fetch_all(
        host, [{"host": HARBOUR, "headers": said}, {"host": HARBOUR, "headers": said, "source": PROXY}]
    )
    assert stranger.received("x-forwarded-for") == ["127.0.0.1"]
    assert stranger.received("x-request-id") != ["from-the-cdn.7"]
    assert proxied.received("x-forwarded-for") == ["203.0.113.9"]
    assert proxied.received("x-real-ip") == ["203.0.113.9"]
    assert proxied.received("x-request-id") == ["from-the-cdn.7"]
    assert logged(host, "from-the-cdn.7")["client"] == "203.0.113.9"
    chain = fetch(host, headers={"X-Forwarded-For": "127.0.0.1, 203.0.113.9, 192.0.2.1"}, source=PROXY)
    assert chain.received("x-forwarded-for") == ["203.0.113.9"]  # what came before is the visitor's to forge
    odd = fetch(host, headers={"X-Request-ID": "a b"}, source=PROXY)
    assert odd.received("x-request-id") != ["a b"]


@pytest.mark.parametrize("said", ["http", "https", ""])
def test_the_scheme_is_the_visitors_and_not_the_proxys(host: Host, said: str) -> None:
    headers = {"X-Forwarded-Proto": said} if said else {}
    for plain in (True, False):
        answer = fetch(host, path="/a?b=1", headers=headers, source=PROXY, plain=plain)
        if said == "https" or (not said and not plain):
            assert (answer.status, answer.received("x-forwarded-proto")) == (200, ["https"])
        else:
            assert (answer.status, answer.one("location")) == (308, f"https://{HARBOUR}/a?b=1")
    forged = fetch(host, path="/a", headers=headers, plain=True)
    assert (forged.status, forged.one("location")) == (308, f"https://{HARBOUR}/a")


def test_an_alias_behind_a_proxy_leads_to_the_first_domain(host: Host) -> None:
    answer = fetch(
        host, "www.harbour-old.example", "/x?y=1", plain=True, source=PROXY, headers={"X-Forwarded-Proto": "https"}
    )
    assert (answer.status, answer.one("location")) == (308, f"https://{HARBOUR}/x?y=1")


@pytest.mark.parametrize(
    ("headers", "compressed"),
    [
        ({}, True),
        ({"Referer": f"https://{HARBOUR}/page"}, True),
        ({"Referer": "https://evil.example/"}, False),
        ({"Referer": f"https://{HARBOUR}.evil.example/"}, False),
        ({"Sec-Fetch-Site": "same-origin", "Referer": f"https://{HARBOUR}/page"}, True),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "cross-site", "Referer": f"https://{HARBOUR}/page"}, False),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-User": "?1", "Referer": "https://search.example/"}, True),
    ],
)
def test_no_other_site_can_measure_compressed_pages(host: Host, headers: dict[str, str], compressed: bool) -> None:
    answer = fetch(host, headers={"Accept-Encoding": "gzip", **headers})
    assert answer.status == 200
    assert answer.all("content-encoding") == (["gzip"] if compressed else [])
    static = fetch(host, path="/static/app.css", headers={"Accept-Encoding": "gzip", **headers})
    assert static.one("content-encoding") == "gzip"  # holds no secret


def test_an_uncompressed_answer_is_the_apps_own(host: Host) -> None:
    foreign = {"Referer": "https://evil.example/"}
    posted = fetch(host, path="/form?x=1", method="POST", bytes=5000, headers=foreign)
    assert (posted.status, json.loads(posted.body)["length"]) == (200, 5000)
    assert json.loads(posted.body)["path"] == "/form?x=1"
    assert fetch(host, path="/own-503", headers=foreign).status == 503
    late = fetch(host, path="/slow", headers=foreign)
    assert late.status == 504 and "did not answer in time" in late.body
    assert fetch(host, path="/media/missing", headers=foreign).status == 200


def test_counters_are_for_the_host_alone(host: Host) -> None:
    asked = "curl --silent --output /dev/null --write-out %{http_code} http://"
    assert "Active connections" in host.check_output("curl --silent http://127.0.0.1:8081/nginx_status")
    assert host.check_output(f"{asked}127.0.0.1:8081/") == "404"
    address = host.check_output("hostname -I").split()[0]
    assert host.run(f"{asked}{address}:8081/nginx_status").stdout == "000"


@pytest.mark.parametrize("rules", ["/etc/logrotate.d/nginx", "/etc/nginx/slipway/logrotate.conf"])
def test_logs_are_rotated_and_go_on(host: Host, rules: str) -> None:
    """At night by the distribution's rules, and by ours when one has grown too large; nobody else may read them."""
    assert host.check_output("find /var/log/nginx -name '*.log' -perm /o+r") == ""
    host.check_output(f"logrotate --force {rules}")
    assert host.file("/var/log/nginx/harbour.access.log.1").exists
    wanted = fetch(host, path="/after-rotation").received("x-request-id")[0]
    assert logged(host, wanted)["uri"] == "/after-rotation"
    log = host.file("/var/log/nginx/harbour.access.log")
    assert (log.group, log.mode) == ("adm", 0o640)
