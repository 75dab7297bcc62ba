# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The life of a certificate by ACME, with Pebble as the authority: the tests are one story, in this order."""

from __future__ import annotations

import base64
import json
import os
import re
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from testinfra.host import Host
from warm_ansible import Ansible

FOLDER = Path(__file__).resolve().parents[1]
ROOT = FOLDER.parents[1]
DOMAIN, ALIAS, GONE, FAR = (f"{name}.example.test" for name in ("harbour", "www", "gone", "far"))
HOME = "/etc/nginx/tls/harbour"
NAMES = {"harbour": "127.0.0.1,::1", "ca": "127.0.0.2", "bound": "127.0.0.4"}
UPSTREAM = {"upstream": ["127.0.0.1:9001"], "certificate": "acme"}
SHOWN_SECONDS = 60
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
Converge = Callable[..., str]


@pytest.fixture(scope="module")
def log(host: Host) -> Callable[[str], None]:
    """Append to the transcript of this host's story."""
    file = ROOT / ".slipway/logs" / f"{host.backend.name}.txt"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("")

    def write(text: str) -> None:
        with file.open("a") as stream:
            stream.write(text.rstrip() + "\n")

    return write


@pytest.fixture
def converge(host: Host, log: Callable[[str], None], ansible_playbook: Ansible) -> Converge:
    """Apply the role again, with other variables; return what Ansible printed."""

    def run(domains: list[str], status: int = 0, **variables: Any) -> str:
        sites = [{"name": "harbour", "domains": domains, **UPSTREAM, **variables.pop("site", {})}]
        own = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"])
        log(f"\n# ansible-playbook: domains {', '.join(domains)} {', '.join(variables)}")
        done = ansible_playbook(
            "-i", os.environ["MOLECULE_INVENTORY_FILE"], FOLDER / "converge.yml", "--limit", host.backend.name,
            "-e", json.dumps({"nginx_tls_sites": sites, **variables}), cwd=FOLDER,
            env={**os.environ, "ANSIBLE_CONFIG": str(own / "ansible.cfg"),
                 "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "collections")},
        )  # fmt: skip
        said = COLOUR.sub("", done.stdout + done.stderr)
        log("\n".join(row for row in said.splitlines() if re.match(r"\[WARN|fatal|.*(ok=)", row)))
        assert done.returncode == status, said
        return " ".join(said.split())

    return run


def shell(host: Host, log: Callable[[str], None], command: str) -> str:
    """Run COMMAND on the host, which may fail, and keep it in the transcript."""
    done = host.run(command)
    log(f"\n$ {command}   (status {done.rc})\n{done.stdout}{done.stderr}")
    return str(done.stdout + done.stderr)


def name(host: Host, **more: str) -> None:
    """Make these the only names that DNS has."""
    host.check_output("zone " + " ".join(f"{key}={value}" for key, value in {**NAMES, **more}.items()))


def orders(host: Host) -> int:
    """Return how many certificates the authority was asked for."""
    return int(host.check_output("journalctl -u 'pebble@*' --output cat | grep -c 'POST /order-plz' || true"))


def serial(host: Host) -> str:
    """Return the serial number that a handshake shows."""
    return str(host.check_output(f"openssl s_client -connect 127.0.0.1:443 -servername {DOMAIN} </dev/null 2>/dev/null "
                                 "| openssl x509 -noout -serial"))  # fmt: skip


def domains(host: Host) -> set[str]:
    said = host.check_output(f"openssl x509 -in {HOME}/certificate.pem -noout -ext subjectAltName")
    return set(re.findall(r"DNS:([^,\s]+)", said))


def record(host: Host) -> dict[str, Any]:
    return dict(json.loads(host.file(f"{HOME}/acme.json").content_string))


def test_the_first_run_ends_with_a_certificate_that_browsers_would_trust(host: Host) -> None:
    root = host.check_output("python3 -c \"import ssl, urllib.request as u; print(u.urlopen("
                             "'https://ca.example.test:15000/roots/0', context=ssl.create_default_context("
                             "cafile='/etc/pebble/ca.pem')).read().decode())\"")  # fmt: skip
    host.check_output(f"echo '{root}' > /root/root.pem")
    said = host.check_output(f"openssl s_client -connect 127.0.0.1:443 -servername {DOMAIN} -CAfile /root/root.pem "
                             f"-verify_return_error -verify_hostname {DOMAIN} </dev/null 2>&1")  # fmt: skip
    assert "Verify return code: 0 (ok)" in said
    text = host.check_output(f"openssl x509 -in {HOME}/certificate.pem -noout -text")
    assert "prime256v1" in text
    assert domains(host) == {DOMAIN}
    assert orders(host) == 1


def test_only_root_reads_keys_and_secrets(host: Host) -> None:
    modes = host.check_output(f"stat -c '%a %U' {HOME} {HOME}/key.pem /etc/nginx/acme /etc/nginx/acme/settings.json "
                              "$(find /etc/nginx/acme -name private_key.json)")  # fmt: skip
    assert modes.splitlines() == ["700 root", "600 root", "700 root", "600 root", "400 root"]
    assert host.run("su www-data -s /bin/sh -c 'ls /etc/nginx/acme'").rc != 0


def test_the_timer_waits_for_the_next_boot_too(host: Host) -> None:
    timer = host.service("slipway-certificates.timer")
    assert timer.is_running and timer.is_enabled
    shown = host.check_output("systemctl show slipway-certificates.timer --property RandomizedDelayUSec,Persistent")
    assert set(shown.splitlines()) == {"RandomizedDelayUSec=6h", "Persistent=yes"}


def test_the_renewal_has_no_rights_that_it_does_not_need(exposed: dict[str, float]) -> None:
    assert exposed["slipway-certificates.service"] <= 2.0


def test_nothing_is_asked_when_nothing_changed_also_on_a_host_with_the_backup(host: Host, converge: Converge) -> None:
    before = orders(host), serial(host)
    host.check_output("tar -C / -czf /root/backup.tar.gz etc/nginx/tls etc/nginx/acme && "
                      "rm -r /etc/nginx/tls /etc/nginx/acme && tar -C / -xzf /root/backup.tar.gz")  # fmt: skip
    said = converge([DOMAIN])
    assert "changed=0" in said
    assert (orders(host), serial(host)) == before


def test_a_forced_renewal_under_load_loses_no_request(host: Host, log: Callable[[str], None]) -> None:
    before = serial(host)
    found = json.loads(shell(host, log, f"load {DOMAIN} slipway-certificates renew --force harbour"))
    assert found["status"] == 0, found["said"]
    assert set(found["answers"]) == {"200"} and found["answers"]["200"] > 20
    assert found["certificates"] == 2
    assert serial(host) != before


def test_an_alias_is_one_order(host: Host, converge: Converge) -> None:
    name(host, www="127.0.0.1")
    before = orders(host)
    converge([DOMAIN, ALIAS])
    assert domains(host) == {DOMAIN, ALIAS}
    assert orders(host) == before + 1


def test_a_domain_that_leads_elsewhere_is_told_and_costs_no_order(host: Host, converge: Converge) -> None:
    name(host, www="127.0.0.1", far="127.0.0.1,2001:db8::1")
    before = orders(host)
    said = converge([DOMAIN, ALIAS, GONE, FAR])
    assert f"certificate 'harbour' does not cover {GONE}: the name does not exist in DNS" in said
    assert (
        f"certificate 'harbour' does not cover {FAR}: 2001:db8::1 (AAAA) can't be reached on port 80 from this host"
        in said
    )
    assert orders(host) == before
    assert domains(host) == {DOMAIN, ALIAS}


def test_a_domain_is_added_as_soon_as_it_leads_here(host: Host, log: Callable[[str], None]) -> None:
    name(host, www="127.0.0.1", gone="::1")
    shell(host, log, "systemctl start slipway-certificates; journalctl -u slipway-certificates -n 5 --output cat")
    assert domains(host) == {DOMAIN, ALIAS, GONE}
    assert set(record(host)["left_out"]) == {FAR}


def test_the_old_certificate_stays_while_the_authority_is_down(
    host: Host, converge: Converge, log: Callable[[str], None]
) -> None:
    name(host, ca="127.0.0.3", www="127.0.0.1", gone="::1", new="127.0.0.1")
    before = serial(host)
    said = converge([DOMAIN, ALIAS, "new.example.test"])
    assert "certificate 'harbour' could not be obtained, the old one is kept" in said
    assert "refused" in said
    first = record(host)["failure"]["since"]
    wait_until(lambda: host.check_output("date -u +%FT%TZ") > first)  # it is told in whole seconds
    shell(host, log, "systemctl start slipway-certificates; systemctl is-failed slipway-certificates; "
                     "slipway-certificates list; journalctl -u slipway-certificates -n 8 --output cat")  # fmt: skip
    assert host.check_output("systemctl show slipway-certificates --property ActiveState --value") == "failed"
    assert "refused" in host.check_output("journalctl -u slipway-certificates --output cat")
    failure = record(host)["failure"]
    assert failure["since"] == first < failure["last"]
    assert serial(host) == before
    name(host, www="127.0.0.1", new="127.0.0.1")
    converge([DOMAIN, ALIAS])
    assert record(host)["failure"] is None
    assert host.check_output("systemctl show slipway-certificates --property ActiveState --value") == "inactive"


def test_the_timer_renews_a_six_day_certificate_with_less_than_half_of_its_life(
    host: Host, log: Callable[[str], None]
) -> None:
    """The old one is made here: nobody can wait for three days."""
    certificate, key, number = six_days(timedelta(days=2, hours=23))
    digits = f"{number:X}"
    found = {**record(host), "serial": digits.zfill(len(digits) + len(digits) % 2)}  # whole bytes, as openssl says it
    files = {"certificate.pem": certificate, "key.pem": key, "acme.json": json.dumps(found)}
    for file, text in files.items():
        host.check_output(f"echo {base64.b64encode(text.encode()).decode()} | base64 -d > {HOME}/{file}")
    host.check_output("systemctl reload nginx")
    wait_until(lambda: serial(host) == f"serial={found['serial']}")
    folder = "/run/systemd/system/slipway-certificates.timer.d"
    host.check_output(f"mkdir -p {folder} && printf '[Timer]\\nOnCalendar=*:*:0/2\\nRandomizedDelaySec=0\\n' "
                      f"> {folder}/often.conf && systemctl daemon-reload && "
                      "systemctl restart slipway-certificates.timer")  # fmt: skip
    wait_until(lambda: serial(host) != f"serial={found['serial']}")
    host.check_output(f"rm -r {folder} && systemctl daemon-reload && systemctl restart slipway-certificates.timer")
    # It says so once nginx has the certificate.
    last = "journalctl -u slipway-certificates --output cat | grep renewed | tail -1"
    wait_until(lambda: "harbour: renewed, because 71 hours of 6 days are left" in shell(host, log, last))
    assert domains(host) == {DOMAIN, ALIAS}


def test_strict_refuses_what_it_can_not_have(host: Host, converge: Converge) -> None:
    if "-13" in host.backend.name:
        pytest.skip("once is enough: the same code decides")
    before = orders(host)
    said = converge([DOMAIN, ALIAS, GONE], status=2, nginx_tls_acme_strict=True)
    assert f"certificate 'harbour': {GONE}: the name does not exist in DNS" in said
    assert orders(host) == before


def test_a_profile_where_certbot_can_ask_for_one(host: Host, converge: Converge) -> None:
    if "-12" in host.backend.name:
        said = converge([DOMAIN], status=2, nginx_tls_acme_profile="brief")
        assert "nginx_tls_acme_profile is 'brief', but certbot 2.1 of Debian 12 can't ask for a profile" in said
        return
    before = orders(host)
    converge([DOMAIN], nginx_tls_acme_profile="brief")  # Debian's Pebble knows no profiles, and takes any
    assert orders(host) == before + 1
    assert record(host)["profile"] == "brief"


def test_a_wildcard_by_dns(host: Host, converge: Converge) -> None:
    if "-13" in host.backend.name:
        pytest.skip("once is enough: certbot's plugins are the same")
    converge(
        ["wild.test", "*.wild.test"],
        nginx_tls_acme_challenge="dns-01",
        nginx_tls_acme_dns_provider="rfc2136",
        nginx_tls_acme_dns_wait_seconds=1,
        nginx_tls_acme_dns_credentials={
            "dns_rfc2136_server": "127.0.0.1",
            "dns_rfc2136_name": "acme",
            "dns_rfc2136_secret": base64.b64encode(b"a key of the test").decode(),
            "dns_rfc2136_algorithm": "HMAC-SHA256",
        },
    )
    assert domains(host) == {"wild.test", "*.wild.test"}


def test_an_authority_that_binds_accounts(host: Host, converge: Converge) -> None:
    if "-13" in host.backend.name:
        pytest.skip("once is enough: certbot's options are the same")
    secret = base64.b64encode(b"a key of thirty-two bytes or more").decode().rstrip("=")
    converge([DOMAIN], nginx_tls_acme_directory="https://bound.example.test:14000/dir",
             nginx_tls_acme_eab_kid="kid-1", nginx_tls_acme_eab_hmac_key=secret)  # fmt: skip
    assert record(host)["directory"] == "https://bound.example.test:14000/dir"
    assert host.run(f"grep -r --include='*log*' -l {secret} /var/log /run/log/journal").stdout == ""


def test_nothing_is_left_running_when_no_site_wants_it(host: Host, converge: Converge) -> None:
    if "-12" in host.backend.name:
        pytest.skip("once is enough: systemd's units are the same")
    converge([DOMAIN], site={"certificate": "self_signed"})
    assert not host.service("slipway-certificates.timer").is_running
    for path in ("/usr/local/sbin/slipway-certificates", "/etc/nginx/acme/settings.json",
                 "/etc/systemd/system/timers.target.wants/slipway-certificates.timer"):  # fmt: skip
        assert not host.file(path).exists
    assert "changed=0" in converge([DOMAIN], site={"certificate": "self_signed"})


def six_days(left: timedelta) -> tuple[str, str, int]:
    """Return (certificate, key, serial) for DOMAIN and ALIAS, of a life of six days of which LEFT are left."""
    key, number = ec.generate_private_key(ec.SECP256R1()), x509.random_serial_number()
    end = datetime.now(timezone.utc) + left
    issuer = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "an authority")])
    certificate = (
        x509.CertificateBuilder().subject_name(x509.Name([])).issuer_name(issuer).public_key(key.public_key())
        .serial_number(number).not_valid_before(end - timedelta(days=6)).not_valid_after(end)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(DOMAIN), x509.DNSName(ALIAS)]), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    text = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return certificate.public_bytes(Encoding.PEM).decode(), text, number


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SHOWN_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"not within {SHOWN_SECONDS} s"
        time.sleep(0.2)
