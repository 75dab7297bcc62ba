# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What is installed in an app's environment, as the metadata of its packages says: no code of theirs runs, nothing is asked.

Sources: https://packaging.python.org/specifications/core-metadata/, …/direct-url/ and …/recording-installed-packages/.
PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from email.parser import HeaderParser
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._host import tree
from ansible_collections.slipway.flask.plugins.module_utils._source.requirement import normalised

NAME = re.compile(r"[A-Za-z0-9]([\w.-]{0,200}[A-Za-z0-9])?", re.ASCII)
LONGEST = 100
"""Characters of a version."""
REQUIRED = re.compile(r"\s*([A-Za-z0-9][\w.-]*)")


@dataclass(frozen=True)
class Package:
    """One package of an environment. NAME is the normalised one, FOLDER its `*.dist-info`.

    url: where it was installed from when that was no index (Git, a folder, an archive), without credentials; hashes: of
    that archive, by their names; tags: the wheel's, as in its file's name.
    """

    name: str
    version: str
    summary: str = ""
    licence: str = ""
    licence_expression: str = ""
    classifiers: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    url: str = ""
    hashes: tuple[tuple[str, str], ...] = ()


def packages(environment: Path) -> list[Package]:
    """Return the packages of an ENVIRONMENT by name; what has no readable metadata is not among them."""
    found = {one.name: one for one in _packages(environment)}
    return [found[name] for name in sorted(found)]


def _packages(environment: Path) -> Iterator[Package]:
    for folder in sorted(environment.glob("lib/python3*/site-packages/*.dist-info")):
        head = _headers(folder / "METADATA")
        name, version = str(head.get("Name") or "").strip(), str(head.get("Version") or "").strip()
        if not NAME.fullmatch(name) or not version.isprintable() or not 0 < len(version) <= LONGEST:
            continue
        url, hashes = _origin(folder / "direct_url.json")
        yield Package(
            normalised(name),
            version,
            _text(head, "Summary"),
            _text(head, "License"),
            _text(head, "License-Expression"),
            tuple(map(str, head.get_all("Classifier") or ())),
            tuple(sorted({normalised(one[1]) for line in head.get_all("Requires-Dist") or ()
                          if "extra ==" not in str(line) and (one := REQUIRED.match(str(line)))})),
            tuple(sorted(map(str, _headers(folder / "WHEEL").get_all("Tag") or ()))),
            url,
            hashes,
        )  # fmt: skip


def _headers(path: Path) -> Message:
    """Return what a file says before its first empty line; nothing when it can't be read."""
    try:
        text = tree.read(path)
    except OSError:
        text = ""
    return HeaderParser().parsestr(text.split("\n\n", 1)[0])


def _text(head: Message, name: str) -> str:
    """Return a value of one line; metadata has `UNKNOWN` for none."""
    text = str(head.get(name) or "").strip()
    return "" if text == "UNKNOWN" else text


def _origin(path: Path) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Return where a package came from when that was no index, and the hashes of its archive."""
    try:
        found = json.loads(tree.read(path))
        archive = found.get("archive_info") or {}
        hashes = archive.get("hashes") or dict([archive["hash"].split("=", 1)] if archive.get("hash") else [])
        return public(str(found["url"])), tuple(sorted((str(name), str(value)) for name, value in hashes.items()))
    except (OSError, ValueError, KeyError, AttributeError, TypeError, RecursionError):
        return "", ()


def public(url: str) -> str:
    """Return URL without what may be secret in it: the user and the password, and a query, which can be a signature."""
    return re.split(r"[?#]", re.sub(r"(?<=//)[^/]*@", "", url), maxsplit=1)[0]


def python_version(environment: Path) -> str:
    """Return the version of an ENVIRONMENT's Python, "" when it does not say."""
    try:
        text = tree.read(environment / "pyvenv.cfg")
    except OSError:
        return ""
    found = re.search(r"^version(?:_info)?\s*=\s*(\d+(?:\.\d+)*)", text, re.MULTILINE)
    return found[1] if found else ""
