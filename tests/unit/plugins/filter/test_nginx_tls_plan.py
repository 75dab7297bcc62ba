# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""nginx_tls_plan: every mistake at once, and what sites without one are on the host."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.slipway.flask.plugins.filter.web import nginx_tls_plan

SHOP = {"name": "shop", "domains": ["Shop.example"], "upstream": "unix:/srv/shop/current/run/app.sock"}
PROVIDED = {"certificate": "provided", "certificate_file": "/etc/shop.pem", "key_file": "/etc/shop.key"}
ACME = {
    "directory": "letsencrypt", "email": "", "profile": "", "challenge": "http-01", "webroot": "/var/www/acme",
    "check": True, "strict": False, "ca": "", "eab_kid": "", "eab_hmac_key": "", "dns_provider": "",
    "dns_credentials": {}, "dns_wait_seconds": 60,
}  # fmt: skip
ROLE = {
    "profile": "intermediate", "http3": False, "nginx": "1.26", "trusted_proxies": [], "pages": {},
    "maintenance_allow": [], "maintenance_retry_seconds": 300, "status_port": 0, "worker_connections": 0,
    "log_mask": ["default"],
}  # fmt: skip
SETTINGS: dict[str, Any] = {
    "defaults": {
        "body_size_mb": 16, "header_kb": 8, "timeout_seconds": 60, "hsts_seconds": 1000, "hsts_preload": False,
        "http3": False, "headers": {}, "connections_per_address": 0, "rate_limits": {},
    },
    "role": ROLE, "acme": ACME, "pem": {}, "system": "Debian 13", "certbot": "4.0", "folder": "/etc/nginx/slipway",
    "access_folder": "/etc/nginx/slipway/access", "unknown": False,
    "pages": {"404": {"title": "Nothing here", "text": "It may have moved."}},
}  # fmt: skip


def plan(*sites: dict[str, Any], checked: bool = True, **settings: Any) -> dict[str, Any]:
    return nginx_tls_plan([{**SHOP, **site} for site in sites], {**SETTINGS, **settings}, checked=checked)


def entries(*sites: dict[str, Any], **settings: Any) -> dict[str, dict[str, Any]]:
    """Return the files of a plan by their path on the host."""
    return {entry["dest"]: entry for entry in plan(*sites, **settings)["files"]}


def test_a_good_site_has_no_problem() -> None:
    assert plan({}, checked=False)["problems"] == []


def test_mistakes_in_the_role_the_sites_and_what_acme_needs_are_told_at_once_and_nothing_else_is_made() -> None:
    wrong = {"role": {**ROLE, "profile": "old"}, "acme": {**ACME, "directory": "http://ca.example"}}
    found = plan({"upstream": "shop", "certificate": "acme"}, checked=False, **wrong)
    role, site, acme = found.pop("problems")
    assert "nginx_tls_profile" in role and "site 'shop'" in site and "nginx_tls_acme_directory" in acme
    assert found == {"certificates": [], "private_keys": {}, "files": [], "masked": ""}


def test_what_was_checked_is_not_checked_again() -> None:
    assert plan({"certificate_file": "/no/such/file"})["problems"] == []
    assert plan({"certificate_file": "/no/such/file"}, checked=False)["problems"] != []


@pytest.mark.parametrize("sites", ["shop", {"name": "shop"}, ["shop"]])
def test_what_are_no_sites_is_refused(sites: Any) -> None:
    with pytest.raises(AnsibleFilterError, match="expects a list of mappings"):
        nginx_tls_plan(sites, SETTINGS)


@pytest.mark.parametrize(
    ("site", "more"),
    [({}, {}), ({"certificate": "acme"}, {"acme": True}), (PROVIDED, {"certificate": "CERTIFICATE\n"})],
)
def test_a_site_wants_one_certificate_for_all_its_names(site: dict[str, Any], more: dict[str, Any]) -> None:
    found = plan(
        {**site, "redirect_domains": ["WWW.shop.example"]}, pem={"/etc/shop.pem": "CERTIFICATE", "/etc/shop.key": "KEY"}
    )
    assert found["certificates"] == [{"name": "shop", "domains": ["shop.example", "www.shop.example"], **more}]
    assert found["private_keys"] == ({"shop": "KEY\n"} if site is PROVIDED else {})


def test_an_nginx_that_cannot_end_a_handshake_gets_a_certificate_for_it() -> None:
    assert plan({}, unknown=True)["certificates"][1:] == [{"name": "_unknown", "domains": ["invalid"]}]


def test_a_page_is_one_file_for_people_and_one_for_programs() -> None:
    found = entries({})
    assert found["/etc/nginx/slipway/pages/404.html"]["vars"] == {
        "title": "Nothing here", "text": "It may have moved.", "status": "404",
    }  # fmt: skip
    answer = json.loads(found["/etc/nginx/slipway/pages/404.json"]["content"])
    assert answer == {
        "title": "Nothing here",
        "status": 404,
        "detail": "It may have moved.",
        "request_id": "<!--# echo var='nginx_tls_request_id' -->",
    }


@pytest.mark.parametrize("status", ["404", 404])
def test_a_page_of_ones_own_goes_before_and_programs_get_the_same(status: str | int) -> None:
    found = entries({}, role={**ROLE, "pages": {status: "<h1>Gone</h1>\n\n"}})
    assert found["/etc/nginx/slipway/pages/404.html"]["content"] == "<h1>Gone</h1>\n"
    assert "detail" in found["/etc/nginx/slipway/pages/404.json"]["content"]


@pytest.mark.parametrize(("waiting", "suffix"), [(False, "conf"), (True, "waiting")])
def test_a_site_is_a_virtual_host_and_two_logs_that_not_everybody_reads(waiting: bool, suffix: str) -> None:
    found = entries({"waiting": waiting})
    host = found[f"/etc/nginx/slipway/sites/shop.{suffix}"]
    assert (host["src"], host["vars"]["site"]["domains"]) == ("site.conf.j2", ["shop.example"])
    for log in ("access", "error"):
        entry = found[f"/var/log/nginx/shop.{log}.log"]
        assert (entry["state"], entry["mode"], entry["owner"], entry["group"]) == ("present", "0640", "www-data", "adm")


def test_password_files_are_for_nginx_alone_and_an_authority_is_beside_them() -> None:
    access = [{"path": "/admin/", "basic_auth": {"ann": "$2y$05$abc"}}]
    found = entries({"access": access, "client_ca_file": "/etc/ca.pem"}, pem={"/etc/ca.pem": "CA"})
    (users,) = [entry for path, entry in found.items() if path.endswith(".users")]
    assert (users["mode"], users["group"]) == ("0640", "www-data")
    assert "ann:$2y$05$abc" in users["content"]
    assert found["/etc/nginx/slipway/access/shop.ca"]["content"] == "CA\n"


@pytest.mark.parametrize(("certificate", "state"), [("acme", None), ("self_signed", "absent")])
def test_the_renewal_is_there_only_with_a_site_that_needs_it(certificate: str, state: str | None) -> None:
    timer = entries({"certificate": certificate})["/etc/systemd/system/slipway-certificates.timer"]
    assert timer.get("state") == state
