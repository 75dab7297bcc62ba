# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The controller's part in fetching a release's source: packing a folder, naming an archive, keeping secrets apart.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import base64
import gzip
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean
from ansible_collections.slipway.flask.plugins.module_utils._python.project import workspace_of
from ansible_collections.slipway.flask.plugins.module_utils._source import urls
from ansible_collections.slipway.flask.plugins.plugin_utils._action.once import once
from ansible_collections.slipway.flask.plugins.plugin_utils._source import description
from ansible_collections.slipway.flask.plugins.plugin_utils._source import folder as source_folder
from ansible_collections.slipway.flask.plugins.plugin_utils._source.description import SourceError

SMALL_BYTES = 256 * 1024
"""A file up to this goes along with the question whether the host lacks it: that takes less time than asking first."""
COMPRESSES_TO = 4
"""Code is compressed to a quarter at best: what is larger than so many times SMALL_BYTES is not tried."""


@dataclass
class Prepared:
    """What the host is told of a source; FILE makes what it is sent if it lacks the contents, BYTES is its size before."""

    arguments: dict[str, Any]
    file: Callable[[], Path] | None = None
    bytes: int = 0

    def content(self) -> dict[str, str]:
        """Return the file as a further argument if it is small."""
        if not self.file or self.bytes > COMPRESSES_TO * SMALL_BYTES:
            return {}
        content = self.file().read_bytes()
        return {"content": base64.b64encode(content).decode()} if len(content) <= SMALL_BYTES else {}


def prepare(task: Mapping[str, Any], base: Path, host: str, resumed: bool = False) -> Prepared:
    """Return what HOST is told of the source that a TASK's arguments describe; relative paths count from BASE.

    With RESUMED the host has been told the contents already, and nothing here is read.
    Raises SourceError for a wrong description and for a source here that can't be read.
    """
    wanted = {key: task.get("git_key" if key == "key" else key) for key in description.KEYS}
    wanted["everything"] = boolean(wanted["everything"] or False)
    problems = description.description_problems(wanted)
    if problems:
        raise SourceError("; ".join(problems))
    rest = {name: value for name, value in task.items() if name not in ("path", "everything")}
    if resumed and wanted["path"]:
        return Prepared(rest)
    if wanted["path"]:
        return _folder(wanted, str(task.get("subfolder") or ""), rest, base, host)
    if wanted["archive"] and not urls.is_http(wanted["archive"]):
        if resumed:
            return Prepared(rest)
        return _archive(wanted, rest, base, host)
    kind = next(kind for kind in ("git", "archive", "package") if wanted[kind])
    address = str(wanted[kind])
    if kind != "package" and urls.shown(address) != address:
        # A module's arguments are logged on the host, except for those that are known to be secret.
        rest |= {kind: urls.shown(address), "secret_url": address}
    return Prepared(rest)


def _folder(wanted: Mapping[str, Any], subfolder: str, rest: dict[str, Any], base: Path, host: str) -> Prepared:
    top, everything = description.place_of(wanted["path"], base), bool(wanted["everything"])
    whole = bool(subfolder) and workspace_of(top, subfolder) is not None
    folder = top if whole else top / subfolder

    def pack(place: Path) -> None:
        about = source_folder.pack(folder, place / "source.tar", everything)
        (place / "about.json").write_text(json.dumps(asdict(about)))

    made = once(("pack", str(folder), str(everything)), pack, host)
    about = source_folder.Packed(**json.loads((made / "about.json").read_text()))

    def compress(place: Path) -> None:
        with (made / "source.tar").open("rb") as plain, gzip.open(place / "source.tar.gz", "wb", 6) as packed:
            shutil.copyfileobj(plain, packed, 1 << 20)

    told = {"source_key": about.key, "revision": about.revision, "dirty": about.dirty, "whole": whole}
    size = (made / "source.tar").stat().st_size
    return Prepared(rest | told, lambda: once(("compress", about.key), compress) / "source.tar.gz", size)


def _archive(wanted: Mapping[str, Any], rest: dict[str, Any], base: Path, host: str) -> Prepared:
    place = description.place_of(wanted["archive"], base)
    if not place.is_file():
        raise SourceError(f"the archive '{wanted['archive']}' does not exist (looked at {place})")
    made = once(("checksum", str(place)), lambda to: _name(place, to), host)
    key = (made / "key").read_text()
    if wanted["sha256"] and wanted["sha256"] != key:
        raise SourceError(f"{place} has the SHA-256 {key}, not {wanted['sha256']} as its `sha256` says")
    told = {"archive": place.name, "source_key": key, "revision": key}
    return Prepared(rest | told, lambda: place, place.stat().st_size)


def _name(file: Path, to: Path) -> None:
    (to / "key").write_text(source_folder.checksum(file))
