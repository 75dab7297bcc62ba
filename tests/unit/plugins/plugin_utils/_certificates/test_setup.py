# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What the role writes for ACME, and which mistakes in its variables it names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.plugin_utils._backup import setup as backup
from ansible_collections.slipway.flask.plugins.plugin_utils._certificates import setup as setup
from ansible_collections.slipway.flask.plugins.plugin_utils._library import library
from ansible_collections.slipway.flask.plugins.plugin_utils._metrics import plan as metrics
from host_library import help_of

DEFAULTS: dict[str, Any] = {
    "directory": "letsencrypt", "email": "", "profile": "", "challenge": "http-01", "webroot": "/var/www/acme",
    "check": True, "strict": False, "ca": "", "eab_kid": "", "eab_hmac_key": "", "dns_provider": "",
    "dns_credentials": {}, "dns_wait_seconds": 30,
}  # fmt: skip
SHOP = {"name": "shop", "domains": ["Shop.example"], "redirect_domains": ["www.shop.example"], "certificate": "acme"}
OTHER = {"name": "other", "domains": ["other.example"]}


def problems(site: dict[str, Any] = SHOP, certbot: str = "4.0", **variables: Any) -> list[str]:
    return list(setup.problems([site, OTHER], {**DEFAULTS, **variables}, certbot, "Debian 12"))


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"directory": "https://ca.internal:9000/acme/acme/directory", "ca": "-----BEGIN CERTIFICATE-----\n…"},
        {"directory": "zerossl", "eab_kid": "k", "eab_hmac_key": "h", "email": "ops@shop.example"},
        {"profile": "shortlived"},
        {"challenge": "dns-01", "dns_provider": "cloudflare", "dns_credentials": {"dns_cloudflare_api_token": "t"}},
    ],
)
def test_good_variables_have_no_problems(variables: dict[str, Any]) -> None:
    assert problems(**variables) == []


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        (
            {"directory": "letsencript"},
            "directory is 'letsencript'; it must be letsencrypt, letsencrypt-staging, zerossl or",
        ),
        ({"directory": "http://ca/"}, "or an https:// URL"),
        ({"directory": "zerossl"}, "'zerossl' needs nginx_tls_acme_eab_kid"),
        ({"eab_kid": "k"}, "belong together"),
        ({"email": "ops"}, "email is 'ops'"),
        ({"ca": "/etc/ca.pem"}, "is not a PEM certificate"),
        ({"profile": "shortlived", "certbot": "2.1"}, "certbot 2.1 of Debian 12 can't ask for a profile"),
        ({"challenge": "dns-01"}, "dns_provider is ''; dns-01 needs"),
        ({"dns_provider": "cloudflare"}, "are used only with 'nginx_tls_acme_challenge: dns-01'"),
        (
            {"site": {**SHOP, "domains": ["*.shop.example"]}},
            "'*.shop.example' only with 'nginx_tls_acme_challenge: dns-01'",
        ),
    ],
)
def test_mistakes_are_named(variables: dict[str, Any], told: str) -> None:
    found = problems(**variables)
    assert len(found) == 1
    assert told in found[0]


def test_a_secret_never_shows() -> None:
    assert "hush" not in " ".join(problems(eab_hmac_key="hush", dns_credentials={"x": "hush"}))


def test_mistakes_don_t_count_without_a_site_that_uses_acme() -> None:
    assert list(setup.problems([OTHER], {**DEFAULTS, "directory": "x"}, "2.1", "Debian 12")) == []


def test_settings_are_for_root_alone_and_hold_what_the_renewal_needs() -> None:
    entries = {entry["dest"]: entry for entry in setup.files([SHOP, OTHER], {**DEFAULTS, "ca": "PEM"})}
    settings = entries["/etc/nginx/acme/settings.json"]
    assert settings["mode"] == "0600"
    assert entries["/etc/nginx/acme"]["mode"] == "0700"
    assert entries["/etc/nginx/acme/ca.pem"]["content"] == "PEM\n"
    found = json.loads(settings["content"])
    assert found["directory"] == "https://acme-v02.api.letsencrypt.org/directory"
    assert found["sites"] == [{"name": "shop", "domains": ["shop.example", "www.shop.example"], "staging": False}]


def test_what_is_written_runs_without_ansible(tmp_path: Path) -> None:
    """All modules that the program imports are among the files, and each folder stands before what is in it."""
    own = [
        entry
        for entry in setup.files([SHOP], DEFAULTS)
        if entry["dest"].startswith(str(setup.LIBRARY)) and entry.get("state") != "absent"
    ]
    assert "slipway-certificates" in help_of("_certificates.program", own, tmp_path)


def test_nothing_is_left_without_a_site_that_uses_acme() -> None:
    entries = setup.files([OTHER], DEFAULTS)
    assert {entry["state"] for entry in entries} == {"absent"}
    written = {entry["dest"] for entry in setup.files([SHOP], DEFAULTS) if entry.get("state") != "directory"}
    gone = {entry["dest"] for entry in entries}
    others = {str(path) for other in setup.OTHERS for path in library.paths(library.sources(other))}
    assert written - others <= gone
    assert not gone & others, "another program of the host needs it"


def test_each_program_knows_the_others_that_may_need_its_modules() -> None:
    """Else two roles would take turns: one removes at each run what the other writes, below a program that runs."""
    programs = {
        backup.LIBRARY: backup.OTHERS,
        metrics.PROGRAM: metrics.OTHERS,
        setup.MODULES: setup.OTHERS,
    }
    everyone = {*programs, *(other for others in programs.values() for other in others)}
    for program, others in programs.items():
        assert {program, *others} == everyone, program
