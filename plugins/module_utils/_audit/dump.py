# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The known vulnerabilities of packages in OSV's export of PyPI, for a host that reaches no service.

Sources: https://google.github.io/osv.dev/data/#data-dumps, and for which versions are affected
https://ossf.github.io/osv-schema/#evaluation. PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._audit import versions
from ansible_collections.slipway.flask.plugins.module_utils._audit.asking import BYTES, clean
from ansible_collections.slipway.flask.plugins.module_utils._audit.installed import Package
from ansible_collections.slipway.flask.plugins.module_utils._source.requirement import normalised

OLD_DAYS = 7
"""An export that is older says too little of what is known."""


def records(path: Path, packages: Sequence[Package]) -> dict[str, list[dict[str, Any]]]:
    """Return the records in the archive PATH that affect PACKAGES, by their names. Raises OSError, BadZipFile and ValueError."""
    by_name = {package.name: package for package in packages}
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in by_name}
    names = "|".join(re.escape(name).replace(r"\-", "[-_.]+") for name in by_name)
    mentions = re.compile(
        rf'"name":\s*"(?:{names})"'.encode(), re.IGNORECASE
    )  # parsing all of them takes four times as long
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            if entry.file_size > BYTES:  # what zipfile reads of it at most
                raise ValueError(f"{clean(entry.filename)} in it has more than {BYTES >> 20} MB")
            text = archive.read(entry)
            if mentions.search(text):
                record = json.loads(text)
                for name in affected_names(record) & by_name.keys():
                    if affects(record, by_name[name]):
                        found[name].append(record)
    return found


def affected_names(record: Mapping[str, Any]) -> set[str]:
    """Return the packages of PyPI that a RECORD tells of."""
    return {name for name, _ in affected(record)}


def affected(record: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the name of each package of Python that a RECORD is about, with its part; other ecosystems have the same names."""
    for one in record.get("affected") or ():
        package = one.get("package") or {}
        if package.get("ecosystem") == "PyPI":
            yield normalised(str(package.get("name"))), one


def affects(record: Mapping[str, Any], package: Package) -> bool:
    """Tell whether a RECORD is of the version of PACKAGE that is installed."""
    mine = versions.order(package.version)
    for name, one in affected(record):
        if name != package.name:
            continue
        listed = [str(text) for text in one.get("versions") or ()]
        if package.version in listed or (mine and mine in map(versions.order, listed)):
            return True
        spans = [span for span in one.get("ranges") or () if span.get("type") == "ECOSYSTEM"]
        if mine and any(within(span.get("events") or (), mine) for span in spans):
            return True
    return False


def within(events: Sequence[Mapping[str, str]], mine: versions.Order) -> bool:
    """Tell whether the version MINE lies between EVENTS: where one was introduced and is neither fixed nor over yet."""
    lowest = versions.order("0.dev0")
    moments = []
    for event in events:
        for kind, text in event.items():
            order = lowest if text == "0" else versions.order(str(text))
            if order and kind in ("introduced", "fixed", "last_affected"):
                moments.append((order, kind))
    inside = False
    for order, kind in sorted(moments):
        if kind == "introduced" and order <= mine:
            inside = True
        elif (kind == "fixed" and order <= mine) or (kind == "last_affected" and order < mine):
            inside = False
    return inside
