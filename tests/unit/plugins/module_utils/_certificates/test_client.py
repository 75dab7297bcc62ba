# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What certbot is told, and what is made of what it says."""

from __future__ import annotations

import stat
import textwrap
from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._certificates import client as client
from ansible_collections.slipway.flask.plugins.module_utils._certificates import store as tls
from ansible_collections.slipway.flask.plugins.module_utils._certificates.acme import Settings
from ansible_collections.slipway.flask.plugins.module_utils._certificates.client import AcmeError

DIRECTORY = "https://ca.example/dir"
REFUSED = """\
Saving debug log to /var/log/letsencrypt/letsencrypt.log
Requesting a certificate for a.example and b.example

Certbot failed to authenticate some domains (authenticator: webroot). The Certificate Authority reported these problems:
  Domain: b.example
  Type:   unauthorized
  Detail: 192.0.2.1: Invalid response from http://b.example/.well-known/acme-challenge/x: 404

Hint: The Certificate Authority failed to download the temporary challenge files created by Certbot.

Some challenges have failed.
Ask for help or search for solutions at https://community.letsencrypt.org.
"""


def told(settings: Settings, tmp_path: Path) -> dict[str, str]:
    rows = client.options(settings, tmp_path, tmp_path).splitlines()
    return dict(row.split(" = ", 1) for row in rows)


def test_http_uses_the_webroot_and_never_the_port(tmp_path: Path) -> None:
    found = told(Settings(DIRECTORY, email="ops@a.example"), tmp_path)
    assert (found["authenticator"], found["webroot-path"]) == ("webroot", "/var/www/acme")
    assert (found["server"], found["email"]) == (DIRECTORY, "ops@a.example")
    assert not {"required-profile", "eab-kid", "register-unsafely-without-email"} & set(found)


def test_all_else_that_can_be_told(tmp_path: Path) -> None:
    found = told(Settings(DIRECTORY, profile="shortlived", eab_kid="k", eab_hmac_key="h"), tmp_path)
    assert (found["required-profile"], found["eab-kid"], found["eab-hmac-key"]) == ("shortlived", "k", "h")
    assert found["register-unsafely-without-email"] == "true"


def test_dns_credentials_go_by_a_private_file_or_the_environment(tmp_path: Path) -> None:
    settings = Settings(
        DIRECTORY, challenge="dns-01", dns_provider="cloudflare", has_ca=True,
        dns_credentials={"dns_cloudflare_api_token": "t", "AWS_SECRET_ACCESS_KEY": "s"},
    )  # fmt: skip
    found = told(settings, tmp_path)
    assert found["authenticator"] == "dns-cloudflare"
    assert found["dns-cloudflare-propagation-seconds"] == "30"
    credentials = Path(found["dns-cloudflare-credentials"])
    assert credentials.read_text() == "dns_cloudflare_api_token = t\n"
    assert stat.S_IMODE(credentials.stat().st_mode) == 0o600
    environment = client.environment(settings, tmp_path)
    assert environment["AWS_SECRET_ACCESS_KEY"] == "s"
    assert environment["REQUESTS_CA_BUNDLE"] == str(tmp_path / "ca.pem")
    assert "t" not in environment.values()


def test_a_refusal_names_each_domain() -> None:
    error = client.failure(REFUSED, "urn:x :: less :: exact")
    detail = "192.0.2.1: Invalid response from http://b.example/.well-known/acme-challenge/x: 404"
    assert error.domains == {"b.example": detail}
    assert str(error) == f"the authority refused b.example: {detail}"


def test_other_failures_are_what_certbot_says_without_its_noise() -> None:
    said = "Saving debug log to /x\nAn unexpected error occurred:\nConnection refused\nAsk for help or …\n"
    assert str(client.failure(said, "")) == "An unexpected error occurred: Connection refused"
    assert "gave no reason" in str(client.failure("Saving debug log to /x\n", ""))


@pytest.fixture
def certbot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A certbot that does what the file beside it says, in Python; `wanted` are its options."""
    program = tmp_path / "bin/certbot"
    program.parent.mkdir()
    program.write_text(
        textwrap.dedent(f"""\
        #!/usr/bin/env python3
        import pathlib, sys
        here = pathlib.Path({str(tmp_path)!r})
        (here / "argv").write_text(repr(sys.argv))
        file = sys.argv[sys.argv.index("--config") + 1]
        wanted = dict(row.split(" = ", 1) for row in open(file).read().splitlines())
        exec((here / "does").read_text())
        """)
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    return tmp_path / "does"


def test_a_chain_comes_back_with_its_new_key_and_nothing_secret_in_argv(certbot: Path, tmp_path: Path) -> None:
    certbot.write_text(
        "import subprocess\n"
        "subprocess.run(['openssl', 'x509', '-req', '-in', wanted['csr'], '-out', wanted['fullchain-path'], '-days', '6',"
        " '-copy_extensions', 'copyall', '-CA', str(here / 'ca.crt'), '-CAkey', str(here / 'ca.key')], check=True)\n"
    )
    authority, key = tls.self_signed(["ca.example"], 30, tmp_path)
    (tmp_path / "ca.crt").write_text(authority)
    (tmp_path / "ca.key").write_text(key)
    settings = Settings(DIRECTORY, eab_kid="kid", eab_hmac_key="hush")
    chain, own = client.issue(settings, tmp_path, ["a.example", "*.a.example"], tmp_path)
    facts = tls.facts_of_pair(chain, own, tmp_path)
    assert facts.domains == {"a.example", "*.a.example"} and not facts.is_self_signed
    assert "hush" not in (tmp_path / "argv").read_text()
    assert not list(tmp_path.glob("tmp*")), "a key lies about"


def test_a_failure_is_told(certbot: Path, tmp_path: Path) -> None:
    certbot.write_text("print('The authority sleeps'); sys.exit(1)")
    with pytest.raises(AcmeError, match="The authority sleeps"):
        client.issue(Settings(DIRECTORY), tmp_path, ["a.example"], tmp_path)


LOGGED = """
2026-11-21 13:04:40,277:DEBUG:certbot._internal.log:Exiting abnormally:
acme.messages.Error: urn:ietf:params:acme:error:{kind} :: {meaning} :: {detail}

During handling of the above exception, another exception occurred:
AttributeError: can't set attribute
"""


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Certbot's log, which has the error of an earlier run."""
    monkeypatch.setattr(client, "LOGS", tmp_path)
    found = tmp_path / "letsencrypt.log"
    found.write_text(LOGGED.format(kind="accountDoesNotExist", meaning="Old", detail="Old"))
    return found


def test_the_authoritys_own_words_are_told_though_certbot_of_debian_12_hides_them(
    certbot: Path, tmp_path: Path, log: Path
) -> None:
    said = LOGGED.format(kind="rateLimited", meaning="Too many requests", detail="retry after noon")
    certbot.write_text(
        f"with (here / 'letsencrypt.log').open('a') as log: log.write({said!r})\n"
        'sys.exit("An unexpected error occurred:\\nAttributeError: can\'t set attribute")\n'
    )
    with pytest.raises(AcmeError, match="^the authority says: Too many requests: retry after noon$"):
        client.issue(Settings(DIRECTORY), tmp_path, ["a.example"], tmp_path)


def test_an_account_that_the_authority_forgot_is_made_anew_once(certbot: Path, tmp_path: Path, log: Path) -> None:
    account, other = (tmp_path / "certbot/accounts" / name for name in ("ca.example/dir/1", "other.example/dir/1"))
    for folder in (account, other):
        folder.mkdir(parents=True)
    said = LOGGED.format(kind="accountDoesNotExist", meaning="No such account", detail="Account 1 not found")
    certbot.write_text(
        "with (here / 'calls').open('a') as calls: calls.write('x')\n"
        f"with (here / 'letsencrypt.log').open('a') as log: log.write({said!r})\n"
    )
    with pytest.raises(AcmeError, match="No such account"):
        client.issue(Settings(DIRECTORY), tmp_path, ["a.example"], tmp_path)
    assert (tmp_path / "calls").read_text() == "xx"
    assert not account.exists() and other.is_dir()


def test_one_that_hangs_is_ended(certbot: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "SECONDS", 0.2)
    certbot.write_text("import time; time.sleep(60)")
    with pytest.raises(AcmeError, match="took longer than"):
        client.issue(Settings(DIRECTORY), tmp_path, ["a.example"], tmp_path)


def test_a_host_without_certbot_is_told_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)
    with pytest.raises(AcmeError, match="nginx_tls_acme_packages"):
        client.issue(Settings(DIRECTORY), tmp_path, ["a.example"], tmp_path)
