# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What an import is asked for, and what there is to tell of it.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

DUMP, FILES = "dump.upload", "files.upload"
"""What the controller calls what it sends."""
GROWTH = 3
"""How many times its dump a database is in practice, when the dump is compressed; without, it is one time and its indexes."""


@dataclass(frozen=True)
class Wanted:
    """What is to be imported. DUMP and FILES are octets, None for none; the rest is of the app's description."""

    dump: int | None = None
    dump_name: str = ""
    files: int | None = None
    files_name: str = ""
    into: str = ""
    """The folder that the files go into."""
    replace: bool = False
    keep_schema: bool = False
    database: str = ""
    """The app's database in the local cluster, "" for none."""
    mariadb: str = ""
    """The same in the host's MariaDB."""
    url: str = field(default="", repr=False)
    """That of its database elsewhere, "" for none."""
    extensions: Sequence[str] = ()
    commands: Sequence[str] = ()
    """The app's release commands."""

    @property
    def said(self) -> str:
        names = [
            name for name, size in ((self.dump_name, self.dump), (self.files_name, self.files)) if size is not None
        ]
        return " and ".join(names)


@dataclass
class Told:
    """What there is to tell of one that was done."""

    tables: int = 0
    octets: int = 0
    left_out: dict[str, int] = field(default_factory=dict)
    extensions: list[str] = field(default_factory=list)
    """Extensions that were left out."""
    schema: str = ""
    files: int = 0
    files_octets: int = 0
