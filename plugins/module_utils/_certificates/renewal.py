# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""From a certificate that is due to a handshake that shows the new one. PRIVATE to the collection.

It may change without notice. Used by the play and, on the host, by the timer: one at a time, by a lock.
"""

from __future__ import annotations

import contextlib
import fcntl
import socket
import ssl
import subprocess
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._certificates import acme, client, reach
from ansible_collections.slipway.flask.plugins.module_utils._certificates import store as tls
from ansible_collections.slipway.flask.plugins.module_utils._certificates.acme import (
    Failure,
    Record,
    Settings,
    Site,
    facts_of,
)
from ansible_collections.slipway.flask.plugins.module_utils._certificates.client import AcmeError

SHOWN_SECONDS = 15.0
"""Longest time from a reload until nginx must show the new certificate; it takes a second, with thousands of sites some."""
TIME = "%Y-%m-%dT%H:%M:%SZ"


@dataclass
class Outcome:
    """What became of one site: `changed` says why it has a new certificate, `failure` why it has none."""

    name: str
    changed: str = ""
    failure: str = ""
    left_out: dict[str, str] = field(default_factory=dict)


class Renewal:
    """All that is due of the sites in SETTINGS; the account is in FOLDER."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.settings, self.folder = settings, folder

    def run(self, names: Collection[str] = (), force: bool = False) -> list[Outcome]:
        """Renew what is due (with FORCE: everything) of the sites called NAMES, or of all; never raises for one of them."""
        sites = [site for site in self.settings.sites if not names or site.name in names]
        with self._lock():
            outcomes = [self._one(site, force) for site in sites]
            self._show(sites, outcomes)
            for outcome in outcomes:
                self._note(outcome)
        return outcomes

    @contextlib.contextmanager
    def _lock(self) -> Iterator[None]:
        with (self.folder / "lock").open("w") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            yield

    def _home(self, name: str) -> Path:
        return Path(self.settings.certificates) / name

    def _one(self, site: Site, force: bool) -> Outcome:
        facts, record = facts_of(self._home(site.name)), Record.read(self._home(site.name))
        wanted = self.settings.of(site)
        reason = acme.due_reason(site.domains, wanted.directory, wanted.profile, facts, record, time.time())
        if force:
            reason = "it was requested"
        if not reason:
            return Outcome(site.name)
        try:
            return self._renew(site, facts, record, reason, force)
        except (AcmeError, tls.CertificateError, OSError) as error:
            return Outcome(site.name, failure=str(error), left_out=record.left_out)

    def _renew(self, site: Site, facts: tls.Facts | None, record: Record, reason: str, force: bool) -> Outcome:
        """Order a certificate for all domains that can be had; when the authority refuses some of them, for the rest.

        :raises AcmeError: when none should be ordered, or the authority gives none.
        """
        failed = self._unreachable(site.domains)
        while True:
            domains = choose(site.domains, failed, facts, self.settings.strict, time.time())
            if not force and facts and self._is_good(site, domains, facts, record):
                record.left_out = failed
                record.write(self._home(site.name))
                return Outcome(site.name, left_out=failed)
            try:
                self._order(site, domains, failed)
            except AcmeError as error:
                refused = {domain: why for domain, why in error.domains.items() if domain in domains}
                if not refused:
                    raise
                failed = {**failed, **{domain: f"the authority says: {why}" for domain, why in refused.items()}}
                continue
            return Outcome(site.name, changed=reason, left_out=failed)

    def _unreachable(self, domains: list[str]) -> dict[str, str]:
        if self.settings.challenge != "http-01" or not self.settings.check:
            return {}
        return reach.unreachable(domains, Path(self.settings.webroot))

    def _is_good(self, site: Site, domains: list[str], facts: tls.Facts, record: Record) -> bool:
        """Tell whether the certificate that is there is what an order for DOMAINS would bring."""
        wanted = self.settings.of(site)
        return (
            facts.domains == set(domains)
            and record.is_of(facts, wanted.directory)
            and record.profile == wanted.profile
            and not acme.age_reason(facts, time.time())
        )

    def _order(self, site: Site, domains: list[str], left_out: dict[str, str]) -> None:
        home, wanted = self._home(site.name), self.settings.of(site)
        chain, key = client.issue(wanted, self.folder, domains, self.folder)
        facts = tls.facts_of_pair(chain, key, self.folder)
        if missing := sorted(set(domains) - facts.domains):
            raise AcmeError(f"the authority's certificate does not cover {', '.join(missing)}")
        tls.replace(home, chain, key)
        Record(wanted.directory, wanted.profile, facts.serial, now(), left_out).write(home)

    def _show(self, sites: list[Site], outcomes: list[Outcome]) -> None:
        """Reload nginx when it shows another certificate than a site's file has, also one of a run that was killed."""
        stale = {site.name: site for site in sites if self._is_stale(site)}
        if not stale:
            return
        said = reload_nginx()
        deadline = time.monotonic() + SHOWN_SECONDS
        while stale and not said and time.monotonic() < deadline:
            time.sleep(0.1)
            stale = {name: site for name, site in stale.items() if self._is_stale(site)}
        for outcome in outcomes:
            if outcome.name in stale and not outcome.failure:
                outcome.failure = f"the new certificate was obtained, but nginx does not serve it{said and ': ' + said}"

    def _is_stale(self, site: Site) -> bool:
        try:
            return der((self._home(site.name) / tls.CERTIFICATE).read_text()) != shown(site.domains[0])
        except (OSError, ValueError):
            return True

    def _note(self, outcome: Outcome) -> None:
        home = self._home(outcome.name)
        record = Record.read(home)
        before = record.failure
        if outcome.failure:
            record.failure = Failure(before.since if before else now(), now(), outcome.failure)
        else:
            record.failure = None
        if (record.failure or before) and home.is_dir():
            record.write(home)


def choose(
    domains: list[str], failed: Collection[str], facts: tls.Facts | None, strict: bool, when: float
) -> list[str]:
    """Return which of DOMAINS a certificate is ordered for: those that did not fail.

    :raises AcmeError: when that would be none or STRICT forbids it, or when it would drop a domain that the present
        certificate has and there is still time to wait.
    """
    passing = [domain for domain in domains if domain not in failed]
    said = "; ".join(f"{domain}: {failed[domain]}" if isinstance(failed, dict) else domain for domain in failed)
    if failed and (strict or not passing):
        raise AcmeError(said)
    is_ours = facts is not None and not facts.is_self_signed and facts.not_after > when
    if facts and is_ours and facts.domains & set(failed) and not acme.is_late(facts, when):
        raise AcmeError(f"{said} (the old certificate, which covers it, is kept)")
    return passing


def der(chain: str) -> bytes:
    """Return the first certificate of a PEM CHAIN as a handshake shows it. Raises ValueError when there is none."""
    return ssl.PEM_cert_to_DER_cert(chain.partition(tls.END)[0] + tls.END)


def shown(domain: str) -> bytes:
    """Return the certificate (DER) that nginx shows for DOMAIN. Raises OSError, TLS errors among them."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    name = domain.replace("*", "any", 1)
    with (
        socket.create_connection(("127.0.0.1", 443), 5) as plain,
        context.wrap_socket(plain, server_hostname=name) as wire,
    ):
        return wire.getpeercert(binary_form=True) or b""


def reload_nginx() -> str:
    """Reload nginx, which drops no request; return why it would not, or ''."""
    command = ["systemctl", "reload", "nginx.service"]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    return (done.stderr.strip() or f"status {done.returncode}") if done.returncode else ""


def now() -> str:
    return datetime.now(timezone.utc).strftime(TIME)
