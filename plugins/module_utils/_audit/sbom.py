# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The software bill of materials of a release: what is in its environment, in CycloneDX's format (ECMA-424).

The same environment, release and time give the same bytes. Source: https://cyclonedx.org/docs/1.6/json/.
PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from ansible_collections.slipway.flask.plugins.module_utils._audit.hashes import File, Files, installed_file
from ansible_collections.slipway.flask.plugins.module_utils._audit.installed import Package

NAME = "sbom.cdx.json"
"""The file in a release's folder."""
SPDX = {
    "0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "CC0-1.0", "EPL-2.0", "GPL-2.0-only",
    "GPL-2.0-or-later", "GPL-3.0-only", "GPL-3.0-or-later", "HPND", "ISC", "LGPL-2.1-only", "LGPL-2.1-or-later",
    "LGPL-3.0-only", "LGPL-3.0-or-later", "MIT", "MIT-0", "MPL-2.0", "PSF-2.0", "Python-2.0", "Unlicense", "WTFPL", "ZPL-2.1",
    "Zlib",
}  # fmt: skip
"""Identifiers of licences that packages on PyPI name; others go by their name. Source: https://spdx.org/licenses/."""
CLASSIFIED = {
    "Apache Software License": "Apache-2.0", "ISC License (ISCL)": "ISC", "MIT License": "MIT",
    "MIT No Attribution License (MIT-0)": "MIT-0", "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "The Unlicense (Unlicense)": "Unlicense", "Zope Public License": "ZPL-2.1",
}  # fmt: skip
"""What classifiers say that mean one licence; `BSD License`, say, means several."""
ALGORITHMS = {"md5": "MD5", "sha1": "SHA-1", "sha256": "SHA-256", "sha384": "SHA-384", "sha512": "SHA-512"}
LONGEST = 100
"""Characters of a licence's name; longer ones are its text."""


@dataclass(frozen=True)
class Subject:
    """The release that is described. TIME is its own (UTC, ISO 8601), PYTHON the version of its interpreter."""

    app: str
    release: str
    revision: str
    time: str
    python: str = ""


def document(subject: Subject, packages: Sequence[Package], files: Files) -> str:
    """Return the SBOM of SUBJECT, whose environment has PACKAGES; FILES is what its lock says of their files."""
    components = [component(package, files.get((package.name, package.version), [])) for package in packages]
    if subject.python:
        components.append(
            {
                "type": "platform",
                "bom-ref": "platform:python",
                "name": "python",
                "version": subject.python,
            }  # nobody's package
        )
    content: dict[str, Any] = {
        "metadata": {
            "timestamp": subject.time,
            "tools": {"components": [{"type": "application", "name": "slipway"}]},
            "component": {
                "type": "application", "bom-ref": f"app:{subject.app}", "name": subject.app,
                "version": subject.revision or subject.release,
            },
            "properties": [{"name": "slipway:release", "value": subject.release}],
        },
        "components": components,
        "dependencies": dependencies(f"app:{subject.app}", packages),
    }  # fmt: skip
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    head = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, digest)}",
        "version": 1,
    }
    return json.dumps(head | content, indent=2) + "\n"


def component(package: Package, files: Sequence[File]) -> dict[str, Any]:
    """Return what is said of one PACKAGE, of which the lock has FILES."""
    found: dict[str, Any] = {
        "type": "library", "bom-ref": purl(package), "name": package.name, "version": package.version, "purl": purl(package),
    }  # fmt: skip
    if package.summary:
        found["description"] = package.summary
    if licences := licences_of(package):
        found["licenses"] = licences
    file = installed_file(package, files)
    hashes = [(ALGORITHMS[name], value) for name, value in package.hashes if name in ALGORITHMS]
    if file and not package.url:
        hashes = [("SHA-256", file.sha256)]
    if hashes:
        found["hashes"] = [{"alg": name, "content": value} for name, value in hashes]
    references = [{"type": "distribution", "url": package.url}] if is_reference(package.url) else []
    if not package.url:
        references = [reference(package, one) for one in ([file] if file else files)]
    if references:
        found["externalReferences"] = references
    return found


def reference(package: Package, file: File) -> dict[str, Any]:
    """Return one FILE that the PACKAGE may have been installed from; one without an address goes by the package's own name."""
    url = file.url if is_reference(file.url) else purl(package)
    return {"type": "distribution", "url": url, "hashes": [{"alg": "SHA-256", "content": file.sha256}]}


def is_reference(url: str) -> bool:
    """Tell whether URL can stand in the document: an address, with nothing of the host that built it."""
    try:
        scheme = urlsplit(url).scheme
    except ValueError:
        return False
    return scheme in ("https", "http", "ssh", "git") and not re.search(r"[\s<>\"{}|\\^`]", url)


def purl(package: Package) -> str:
    """Return the package URL: https://github.com/package-url/purl-spec, type `pypi`."""
    return f"pkg:pypi/{quote(package.name)}@{quote(package.version, safe='')}"


def licences_of(package: Package) -> list[dict[str, Any]]:
    """Return the licence as the PACKAGE's metadata says it: its expression, else its text, else its classifiers."""
    if package.licence_expression:
        return [{"expression": package.licence_expression}]
    one = package.licence
    if one and len(one) <= LONGEST and "\n" not in one:
        return [{"license": {"id": one} if one in SPDX else {"name": one}}]
    names = [line.rpartition(" :: ")[2] for line in package.classifiers if line.startswith("License :: ")]
    return [
        {"license": {"id": CLASSIFIED[name]} if name in CLASSIFIED else {"name": name}}
        for name in dict.fromkeys(names)
        if name != "OSI Approved"
    ]


def dependencies(app: str, packages: Sequence[Package]) -> list[Mapping[str, Any]]:
    """Return who needs whom among PACKAGES; the APP needs those that no other one does."""
    names = {package.name: purl(package) for package in packages}
    needs = {package.name: [names[one] for one in package.requires if one in names and one != package.name]
             for package in packages}  # fmt: skip
    needed = {one for found in needs.values() for one in found}
    top = [ref for ref in names.values() if ref not in needed]
    return [
        {"ref": app, "dependsOn": top},
        *({"ref": names[name], **({"dependsOn": found} if found else {})} for name, found in needs.items()),
    ]
