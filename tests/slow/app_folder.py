# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The folder of an app that a test deploys and spoils, and its description."""

from __future__ import annotations

import shutil
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

from helpers import Host, Project, Visitor


class AppFolder(ABC):
    """The app NAME at DOMAIN, in FOLDER as it is in ORIGINAL until a test changes it."""

    name: str
    domain: str

    def __init__(self, folder: Path, project: Project, original: Path) -> None:
        self.folder, self.project, self.original = folder, project, original
        self.restore()

    @property
    def host(self) -> Host:
        return self.project.host

    def restore(self) -> None:
        """Bring code and description back to what they were."""
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(self.original, self.folder, ignore=shutil.ignore_patterns("__pycache__"))
        self.describe()

    @abstractmethod
    def describe(self, **changes: Any) -> None:
        """Write the project's variables, with CHANGES to the app's description."""

    def current(self) -> str:
        """Return the id of the live release."""
        return self.host.run(f"basename $(readlink /srv/{self.name}/current)")

    def visitor(self) -> Visitor:
        return Visitor(self.host, self.domain)
