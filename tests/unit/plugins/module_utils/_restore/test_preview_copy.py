# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A preview's copy of its app's database: how it is made, what its command may reach, and that a failure leaves nothing."""

from __future__ import annotations

import shutil
import subprocess
from collections import namedtuple
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._backup.error import BackupError
from ansible_collections.slipway.flask.plugins.module_utils._host import sandbox
from ansible_collections.slipway.flask.plugins.module_utils._postgres.names import Cluster
from ansible_collections.slipway.flask.plugins.module_utils._release.record import Paths, Record
from ansible_collections.slipway.flask.plugins.module_utils._restore import preview_copy, preview_place
from ansible_collections.slipway.flask.plugins.module_utils._restore.preview_copy import PreviewCopy

CLUSTER = Cluster("17", "main", 5433, True, "")
MB = 1 << 20
Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    """A host on which release 0001-abc of the shop serves."""
    paths = Paths("shop", tmp_path / "srv", tmp_path / "etc")
    paths.release("0001-abc").mkdir(parents=True)
    Record("0001-abc", "shop", "abcdef", "f", outcome="deployed").write(paths.release("0001-abc") / "release.json")
    paths.current.symlink_to("releases/0001-abc")
    file = paths.environment_file("0001-abc")
    file.parent.mkdir(parents=True)
    file.write_text('DATABASE_URL="postgresql+psycopg:///shop?host=/run"\nTOKEN="production-token"\n')
    return paths


class Runs:
    """Stands in for the server and for systemd; DONE is what was done, STATUS how the command ends."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.status, self.environment = 0, ""

    def psql(self, cluster: Cluster, text: str, *_: Any, **__: Any) -> str:
        self.done += [line for line in text.strip().split("\n") if not line.startswith("SHOW")]
        return "/\n" if text.startswith("SHOW") else ""

    def make(self, cluster: Cluster, copy: Any, source: str, new: str, user: str, dump: Path, live: Any) -> list[str]:
        assert live == {"locale": "C.UTF-8", "settings": [["", "work_mem=8MB"]]}, "no value that may be a secret"
        self.done.append(f"{source} read by {copy.user} -> {new} of {user}")
        return [f"note of {new}"]

    def run(self, command: sandbox.Command, argv: list[str], unit: str) -> subprocess.CompletedProcess[str]:
        self.environment = command.environment_file.read_text()
        self.done.append(f"{' '.join(argv[1:])} as {command.user} in {unit}")
        return subprocess.CompletedProcess(argv, self.status, "", "ValueError: production-token\npreview-secret")


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runs:
    made = Runs()
    monkeypatch.setattr(preview_place, "FOLDER", tmp_path / "lib/preview-copy")
    monkeypatch.setattr(preview_place, "psql", made.psql)
    monkeypatch.setattr(preview_place.systemd, "stop", lambda unit: None)
    monkeypatch.setattr(preview_place.swap, "cluster_of", lambda wanted: CLUSTER)
    monkeypatch.setattr(preview_place.swap, "drop", lambda cluster, name: made.done.append(f"drop {name}"))
    monkeypatch.setattr(preview_place.swap, "close", lambda cluster, name: made.done.append(f"close {name}"))
    monkeypatch.setattr(preview_copy, "psql", made.psql)
    monkeypatch.setattr(preview_copy.database, "make", made.make)
    found = {
        "locale": "C.UTF-8",
        "bytes": MB,
        "settings": [["", "work_mem=8MB"], ["", "app.jwt_secret=s3cret"], ["reporting", "b=2"]],
    }
    monkeypatch.setattr(preview_copy.database, "properties", lambda cluster, name: found)
    monkeypatch.setattr(preview_copy.service_user, "ensure", lambda users: [])
    monkeypatch.setattr(sandbox.Command, "run", lambda command, argv, unit: made.run(command, argv, unit))
    return made


def copy(paths: Paths, words: list[str]) -> PreviewCopy:
    environment = {"MAIL": "off", "KEY": "preview-secret"}
    folders = [f"{paths.shared}/uploads", str(paths.root), "/not/there"]
    return PreviewCopy(
        paths,
        "shop-x-1",
        words,
        "shop:app",
        "DATABASE_URL",
        environment,
        folders,
        ["config.py", "uploads/a.py", "not/there"],
    )


END = ["drop slipway_copy", "drop slipway_preview", 'DROP ROLE IF EXISTS "slipway_copy";']


def test_the_preview_gets_a_dump_of_what_the_apps_own_code_has_made_anonymous(paths: Paths, runs: Runs) -> None:
    notes = copy(paths, ["flask", "anonymize"]).make(CLUSTER, lambda: runs.done.append("ready"))
    assert runs.done == [
        f"{preview_copy.ROLE};",
        "shop read by shop -> slipway_copy of slipway_copy",
        "flask anonymize as slipway_copy in slipway_copy.service",
        "slipway_copy read by slipway_copy -> slipway_preview of shop-x-1",
        "ready",
        "close slipway_preview",
        "drop shop-x-1",
        'ALTER DATABASE "slipway_preview" RENAME TO "shop-x-1";',
        'ALTER DATABASE "shop-x-1" ALLOW_CONNECTIONS true;',
        *END,
    ]
    assert notes == ["note of slipway_copy", "note of slipway_preview"]
    url = "postgresql+psycopg:///slipway_copy?host=/var/run/postgresql&port=5433"
    assert runs.environment == f'DATABASE_URL="{url}"\nKEY="preview-secret"\nMAIL="off"\n'
    assert not preview_place.FOLDER.exists()


def test_a_command_that_fails_leaves_nothing_and_the_preview_as_it_was(paths: Paths, runs: Runs) -> None:
    runs.status = 3
    with pytest.raises(BackupError) as error:
        copy(paths, ["flask", "anonymize"]).make(CLUSTER, lambda: runs.done.append("ready"))
    told = str(error.value)
    assert told.startswith(
        "`flask anonymize` (`anonymize`) failed with status 3 in release 0001-abc of shop. The copy was dropped"
    )
    assert "ValueError" in told and "preview-secret" not in told
    assert runs.done[-3:] == END and "ready" not in runs.done and "drop shop-x-1" not in runs.done
    assert not preview_place.FOLDER.exists()


def test_without_a_command_the_copy_is_the_previews_as_it_is(paths: Paths, runs: Runs) -> None:
    copy(paths, []).make(CLUSTER)
    assert runs.done[0] == "shop read by shop -> slipway_preview of shop-x-1"


def test_without_a_live_release_there_is_no_code_to_make_it_anonymous_with(paths: Paths, runs: Runs) -> None:
    paths.current.unlink()
    with pytest.raises(
        BackupError, match="no release of shop is live on this host, and `anonymize` runs with its code"
    ):
        copy(paths, ["flask", "anonymize"]).make(CLUSTER)
    assert runs.done == []


@pytest.mark.parametrize("name", ["my config.py", "a:b.py", "it's.py", "100%h.py", "back\\slash.py"])
def test_a_file_that_can_not_be_hidden_from_the_command_stops_the_copy(paths: Paths, name: str) -> None:
    src = paths.release("0001-abc") / "src"
    src.mkdir()
    made = replace(copy(paths, ["x"]), files=[name])
    made.properties(src)  # the release does not have it
    (src / name).write_text("TOKEN = 1")
    with pytest.raises(BackupError, match="can't be hidden from `anonymize`"):
        made.properties(src)


def test_the_command_finds_empty_folders_no_network_and_of_run_the_server_alone(
    paths: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preview_copy, "RUN", tmp_path / "run")
    for name in ("postgresql", "systemd", "shop", "redis-shop-queue"):
        (tmp_path / "run" / name).mkdir(parents=True)
    src = paths.release("0001-abc") / "src"
    src.mkdir()
    (src / "config.py").write_text("TOKEN = 1")
    (paths.shared / "uploads").mkdir(parents=True)
    (paths.shared / "uploads/a.py").touch()
    (src / "uploads").symlink_to(paths.shared / "uploads")
    found = copy(paths, ["x"]).properties(src)
    assert found["BindReadOnlyPaths"] == [f"{preview_place.FOLDER}/empty:{src}/config.py"]
    assert (found["SupplementaryGroups"], found["PrivateNetwork"], found["BindPaths"]) == (["shop"], "yes", [])
    assert found["TemporaryFileSystem"] == [
        *sandbox.SERVICE["TemporaryFileSystem"],
        f"{paths.shared}:mode=0755",
        f"{paths.shared}/uploads:mode=1777",
        f"{paths.root}:mode=1777",
    ]
    hidden = [tmp_path / "run/redis-shop-queue", tmp_path / "run/shop", paths.settings]
    assert found["InaccessiblePaths"] == [f"-{path}" for path in hidden]


@pytest.mark.parametrize(("free", "fits"), [(100 * 4 + 256, True), (100 * 4 + 255, False)])
def test_a_copy_that_would_fill_the_disk_is_refused(
    free: int, fits: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(0, 0, free * MB))
    if fits:
        preview_copy.room(tmp_path, tmp_path, 100 * MB, preview_copy.COPIES)
        return
    with pytest.raises(
        BackupError, match=r"a copy of the database \(100 MB\) may take 400 MB below .*, of which 655 MB are free"
    ):
        preview_copy.room(tmp_path, tmp_path, 100 * MB, preview_copy.COPIES)
