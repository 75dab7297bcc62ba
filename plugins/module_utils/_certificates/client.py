# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""One certificate from an ACME authority, by certbot. PRIVATE to the collection: it may change without notice.

certbot gets a signing request and gives a chain back: it keeps the account and nothing else, so that its own timer and
its own renewals know nothing of these certificates. All settings go by a file that only root can read, never by argument.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

from ansible_collections.slipway.flask.plugins.module_utils._certificates.acme import Settings
from ansible_collections.slipway.flask.plugins.module_utils._certificates.store import openssl

SECONDS = 600
"""Longest time that the authority may take; its validation alone may be slow with DNS."""
LOGS = Path("/var/log/letsencrypt")  # rotated by the package's own rule
ACCOUNT, CA = "certbot", "ca.pem"
REQUEST = """\
[req]
distinguished_name = name
req_extensions = extensions
prompt = no
[name]
[extensions]
subjectAltName = {alternatives}
"""
NOISE = ("Saving debug log", "Ask for help", "See the logfile", "Requesting a certificate", "Account registered",
         "Hint:", "- - -", "Some challenges have failed", "Performing the following", "Waiting for verification",
         "Cleaning up", "Use of --", "Certbot failed to authenticate")  # fmt: skip
REFUSAL = re.compile(r"^acme\.messages\.Error: (urn:\S+ :: .+)$", re.MULTILINE)
FORGOTTEN = "urn:ietf:params:acme:error:accountDoesNotExist"  # RFC 8555, 6.7


class AcmeError(RuntimeError):
    """Why the authority gave no certificate, for a person; `domains` tells which it refused, if it was so exact."""

    def __init__(self, message: str, domains: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.domains = domains or {}


def issue(settings: Settings, folder: Path, domains: list[str], scratch: Path) -> tuple[str, str]:
    """Return (chain, key) as PEM of a new certificate for DOMAINS, with a new ECDSA P-256 key.

    FOLDER holds the account (and ca.pem); SCRATCH is a folder for root alone.

    :raises AcmeError: when the authority gives none, or certbot is not there.
    """
    program = shutil.which("certbot")
    if program is None:
        raise AcmeError("certbot is not installed on the host: add it to nginx_tls_acme_packages")
    with tempfile.TemporaryDirectory(dir=scratch) as name:
        work = Path(name)
        (work / "request.cnf").write_text(REQUEST.format(alternatives=", ".join(f"DNS:{domain}" for domain in domains)))
        openssl(
            *("req", "-new", "-config", str(work / "request.cnf"), "-subj", "/", "-newkey", "ec", "-pkeyopt"),
            *(
                "ec_paramgen_curve:prime256v1",
                "-nodes",
                "-keyout",
                str(work / "key.pem"),
                "-out",
                str(work / "csr.pem"),
            ),
        )
        private_file(work / "certbot.ini", options(settings, folder, work))
        command = [program, "certonly", "--non-interactive", "--config", str(work / "certbot.ini")]
        said, refusal = run(command, environment(settings, folder))
        if refusal.startswith(FORGOTTEN):  # an authority set up anew: certbot would insist on the old account forever
            shutil.rmtree(account(settings, folder), ignore_errors=True)
            said, refusal = run(command, environment(settings, folder))
        if not (work / "chain.pem").is_file():
            raise failure(said, refusal)
        return (work / "chain.pem").read_text(), (work / "key.pem").read_text()


def account(settings: Settings, folder: Path) -> Path:
    """Return where certbot keeps its account with the authority."""
    directory = urlsplit(settings.directory)
    return folder / ACCOUNT / "accounts" / f"{directory.netloc}{directory.path}"


def options(settings: Settings, folder: Path, work: Path) -> str:
    """Return certbot's configuration file for one order whose files are in WORK."""
    wanted = {
        "server": settings.directory,
        "agree-tos": "true",
        "no-eff-email": "true",
        "config-dir": folder / ACCOUNT,
        "work-dir": work,
        "logs-dir": LOGS,
        "max-log-backups": "0",
        "csr": work / "csr.pem",
        "cert-path": work / "leaf.pem",
        "chain-path": work / "intermediate.pem",
        "fullchain-path": work / "chain.pem",
    }
    wanted |= {"email": settings.email} if settings.email else {"register-unsafely-without-email": "true"}
    if settings.eab_kid:
        wanted |= {"eab-kid": settings.eab_kid, "eab-hmac-key": settings.eab_hmac_key}
    if settings.profile:
        wanted["required-profile"] = settings.profile
    if settings.challenge == "http-01":
        wanted |= {"authenticator": "webroot", "webroot-path": settings.webroot}
    else:
        plugin = f"dns-{settings.dns_provider}"
        wanted |= {"authenticator": plugin, f"{plugin}-propagation-seconds": settings.dns_wait_seconds}
        if credentials := {key: value for key, value in settings.dns_credentials.items() if not key.isupper()}:
            text = "".join(f"{key} = {value}\n" for key, value in credentials.items())
            private_file(work / "credentials.ini", text)
            wanted[f"{plugin}-credentials"] = work / "credentials.ini"
    return "".join(f"{key} = {value}\n" for key, value in wanted.items())


def environment(settings: Settings, folder: Path) -> dict[str, str]:
    """Return certbot's environment: the CA of the directory, and those credentials that are environment variables."""
    own = {key: value for key, value in settings.dns_credentials.items() if key.isupper()}
    return {
        **os.environ,
        "LC_ALL": "C.UTF-8",
        **({"REQUESTS_CA_BUNDLE": str(folder / CA)} if settings.has_ca else {}),
        **own,
    }


def run(command: list[str], environment: dict[str, str]) -> tuple[str, str]:
    """Run certbot; return all that it says, and the authority's last error (`type :: meaning :: detail`) or "".

    :raises AcmeError: when it does not end.
    """
    log = LOGS / "letsencrypt.log"
    before = log.stat().st_size if log.is_file() else 0
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, errors="replace", check=False,
                              stdin=subprocess.DEVNULL, timeout=SECONDS)  # fmt: skip
    except subprocess.TimeoutExpired:
        raise AcmeError(f"the authority took longer than {SECONDS} s") from None
    # On Debian 12 it says no more than "can't set attribute" (https://github.com/certbot/certbot/issues/9539).
    logged = log.read_bytes()[before:].decode(errors="replace") if log.is_file() else ""
    return done.stdout + done.stderr, (REFUSAL.findall(logged) or [""])[-1]


def failure(said: str, refusal: str) -> AcmeError:
    """Return the error for what certbot SAID: with a reason for each domain when it gives them, else the REFUSAL's."""
    domains = dict(re.findall(r"^\s*Domain:\s*(\S+)\n\s*Type:\s*\S+\n\s*Detail:\s*(.+)$", said, re.MULTILINE))
    if domains:
        text = "; ".join(f"{domain}: {detail}" for domain, detail in domains.items())
        return AcmeError(f"the authority refused {text}", domains)
    if refusal:
        return AcmeError(f"the authority says: {': '.join(refusal.split(' :: ')[1:])}")
    lines = [line.strip() for line in said.splitlines()]
    kept = [line for line in lines if line and not line.startswith(NOISE)]
    return AcmeError(" ".join(kept)[-600:] or "certbot gave no reason; see /var/log/letsencrypt/letsencrypt.log")


def private_file(path: Path, text: Iterable[str]) -> None:
    """Write PATH so that nobody but root could ever read it."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as stream:
        stream.write("".join(text))
