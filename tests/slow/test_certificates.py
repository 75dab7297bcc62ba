# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A staging site with a certificate by ACME, from its description alone: what visitors, attackers and the authority see.

The authority (Pebble) and its DNS run on the host itself, which has nothing else when `site.yml` comes. The tests run in
the file's order.
"""

from __future__ import annotations

import base64
import json
import re
from typing import Any

import pytest
from acme_shop import FORCED, LISTENING, MAIN, OLD, REQUEST, SECOND, TEAM, Shop
from helpers import Project, wait_for

pytestmark = pytest.mark.once("13")


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
    assert (
        f"shop on {shop.host.name}: its certificate is valid for another 90 days and could not be renewed since" in said
    )
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
