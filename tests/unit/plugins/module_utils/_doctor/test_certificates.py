# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What the doctor says of certificates: real ones, as far as openssl is asked."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._doctor import certificates
from ansible_collections.slipway.flask.plugins.module_utils._doctor.base import UnknownError
from examined_host import FakeHost

NOW = datetime(2026, 11, 26, tzinfo=timezone.utc).timestamp()
PLACE = "/etc/nginx/tls/shop/certificate.pem"
TIMER = "LoadState=loaded\nActiveState=active\n"


def host_with(
    folder: Path, ends: str, issuer: str = "O = Authority", timer: str = TIMER, chain: str | None = "OK",
    begins: str = "Sep 1 00:00:00 2026 GMT",
) -> FakeHost:  # fmt: skip
    said = f"notBefore={begins}\nnotAfter={ends}\nsubject=CN = shop\nissuer={issuer}\n"
    host = FakeHost(folder, {"openssl x509": said, "openssl verify": chain, "systemctl show": timer})
    host.write(PLACE, "-----BEGIN CERTIFICATE-----\n")
    return host


def found(host: FakeHost) -> list[str]:
    return [f"{one.level}: {one.says}" for one in certificates.certificates(host, NOW, lambda _: [])]


@pytest.mark.parametrize(
    ("ends", "said"),
    [
        ("Feb 10 00:00:00 2027 GMT", []),
        ("Dec 10 00:00:00 2026 GMT", ["note: shop: the certificate expires in 14 days"]),
        ("Nov 28 00:00:00 2026 GMT", ["problem: shop: the certificate expires in 2 days"]),
        ("Nov 20 00:00:00 2026 GMT", ["problem: shop: the certificate expired 6 days ago"]),
    ],
)
def test_the_days_that_a_certificate_has_left(tmp_path: Path, ends: str, said: list[str]) -> None:
    assert found(host_with(tmp_path, ends)) == said


@pytest.mark.parametrize(
    ("ends", "level"),
    [
        ("Nov 29 00:00:00 2026 GMT", []),
        ("Nov 27 00:00:00 2026 GMT", ["note"]),
        ("Nov 26 06:00:00 2026 GMT", ["problem"]),
    ],
)
def test_a_certificate_of_six_days_is_not_late_all_its_life(tmp_path: Path, ends: str, level: list[str]) -> None:
    host = host_with(tmp_path, ends, begins="Nov 22 00:00:00 2026 GMT")
    assert [one.level for one in certificates.certificates(host, NOW, lambda _: [])] == level


def test_a_certificate_that_leads_to_no_authority_is_a_problem(tmp_path: Path) -> None:
    (said,) = found(host_with(tmp_path, "Feb 10 00:00:00 2027 GMT", chain=None))
    assert said.startswith("problem: shop: the certificate does not chain to an authority that this host trusts")


def test_a_self_signed_certificate_is_noted_and_needs_no_renewal(tmp_path: Path) -> None:
    host = host_with(
        tmp_path, "Feb 10 00:00:00 2027 GMT", "CN = shop", "LoadState=loaded\nActiveState=inactive\n", None
    )
    assert found(host) == ["note: shop: the certificate is self-signed, which browsers reject"]


@pytest.mark.parametrize(("state", "said"), [("active", 0), ("inactive", 1)])
def test_a_renewal_by_certbot_that_does_not_run_is_a_problem(tmp_path: Path, state: str, said: int) -> None:
    host = host_with(tmp_path, "Feb 10 00:00:00 2027 GMT", timer=f"LoadState=loaded\nActiveState={state}\n")
    host.write("/etc/letsencrypt/live/wiki/fullchain.pem")
    assert found(host) == ["problem: certbot.timer is not running, so no certificate is renewed"] * said


def test_why_a_renewal_of_ours_fails_is_told(tmp_path: Path) -> None:
    host = host_with(tmp_path, "Feb 10 00:00:00 2027 GMT")
    said = [one.says for one in certificates.certificates(host, NOW, lambda name: [f"{name} was refused"])]
    assert said == ["shop: shop was refused"]


def test_a_host_without_certificates_is_well_without_openssl(tmp_path: Path) -> None:
    assert found(FakeHost(tmp_path)) == []


def test_certificates_can_t_be_read_without_openssl(tmp_path: Path) -> None:
    host = FakeHost(tmp_path)
    host.write(PLACE)
    with pytest.raises(UnknownError, match="openssl"):
        found(host)


def test_what_is_no_certificate_is_a_problem(tmp_path: Path) -> None:
    host = FakeHost(tmp_path, {"openssl x509": None, "systemctl": TIMER})
    host.write(PLACE)
    assert found(host) == [f"problem: {tmp_path}{PLACE} is not a certificate"]


def test_nobody_is_told_to_get_a_certificate_for_a_site_whose_visitors_come_to_an_edge(tmp_path: Path) -> None:
    host = host_with(tmp_path, "Feb 10 00:00:00 2027 GMT", issuer="CN = shop", chain=None)
    assert [one.do for one in certificates.certificates(host, NOW, lambda _: [])] == [
        "Set `certificate: acme` for the app"
    ]
    assert list(certificates.certificates(host, NOW, lambda _: [], behind=["shop"])) == []
