# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What is backed up, where to, and how long it is kept: the settings that a host needs.

PRIVATE to the collection: it may change without notice. Runs on the controller and on the host, with nothing but the
standard library: the programs on the host have no Ansible.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._backup import places

KINDS = ("s3", "sftp", "path")


@dataclass(frozen=True)
class Target:
    """A place that backups go to; of the fields below `path`, only those of its kind hold something."""

    kind: str
    path: str
    """Folder, or prefix in the bucket, which the repositories are below; it has the host's name in it."""
    bucket: str = ""
    endpoint: str = ""
    region: str = ""
    key: str = field(default="", repr=False)
    secret: str = field(default="", repr=False)
    """S3's secret key, or the private SSH key."""
    addressing: str = "path"
    ca: str = ""
    """Authority (PEM) of the server's certificate, "" for those that the host trusts."""
    host: str = ""
    port: int = 22
    user: str = ""
    host_key: str = ""
    """The server's keys, a line each as known_hosts has it but without the name: `ssh-ed25519 AAAA…`."""

    @property
    def name(self) -> str:
        """What messages, lists and manifests call the target; it holds no secret."""
        if self.kind == "s3":
            return f"s3:{self.endpoint}/{self.bucket}/{self.path.strip('/')}"
        if self.kind == "sftp":
            return f"sftp:{self.user}@{self.host}:{self.path}"
        return self.path


@dataclass(frozen=True)
class Keep:
    """How long backups are kept: every one for DAYS, then one a week for WEEKS and one a month for MONTHS."""

    days: int = 7
    weeks: int = 4
    months: int = 6


@dataclass(frozen=True)
class AppData:
    """What one app has that can be lost."""

    name: str
    user: str
    database: str = ""
    """Its database in the local cluster, "" for none."""
    mariadb: str = ""
    """Its database in the host's MariaDB, "" for none."""
    elsewhere: bool = False
    """Whether it has a database elsewhere (`database: url`), which is dumped if the owner wants it."""
    folders: list[str] = field(default_factory=list)
    """Its shared folders and writable paths, absolute. SQLite's files in them are found by what they hold."""
    root: str = ""
    """Folder of its releases, /srv/<app>."""
    settings: str = ""
    """Folder of its settings, /etc/<app>."""
    variable: str = "DATABASE_URL"
    """Variable of its environment that holds the database's URL."""


@dataclass(frozen=True)
class Settings:
    """All of it; kept in places.SETTINGS, for root alone."""

    host: str
    """The host's name in the inventory."""
    targets: list[Target]
    passphrase: str = field(repr=False)
    keep: Keep = field(default_factory=Keep)
    every_seconds: int = 3600
    drill: str = "Sun *-*-* 04:00"
    notifications: list[dict[str, str]] = field(default_factory=list, repr=False)
    databases_elsewhere: bool = False
    cluster: str = ""
    """Which cluster of the host, such as `17/main`; "" is the only one, or the one on port 5432."""
    apps: list[AppData] = field(default_factory=list)

    @property
    def has_cluster(self) -> bool:
        """Whether the local cluster is backed up: some app has its database there."""
        return any(app.database for app in self.apps)

    def app(self, name: str) -> AppData | None:
        """Return the app called NAME, None when there is none."""
        return next((app for app in self.apps if app.name == name), None)

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> Settings:
        """Return the settings that FOUND describes as `as_text` does; keys that are not known are left out."""
        return cls(
            **{
                **_known(cls, found),
                "targets": [Target(**_known(Target, target)) for target in found["targets"]],
                "keep": Keep(**_known(Keep, found["keep"])),
                "apps": [AppData(**_known(AppData, app)) for app in found["apps"]],
            }
        )

    @classmethod
    def read(cls, path: Path = places.SETTINGS) -> Settings:
        """Return what the host has. Raises FileNotFoundError where nothing is backed up."""
        return cls.of(json.loads(path.read_text()))

    def as_text(self) -> str:
        return json.dumps(asdict(self), indent=2, sort_keys=True) + "\n"


def read(path: Path = places.SETTINGS) -> Settings | None:
    """Return the host's settings, None where nothing is backed up (or nothing that can be read)."""
    try:
        return Settings.read(path)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _known(kind: Any, found: Mapping[str, Any]) -> dict[str, Any]:
    """Return what FOUND has of the fields of KIND: another version of the programs may have written more."""
    names: Sequence[str] = list(kind.__dataclass_fields__)
    return {name: value for name, value in found.items() if name in names}
