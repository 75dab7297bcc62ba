# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Where a release's code comes from, as its host sees it: what is sent to it, a repository, an archive, a package.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import base64
import shutil
from pathlib import Path
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._release.record import Paths, ReleaseError
from ansible_collections.slipway.flask.plugins.module_utils._release.request import Request
from ansible_collections.slipway.flask.plugins.module_utils._source import requirement, urls

MIRROR = "repository.git"


class Source:
    """One source of one app. REQUEST is what slipway.flask.release asks; NAME is what records call it."""

    def __init__(self, request: Request, paths: Paths) -> None:
        self.request, self.asked, self.paths = request, request.source, paths
        self.name = "folder"

    def made_of(self) -> dict[str, Any]:
        """Return what an app must have alike to be given a release of this one (Record.made_of)."""
        kind = next(kind for kind in ("git", "package", "archive", "path") if getattr(self.asked, kind, True))
        return {
            "kind": kind, "subfolder": self.asked.subfolder, "whole": self.asked.whole,
            "database": self.request.packages.database,
        }  # fmt: skip

    def planned(self) -> str:
        """Return the name of the contents as far as it is known without changing the host, "" when it is not."""
        return self.asked.key

    def find(self) -> tuple[str, str]:
        """Return the name of the source's contents, and its revision. Raises ReleaseError."""
        return self.asked.key, self.asked.revision

    def lacks(self, key: str) -> bool:
        """Tell whether the controller has to send the contents called KEY."""
        return False

    def write(self, key: str, folder: Path, subfolder: str) -> None:
        """Write the contents called KEY, of those only what is below SUBFOLDER, into the empty FOLDER. Raises ReleaseError."""
        raise NotImplementedError

    def has_more(self) -> bool:
        """Tell whether there is more in the source than its subfolder."""
        return bool(self.asked.subfolder)


class Sent(Source):
    """A folder or an archive on the controller: it is sent if the host lacks it."""

    def __init__(self, request: Request, paths: Paths) -> None:
        super().__init__(request, paths)
        self.name = request.source.archive or self.name

    def find(self) -> tuple[str, str]:
        key, revision = super().find()
        incoming = self.paths.sources / ".incoming"
        if self.asked.upload:
            shutil.copyfile(self.asked.upload, incoming)
            incoming.replace(self.paths.archive(key))
        elif self.asked.content and self.lacks(key):
            incoming.write_bytes(base64.b64decode(self.asked.content))
            incoming.replace(self.paths.archive(key))
        return key, revision

    def lacks(self, key: str) -> bool:
        return not self.paths.archive(key).exists()

    def has_more(self) -> bool:
        """Of a folder only what is below the subfolder is packed, unless that is a member of a workspace."""
        return super().has_more() and bool(self.asked.archive or self.asked.whole)

    def write(self, key: str, folder: Path, subfolder: str) -> None:
        """One that can't be unpacked is removed, so that the next deploy has it sent again."""
        from ansible_collections.slipway.flask.plugins.module_utils._release.archive import unpack

        kept = self.paths.archive(key)
        foreign = bool(self.asked.archive)
        try:
            with kept.open("rb") as archive:
                unpack(archive, folder, subfolder if self.has_more() else "", foreign)
        except ReleaseError:
            kept.unlink()
            raise


class Download(Sent):
    """An archive that the host fetches itself; its checksum is its name."""

    def __init__(self, request: Request, paths: Paths) -> None:
        super().__init__(request, paths)
        self.name = urls.shown(request.source.archive)

    def planned(self) -> str:
        return self.asked.sha256

    def find(self) -> tuple[str, str]:
        return self.asked.sha256, self.asked.sha256

    def lacks(self, key: str) -> bool:
        return False

    def write(self, key: str, folder: Path, subfolder: str) -> None:
        kept = self.paths.archive(key)
        if not kept.exists():
            from ansible_collections.slipway.flask.plugins.module_utils._release.archive import download

            address = self.asked.secret_url or self.asked.archive
            download(address, self.asked.sha256, kept, self.request.tools.ca_bundle)
        super().write(key, folder, subfolder)


class Repository(Source):
    """A git repository that the host reads."""

    def __init__(self, request: Request, paths: Paths) -> None:
        from ansible_collections.slipway.flask.plugins.module_utils._python import git_unit
        from ansible_collections.slipway.flask.plugins.module_utils._release.repository import Git

        super().__init__(request, paths)
        self.name = urls.shown(request.source.git)
        address = request.source.secret_url or request.source.git
        self.place, self.old = git_unit.place_of(paths.root), paths.root / MIRROR
        self.git = Git(address, (self.place.folder or paths.root) / MIRROR, request.source.git_key, self.place)

    def planned(self) -> str:
        return ""  # what the remote branch holds is not known without fetching

    def find(self) -> tuple[str, str]:
        if self.place.unit and self.old.is_dir():
            shutil.rmtree(self.old)  # root's own, of earlier versions; it is fetched anew
        tip = self.git.commit(self.asked.within) if self.asked.within else ""
        commit = self.git.commit(self.asked.version)
        if tip and not self.git.has(tip, commit):
            raise ReleaseError(
                f"commit {commit[:7]} is not part of '{self.asked.within}', and no other may be deployed"
            )
        return commit, commit

    def write(self, key: str, folder: Path, subfolder: str) -> None:
        self.git.export(key, subfolder, folder)


class Package(Source):
    """A package on an index. It is installed with the environment, and the release's own folder begins empty."""

    def __init__(self, request: Request, paths: Paths) -> None:
        super().__init__(request, paths)
        self.name = request.source.package

    def planned(self) -> str:
        return self.name

    def find(self) -> tuple[str, str]:
        return self.name, requirement.version(self.name)

    def write(self, key: str, folder: Path, subfolder: str) -> None:
        """Nothing is fetched: the environment's builder does that."""


def source_of(request: Request, paths: Paths) -> Source:
    """Return the source that REQUEST describes."""
    if request.source.git:
        return Repository(request, paths)
    if request.source.package:
        return Package(request, paths)
    return (Download if urls.is_http(request.source.archive) else Sent)(request, paths)
