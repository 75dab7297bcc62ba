# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The known vulnerabilities of packages of PyPI, asked of OSV (https://osv.dev) or of a server that speaks its protocol.

One request asks for all packages; of those that have any, one request each brings what is known. What is sent are names and
versions. Source: https://google.github.io/osv.dev/api/. PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
import textwrap
import time
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._audit import dump, versions
from ansible_collections.slipway.flask.plugins.module_utils._audit import severity as severities
from ansible_collections.slipway.flask.plugins.module_utils._audit.asking import Asking, clean
from ansible_collections.slipway.flask.plugins.module_utils._audit.asking import AuditError as AuditError
from ansible_collections.slipway.flask.plugins.module_utils._audit.installed import Package
from ansible_collections.slipway.flask.plugins.module_utils._audit.wanted import URL

FILE = "file://"
ADDRESS = re.compile(r"https?://[^\s/@]+(/[^\s@]*)?$|file:///\S")
BATCH = 1000
"""Most queries of one request (`POST /v1/querybatch`)."""
PAGES = 20
"""Most pages of one answer; the next one begins where the token of the last says."""
AT_ONCE = 8
PER_PACKAGE, IN_ALL = 2000, 10_000
"""Most records of one package, and of all: the most that OSV has for a version are some 900."""
NAMES, NAME = 100, 100
"""Most other names of a vulnerability, and most characters of one."""
SHAPES = (AttributeError, KeyError, TypeError, IndexError, ValueError, RecursionError)
"""What is raised by an answer that is not in OSV's format."""
SUMMARY = 120
"""Characters of a summary that are kept."""


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
                asking = Asking(self.url, self.ca_bundle, self.seconds, self.tries)
                suspects = list(self._suspects(asking, packages))
                with ThreadPoolExecutor(AT_ONCE) as pool:
                    records = list(pool.map(lambda package: self._records(asking, package), suspects))
            if sum(map(len, records)) > IN_ALL:
                raise AuditError(f"{self.url} answered more than {IN_ALL} records")
            found = [one for package, known in zip(suspects, records, strict=True) for one in merged(package, known)]
        except SHAPES as error:
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
        except AuditError:
            raise
        except (OSError, zipfile.BadZipFile, zlib.error, EOFError, ValueError, RuntimeError) as error:
            raise AuditError(f"{path} could not be read: {getattr(error, 'strerror', None) or error}") from None
        return [found[package.name] for package in packages]

    def _suspects(self, asking: Asking, packages: Sequence[Package]) -> Iterator[Package]:
        """Yield those of PACKAGES that have any."""
        for start in range(0, len(packages), BATCH):
            part = packages[start : start + BATCH]
            answer = asking.post("/v1/querybatch", {"queries": [query(package) for package in part]})
            results = answer["results"]
            if len(results) != len(part):
                raise AuditError(f"{self.url} answered {len(results)} of {len(part)} queries")
            yield from (package for package, found in zip(part, results, strict=True) if found and found.get("vulns"))

    def _records(self, asking: Asking, package: Package) -> list[dict[str, Any]]:
        """Return all that is known of PACKAGE, in OSV's format (https://ossf.github.io/osv-schema/)."""
        found, token = list[dict[str, Any]](), ""
        for _ in range(PAGES):
            answer = asking.post("/v1/query", query(package) | ({"page_token": token} if token else {}))
            found += answer.get("vulns") or []
            token = answer.get("next_page_token") or ""
            if len(found) > PER_PACKAGE:
                raise AuditError(f"{self.url} answered more than {PER_PACKAGE} records for {package.name}")
            if not token:
                return found
        raise AuditError(f"{self.url} answered more than {PAGES} pages for {package.name}")


def query(package: Package) -> dict[str, Any]:
    """Return the query for one package."""
    return {"package": {"name": package.name, "ecosystem": "PyPI"}, "version": package.version}


def merged(package: Package, records: Iterable[Mapping[str, Any]]) -> list[Vulnerability]:
    """Return the vulnerabilities that RECORDS of PACKAGE tell of: several databases have one under names of their own."""
    groups = list[tuple[set[str], list[Mapping[str, Any]]]]()
    for record in records:
        if record.get("withdrawn"):
            continue
        several = (record["id"], *islice(record.get("aliases") or (), NAMES))
        names, members = {clean(name)[:NAME] for name in several}, [record]
        for group in [group for group in groups if group[0] & names]:
            groups.remove(group)
            names, members = names | group[0], group[1] + members
        groups.append((names, members))
    return [one_of(package, names, members) for names, members in groups]


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
        for name, part in dump.affected(record)
        if name == package.name
        for span in part.get("ranges") or ()
        if span.get("type") == "ECOSYSTEM"
        for event in span.get("events") or ()
        if "fixed" in event
    ]
    above = [(order, text) for text in events if (order := versions.order(text)) and (mine is None or order > mine)]
    return min(above)[1] if above else ""
