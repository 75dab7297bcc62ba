# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The known vulnerabilities of packages of PyPI, asked of OSV (https://osv.dev) or of a server that speaks its protocol.

One request asks for all packages; of those that have any, one request each brings what is known. What is sent are names and
versions. Source: https://google.github.io/osv.dev/api/. PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import http.client
import json
import re
import ssl
import textwrap
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._audit import dump, versions
from ansible_collections.slipway.flask.plugins.module_utils._audit import severity as severities
from ansible_collections.slipway.flask.plugins.module_utils._audit.installed import Package, normalised
from ansible_collections.slipway.flask.plugins.module_utils._audit.wanted import URL

FILE = "file://"
ADDRESS = re.compile(r"https?://[^\s/@]+(/[^\s@]*)?$|file:///\S")
BATCH = 1000
"""Most queries of one request (`POST /v1/querybatch`)."""
PAGES = 20
"""Most pages of one answer; the next one begins where the token of the last says."""
BYTES = 1 << 25
"""Most bytes of one answer: the service's own limit."""
AT_ONCE = 8
SUMMARY = 120
"""Characters of a summary that are kept."""


class AuditError(RuntimeError):
    """The service did not answer that can be relied on; the message says why."""


@dataclass(frozen=True)
class Vulnerability:
    """One vulnerability of one package: NAME is the one people search for, ALSO its other names.

    FIXED is the next version that has it no more, "" when there is none.
    """

    package: str
    version: str
    name: str
    also: tuple[str, ...]
    severity: str
    fixed: str
    summary: str

    @property
    def names(self) -> set[str]:
        """All names of it, in the form in which they are compared."""
        return {name.upper() for name in (self.name, *self.also)}

    @property
    def brief(self) -> str:
        """What it is, in few words."""
        return f"{self.package} {self.version}: {self.name} ({self.severity})"

    def __str__(self) -> str:
        fixed = f"fixed in {self.fixed}" if self.fixed else "no fixed version yet"
        summary = f": {self.summary}" if self.summary else ""
        return f"{self.brief}, {fixed}{summary}"


@dataclass(frozen=True)
class Service:
    """A server with OSV's API, or OSV's export in a file (`file://`).

    SECONDS: how long it may take to connect, and to answer; TRIES: before it is given up.
    """

    url: str = URL
    ca_bundle: str = ""
    seconds: float = 10
    tries: int = 2

    def vulnerabilities(self, packages: Sequence[Package]) -> list[Vulnerability]:
        """Return the known vulnerabilities of PACKAGES, the worst first. Raises AuditError."""
        if not ADDRESS.match(self.url):
            raise AuditError(
                "app_release_audit_url must begin with https://, http:// or file:///, without a user or a password"
            )
        try:
            if self.url.startswith(FILE):
                suspects, records = list(packages), self._exported(packages)
            else:
                suspects = list(self._suspects(packages))
                with ThreadPoolExecutor(AT_ONCE) as pool:
                    records = list(pool.map(self._records, suspects))
            found = [one for package, known in zip(suspects, records, strict=True) for one in merged(package, known)]
        except (AttributeError, KeyError, TypeError, IndexError) as error:
            raise AuditError(
                f"{self.url} answered what is not OSV's format ({type(error).__name__}: {error})"
            ) from None
        return sorted(found, key=lambda one: (severities.rank(one.severity), one.package, one.name))

    def _exported(self, packages: Sequence[Package]) -> list[list[dict[str, Any]]]:
        """Return what OSV's export in a file of the host says of each of PACKAGES; one that is old is no answer."""
        path = Path(self.url.removeprefix(FILE))
        try:
            days = int((time.time() - path.stat().st_mtime) / 86_400)
            if days > dump.OLD_DAYS:
                raise AuditError(
                    f"{path} is {days} days old; {dump.OLD_DAYS} are the most: copy OSV's export to the host again"
                )
            found = dump.records(path, packages)
        except (OSError, zipfile.BadZipFile, ValueError) as error:
            raise AuditError(f"{path} could not be read: {getattr(error, 'strerror', None) or error}") from None
        return [found[package.name] for package in packages]

    def _suspects(self, packages: Sequence[Package]) -> Iterator[Package]:
        """Yield those of PACKAGES that have any."""
        for start in range(0, len(packages), BATCH):
            part = packages[start : start + BATCH]
            answer = self._post("/v1/querybatch", {"queries": [query(package) for package in part]})
            results = answer["results"]
            if len(results) != len(part):
                raise AuditError(f"{self.url} answered {len(results)} of {len(part)} queries")
            yield from (package for package, found in zip(part, results, strict=True) if found and found.get("vulns"))

    def _records(self, package: Package) -> list[dict[str, Any]]:
        """Return all that is known of PACKAGE, in OSV's format (https://ossf.github.io/osv-schema/)."""
        found, token = list[dict[str, Any]](), ""
        for _ in range(PAGES):
            answer = self._post("/v1/query", query(package) | ({"page_token": token} if token else {}))
            found += answer.get("vulns") or []
            token = answer.get("next_page_token") or ""
            if not token:
                return found
        raise AuditError(f"{self.url} answered more than {PAGES} pages for {package.name}")

    def _post(self, path: str, asked: Mapping[str, Any]) -> Any:
        """Return the answer to a request; what may pass by itself is tried again once, a second later."""
        for rest in reversed(range(self.tries)):
            try:
                return self._once(path, asked)
            except urllib.error.HTTPError as error:
                if error.code < 500 and error.code != 429 or not rest:
                    raise AuditError(f"{self.url} answered {error.code} {error.reason}") from None
            except (OSError, http.client.HTTPException) as error:
                if not rest:
                    reason = getattr(error, "reason", None) or error
                    raise AuditError(f"{self.url} could not be reached: {reason or type(error).__name__}") from None
            except ValueError as error:
                raise AuditError(f"{self.url} did not answer in JSON: {error}") from None
            time.sleep(1)
        raise AuditError(f"{self.url} was not asked")

    def _once(self, path: str, asked: Mapping[str, Any]) -> Any:
        headers = {"Content-Type": "application/json", "User-Agent": "slipway"}
        request = urllib.request.Request(
            self.url.rstrip("/") + path, json.dumps(asked).encode(), headers, method="POST"
        )
        tls = ssl.create_default_context(cafile=self.ca_bundle or None)
        opener = urllib.request.build_opener(
            urllib.request.HTTPSHandler(context=tls)
        )  # with the proxies of the environment
        with opener.open(request, timeout=self.seconds) as answer:
            body = answer.read(BYTES + 1)
        if len(body) > BYTES:
            raise ValueError(f"more than {BYTES >> 20} MB")
        return json.loads(body)


def query(package: Package) -> dict[str, Any]:
    """Return the query for one package."""
    return {"package": {"name": package.name, "ecosystem": "PyPI"}, "version": package.version}


def merged(package: Package, records: Iterable[Mapping[str, Any]]) -> list[Vulnerability]:
    """Return the vulnerabilities that RECORDS of PACKAGE tell of: several databases have one under names of their own."""
    groups = list[tuple[set[str], list[Mapping[str, Any]]]]()
    for record in records:
        if record.get("withdrawn"):
            continue
        names, members = {clean(record["id"]), *map(clean, record.get("aliases") or ())}, [record]
        for group in [group for group in groups if group[0] & names]:
            groups.remove(group)
            names, members = names | group[0], group[1] + members
        groups.append((names, members))
    return [one_of(package, names, members) for names, members in groups]


def clean(text: object) -> str:
    """Return foreign TEXT in one line, without what a terminal would obey."""
    return " ".join("".join(char if char.isprintable() else " " for char in str(text)).split())


def one_of(package: Package, names: set[str], records: Sequence[Mapping[str, Any]]) -> Vulnerability:
    """Return the vulnerability of PACKAGE that all RECORDS tell of; NAMES are all of its names."""
    ordered = sorted(names, key=lambda name: (not name.startswith("CVE-"), not name.startswith("GHSA-"), name))
    known = [level for record in records if (level := severities.of_record(record)) != severities.UNKNOWN]
    summary = next((text for record in records if (text := clean(record.get("summary") or ""))), "")
    short = textwrap.shorten(summary, SUMMARY, placeholder=" …")
    return Vulnerability(
        package.name,
        package.version,
        ordered[0],
        tuple(ordered[1:]),
        max(known, key=severities.LEVELS.index, default=severities.UNKNOWN),
        fixed_in(package, records),
        short,
    )


def fixed_in(package: Package, records: Iterable[Mapping[str, Any]]) -> str:
    """Return the lowest version above PACKAGE's that RECORDS have as fixed, "" when they have none."""
    mine = versions.order(package.version)
    events = [
        clean(event["fixed"])
        for record in records
        for affected in record.get("affected") or ()
        if normalised(str((affected.get("package") or {}).get("name"))) == package.name
        for span in affected.get("ranges") or ()
        if span.get("type") == "ECOSYSTEM"
        for event in span.get("events") or ()
        if "fixed" in event
    ]
    above = [(order, text) for text in events if (order := versions.order(text)) and (mine is None or order > mine)]
    return min(above)[1] if above else ""
