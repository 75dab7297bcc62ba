# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The collection as somebody else gets it: its tarball, installed into an empty folder, without Galaxy."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

SHIPPED = {
    "CHANGELOG.md", "FILES.json", "LICENSE", "MANIFEST.json", "README.md", "meta", "playbooks", "plugins", "roles",
}  # fmt: skip


@pytest.fixture(scope="module")
def tarball(run: Callable[..., str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The collection's tarball, built from the checkout as it is."""
    folder = tmp_path_factory.mktemp("built")
    run("ansible-galaxy", "collection", "build", "--output-path", str(folder))
    (built,) = folder.glob("slipway-flask-*.tar.gz")
    return built


@pytest.fixture(scope="module")
def installed(run: Callable[..., str], tarball: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which the tarball was installed offline."""
    folder = tmp_path_factory.mktemp("installed")
    run("ansible-galaxy", "collection", "install", "--offline", "-p", str(folder), str(tarball), cwd=folder)
    return folder


def test_tarball_holds_the_collection_and_nothing_else(tarball: Path) -> None:
    with tarfile.open(tarball) as archive:
        names = archive.getnames()
    assert {name.split("/")[0] for name in names} == SHIPPED
    assert not [name for name in names if "__pycache__" in name or "molecule" in name or name.endswith(".retry")]


def test_tarball_tells_what_galaxy_shows(tarball: Path) -> None:
    with tarfile.open(tarball) as archive:
        manifest = json.load(archive.extractfile("MANIFEST.json") or io.BytesIO())
    told = manifest["collection_info"]
    links = [told[name] for name in ("repository", "documentation", "homepage", "issues")]
    assert all(link.startswith(told["homepage"]) for link in links) and len(set(links)) == 3
    assert (told["license_file"], told["readme"], told["dependencies"]) == ("LICENSE", "README.md", {})
    assert told["description"] and told["authors"] and set(told["tags"]) >= {"flask", "nginx", "postgresql"}
    # Galaxy's own list: a collection without one of them can't be published.
    assert set(told["tags"]) & {"application", "cloud", "database", "infrastructure", "linux", "monitoring", "tools"}


def test_tarball_is_small(tarball: Path) -> None:
    """Text weighs this much: more means that something else has slipped in."""
    assert tarball.stat().st_size < 1536 * 1024


def test_documentation_of_what_is_installed(run: Callable[..., str], installed: Path, root: Path) -> None:
    names = [f"slipway.flask.{path.stem}" for path in (root / "plugins/modules").glob("*.py")]
    env = {"ANSIBLE_COLLECTIONS_PATH": str(installed)}
    assert run("ansible-doc", "-t", "module", *names, cwd=installed, env=env)
    filters = run(
        "ansible-doc",
        "-t",
        "filter",
        "slipway.flask.app_documents",
        "slipway.flask.postgres_url",
        cwd=installed,
        env=env,
    )
    assert "apps whose domains are still served by another site" in " ".join(filters.split())
    roles = run("ansible-doc", "-t", "role", "--list", cwd=installed, env=env)
    assert all(f"slipway.flask.{path.name}" in roles for path in (root / "roles").iterdir())


def test_site_playbook_by_its_full_name(run: Callable[..., str], installed: Path) -> None:
    env = {"ANSIBLE_COLLECTIONS_PATH": str(installed)}
    (installed / "hosts.yml").write_text("web: {hosts: {vps1: {}}}\n")
    run("ansible-playbook", "--syntax-check", "-i", "hosts.yml", "slipway.flask.site", cwd=installed, env=env)


def test_role_in_a_foreign_playbook(run: Callable[..., str], installed: Path, root: Path) -> None:
    roles = "".join(f"    - role: slipway.flask.{path.name}\n" for path in sorted((root / "roles").iterdir()))
    (installed / "foreign.yml").write_text(f"- hosts: all\n  gather_facts: false\n  roles:\n{roles}")
    env = {"ANSIBLE_COLLECTIONS_PATH": str(installed)}
    run("ansible-playbook", "--syntax-check", "-i", "localhost,", "foreign.yml", cwd=installed, env=env)
