# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""How a project finds Slipway: in the clone that made it, or as a collection that `ansible-galaxy` installs from Git."""

from __future__ import annotations

import configparser
import io
import os
import re
import subprocess
from pathlib import Path

import yaml
from ansible_collections.slipway.flask.plugins.module_utils._source import urls

ROOT = Path(__file__).resolve().parents[3]
NAME = "slipway.flask"
GIT_SECONDS = 20


class SlipwayError(RuntimeError):
    """Where Slipway comes from can't be told; the message is for the user."""


def git(*words: str) -> str:
    """Return what git says of this clone, "" when it says nothing or there is none."""
    try:
        done = subprocess.run(
            ["git", "-C", str(ROOT), *words], capture_output=True, text=True, check=False, timeout=GIT_SECONDS
        )
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def version() -> str:
    """Return the tag or the commit of this clone, "" where it has no history."""
    if git("rev-parse", "--show-toplevel") != str(ROOT):
        return ""  # an unpacked archive inside somebody else's repository
    return git("describe", "--tags", "--exact-match") or git("rev-parse", "HEAD")


def origin(given: str) -> str:
    """Return the Git URL that the collection is installed from: GIVEN, or the one that this clone came from."""
    found = given or (git("remote", "get-url", "origin") if version() else "")
    if not found:
        raise SlipwayError(
            "this copy of Slipway was not cloned from anywhere: name its repository, --collection GIT_URL"
        )
    found, _ = urls.split(found)
    return str(Path(found).resolve()) if Path(found).is_dir() else found


def way_to(folder: Path, name: str) -> str:
    """Return the path from FOLDER to a file of this clone."""
    return os.path.relpath(ROOT / name, folder.resolve())


def requirements(url: str) -> str:
    """Return a requirements.yml that pins the collection to the revision of this clone."""
    # ansible-galaxy takes another form of a URL for a plain address; see its documentation of Git sources.
    scp = re.fullmatch(r"([\w.-]+@[\w.-]+):(?!//)(.+)", url)
    address = f"ssh://{scp[1]}/{scp[2]}" if scp else f"file://{url}" if url.startswith("/") else url
    wanted = {"name": f"git+{address}", "type": "git", "version": version() or "main"}
    return (
        "---\n# ansible-galaxy collection install -r requirements.yml -p collections\n"
        "# A newer version is a change like any other: read its CHANGELOG.md, set it here, install with --force.\n"
        + yaml.safe_dump({"collections": [wanted]}, sort_keys=False)
    )


def config(folder: Path, installed: bool, vault_password: str) -> str:
    """Return an ansible.cfg for FOLDER: this clone's own, with the folder's inventory and vault, and where Slipway is.

    installed: it is a collection in the folder; otherwise it is this clone, by its path from the folder.
    """
    parsed = configparser.ConfigParser(interpolation=None)
    parsed.read(ROOT / "ansible.cfg", encoding="utf-8")
    mine = parsed["defaults"]
    mine["inventory"] = "hosts.yml"
    mine["vault_password_file"] = vault_password
    rest = mine["collections_path"].partition(":")[2]
    where = "collections" if installed else way_to(folder, "collections")
    mine["collections_path"] = f"{where}:{rest}"
    text = io.StringIO()
    parsed.write(text)
    why = (
        "as requirements.yml pins it" if installed else "the clone that made this folder; change it if you move either"
    )
    return f"# Where Slipway is: collections_path, first entry ({why}).\n{text.getvalue().rstrip()}\n"
