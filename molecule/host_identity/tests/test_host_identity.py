# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A host's certificate on a real host: who can read what, and that it is renewed without the controller."""

from __future__ import annotations

from testinfra.host import Host

FOLDER = "/etc/slipway/identity"


def test_the_certificate_is_trusted_by_its_authority_alone(host: Host) -> None:
    verified = host.check_output(f"openssl verify -CAfile {FOLDER}/fleet.pem {FOLDER}/certificate.pem")
    assert verified.endswith("OK")
    assert host.run(f"openssl verify {FOLDER}/certificate.pem").rc != 0


def test_a_user_of_the_host_can_read_what_is_public_and_no_key(host: Host) -> None:
    as_nobody = "setpriv --reuid=nobody --regid=nogroup --clear-groups cat"
    assert "BEGIN CERTIFICATE" in host.check_output(f"{as_nobody} {FOLDER}/fleet.pem")
    for name in ("ca.key", "key.pem"):
        assert host.run(f"{as_nobody} {FOLDER}/{name}").rc != 0, name


def test_the_timer_renews_it_within_its_sandbox(host: Host) -> None:
    assert host.service("slipway-identity.timer").is_running
    assert host.service("slipway-identity.timer").is_enabled
    before = host.check_output(f"cat {FOLDER}/certificate.pem")
    host.check_output("systemctl start slipway-identity.service")
    assert host.check_output(f"cat {FOLDER}/certificate.pem") == before
    host.check_output(f"cp {FOLDER}/key.pem /root/key.pem && openssl genpkey -algorithm EC -pkeyopt "
                      f"ec_paramgen_curve:prime256v1 -out {FOLDER}/key.pem")  # fmt: skip
    host.check_output("systemctl start slipway-identity.service")
    assert host.check_output(f"cat {FOLDER}/certificate.pem") != before
    assert "89 days left" in host.check_output("slipway-identity show")
