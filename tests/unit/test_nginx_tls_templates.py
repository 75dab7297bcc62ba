# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""nginx_tls: the TLS profiles say what Mozilla's guidelines 5.8 say."""

from __future__ import annotations

from pathlib import Path

import pytest
from jinja2 import Environment, FileSystemLoader, StrictUndefined

TEMPLATES = Path(__file__).resolve().parents[2] / "roles/nginx_tls/templates"


def tls(profile: str, openssl: str) -> dict[str, str]:
    """Return the directives of tls.conf by name."""
    environment = Environment(loader=FileSystemLoader(TEMPLATES), trim_blocks=True, undefined=StrictUndefined)
    environment.filters["comment"] = lambda text: f"# {text}"
    environment.tests["version"] = lambda found, wanted, _: float(found) >= float(wanted)
    text = environment.get_template("tls.conf.j2").render(
        ansible_managed="", nginx_tls_profile=profile, __nginx_tls_openssl=openssl
    )
    rows = [line.partition(";")[0].split(" ", 1) for line in text.splitlines() if line and not line.startswith("#")]
    return {row[0]: row[1] for row in rows}


@pytest.mark.parametrize(
    ("profile", "protocols", "ciphers"),
    [
        (
            "intermediate",
            "TLSv1.2 TLSv1.3",
            "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
            "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305",
        ),
        ("modern", "TLSv1.3", None),
    ],
)
def test_profiles(profile: str, protocols: str, ciphers: str | None) -> None:
    found = tls(profile, "3.5")
    assert (found["ssl_protocols"], found.get("ssl_ciphers")) == (protocols, ciphers)
    assert found["ssl_ecdh_curve"] == "?X25519MLKEM768:X25519:prime256v1:secp384r1"
    assert (found["ssl_prefer_server_ciphers"], found["ssl_session_tickets"]) == ("off", "off")


def test_an_older_openssl_is_not_asked_for_what_it_would_refuse() -> None:
    assert tls("modern", "3.0")["ssl_ecdh_curve"] == "X25519:prime256v1:secp384r1"
