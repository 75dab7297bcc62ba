# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Entries of files, folders and links that belong to whoever runs the tests."""

from __future__ import annotations

import grp
import os
import pwd
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._host.file_state import Entry
from ansible_collections.slipway.flask.plugins.module_utils._host.files import FileSet

ME, MINE = pwd.getpwuid(os.getuid()).pw_name, grp.getgrgid(os.getgid()).gr_name


def entry(dest: Path, content: str = "new\n", **values: str) -> Entry:
    return Entry(str(dest), content=content, **{"owner": ME, "group": MINE, **values})


def folder(dest: Path, **values: str) -> Entry:
    return entry(dest, "", state="directory", **values)


def link(dest: Path, to: str) -> Entry:
    return entry(dest, "", state="link", to=to)


def absent(dest: Path) -> Entry:
    return entry(dest, "", state="absent")


def applied(*entries: Entry, check: bool = False) -> FileSet:
    files = FileSet(check=check)
    files.apply(entries)
    return files
