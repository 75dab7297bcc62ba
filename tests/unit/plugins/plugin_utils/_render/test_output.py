# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The folder that a target is written into: written once, and never over somebody else's files."""

from __future__ import annotations

from pathlib import Path

import pytest
import rendering
from ansible_collections.slipway.flask.plugins.plugin_utils._render.output import File, Kept, OutputError, write

FILES = [File("compose.yaml", "a\n"), File("deploy.sh", "b\n", 0o755), File("secrets/KEY", "s")]


def test_a_second_run_changes_nothing(tmp_path: Path) -> None:
    assert write(tmp_path / "x", "shop for compose", FILES) == ["compose.yaml", "deploy.sh", "secrets/KEY"]
    assert write(tmp_path / "x", "shop for compose", FILES) == []


def test_only_the_owner_gets_to_the_secrets(tmp_path: Path) -> None:
    write(tmp_path, "shop for compose", FILES)
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "secrets/KEY").stat().st_mode & 0o777 == 0o444
    assert (tmp_path / "deploy.sh").stat().st_mode & 0o777 == 0o755


def test_what_is_no_longer_meant_is_removed_and_what_a_person_added_stays(tmp_path: Path) -> None:
    write(tmp_path, "shop for compose", FILES)
    (tmp_path / "mine.txt").write_text("mine")
    assert write(tmp_path, "shop for compose", FILES[:1]) == ["deploy.sh", "secrets/KEY"]
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == [
        ".slipway.json",
        "compose.yaml",
        "mine.txt",
    ]


def test_a_file_that_somebody_else_wrote_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text("mine")
    with pytest.raises(OutputError, match="was not written by this playbook"):
        write(tmp_path, "shop for compose", FILES)
    assert (tmp_path / "compose.yaml").read_text() == "mine"


def test_a_folder_has_one_app_for_one_target(tmp_path: Path) -> None:
    write(tmp_path, "shop for compose", FILES)
    with pytest.raises(OutputError, match="has shop for compose, not blog for swarm"):
        write(tmp_path, "blog for swarm", FILES)


def test_check_mode_writes_nothing(tmp_path: Path) -> None:
    assert len(write(tmp_path / "x", "shop for compose", FILES, check=True)) == 3
    assert not (tmp_path / "x").exists()


def test_a_password_is_made_once(tmp_path: Path) -> None:
    first = Kept(tmp_path).get("postgres")
    assert len(first) >= 32
    write(tmp_path, "x", [File("secrets/postgres", first)])
    assert Kept(tmp_path).get("postgres") == first


@pytest.mark.parametrize("target", ["compose", "swarm"])
def test_what_one_run_makes_up_is_what_the_next_one_finds(target: str, tmp_path: Path) -> None:
    made = rendering.files(target, tmp_path / "scratch", redis="local", redis_variables={"CACHE_URL": "cache"})
    write(tmp_path / "x", "shop", made.values())
    found = Kept(tmp_path / "x")
    assert {name: found.get(name) for name in rendering.PASSWORDS} == rendering.PASSWORDS
    assert found.get("postgres-admin") == "pa"
    settings = (tmp_path / "x/secrets/redis-queue-conf").read_text()
    assert settings.splitlines()[0] == "requirepass rq"
