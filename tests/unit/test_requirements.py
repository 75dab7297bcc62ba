# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What the project needs is pinned once, and no file leans on one machine or one network."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
REGISTRIES = [
    ".".join(parts)
    for parts in (
        ("pypi", "org"), ("files", "pythonhosted", "org"), ("deb", "debian", "org"), ("security", "debian", "org"),
        ("archive", "ubuntu", "com"), ("security", "ubuntu", "com"), ("registry", "npmjs", "org"), ("docker", "io"),
        ("quay", "io"), ("ghcr", "io"),
    )
]  # fmt: skip


def tracked() -> list[Path]:
    """Return the files of the checkout that are in git or would be added to it."""
    argv = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    if not shutil.which("git") or not (ROOT / ".git").exists():
        pytest.skip("only a git checkout tells which files are the project's")
    listed = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    files = [ROOT / name for name in listed.split("\0") if name]
    return [path for path in files if path.is_file() and not path.is_symlink()]


def pins(file: str) -> set[str]:
    """Return the pins of a requirements file, as `name==version`, lower case."""
    return {pin.lower() for pin in re.findall(r"^([\w.-]+==[^\s;\\]+)", (ROOT / file).read_text(), re.MULTILINE)}


def test_galaxy_and_requirements_name_the_same_collections() -> None:
    galaxy = yaml.safe_load((ROOT / "galaxy.yml").read_text()).get("dependencies") or {}
    listed = yaml.safe_load((ROOT / "requirements.yml").read_text())["collections"] or []
    assert {entry["name"]: entry.get("version", "*") for entry in listed} == galaxy


@pytest.mark.parametrize("name", ["requirements", "requirements-dev"])
def test_lock_files_are_up_to_date(name: str) -> None:
    assert pins(f"{name}.in") <= pins(f"{name}.txt"), f"lock {name}.txt again: see requirements.in"
    assert pins("requirements.txt") <= pins("requirements-dev.txt")


@pytest.mark.parametrize("name", ["requirements", "requirements-dev"])
def test_lock_files_have_a_hash_for_every_pin(name: str) -> None:
    entries = re.split(r"\n(?=\S)", (ROOT / f"{name}.txt").read_text().strip())
    assert not [entry.splitlines()[0] for entry in entries if "--hash=sha256:" not in entry]


def test_no_file_names_a_registry_or_this_machine() -> None:
    """Users have mirrors of their own; a path of one machine is wrong on any other."""
    words = re.compile("|".join(re.escape(word) for word in (*REGISTRIES, f"{ROOT}/")))
    found = [
        f"{path.relative_to(ROOT)}: {match.group()}"
        for path in tracked()
        if (match := words.search(path.read_text(errors="replace")))
    ]
    assert not found
