# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What the builder's engine is asked: nothing secret in its arguments, and one sentence when it fails or is missing."""

from __future__ import annotations

import io
import json
import stat
import tarfile
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._image import build

ENGINE = """#!/bin/sh
printf '%s\\n' "$*" >> {log}/calls
env > {log}/environment
case "$1 $2" in
"inspect "*) cat {log}/id 2>/dev/null || exit 1 ;;
"images "*) echo '[{{"size": "123.4 MB"}}]' ;;
"build "*) [ -e {log}/fails ] && {{ echo 'STEP 3: https://ann:s3cret@index.example.org/'; echo boom; exit 1; }}
    printf %064d 7 > {log}/id ;;
"push "*) for word; do case $word in docker-archive:*) echo tar > "$(echo "$word" | cut -d: -f2)" ;; esac; done
    while [ $# -gt 0 ]; do [ "$1" = --digestfile ] && echo sha256:abc > "$2"; shift; done ;;
esac
exit 0
"""


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder where a buildah that only takes notes leaves them; no other engine is there."""
    folder, log = tmp_path / "bin", tmp_path / "log"
    folder.mkdir()
    log.mkdir()
    (folder / "buildah").write_text(ENGINE.format(log=log))
    (folder / "buildah").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setattr(build.shutil, "which", lambda name: str(folder / name) if (folder / name).exists() else None)
    return log


def asked(tmp_path: Path, **changes: Any) -> build.Asked:
    room = tmp_path / "room"
    room.mkdir(exist_ok=True)
    with tarfile.open(tmp_path / "context.tar.gz", "w:gz") as tar:
        entry = tarfile.TarInfo("Containerfile")
        tar.addfile(entry, io.BytesIO(b""))
    values = {"app": "shop", "reference": "registry.example.org/shop:4f2c", "timestamp": 7, "folder": str(room),
              "context": str(tmp_path / "context.tar.gz")}  # fmt: skip
    return build.Asked(**values | changes)


def calls(engine: Path) -> list[str]:
    return (engine / "calls").read_text().splitlines()


def test_an_image_is_built_and_told(engine: Path, tmp_path: Path) -> None:
    done = build.build(asked(tmp_path, isolation="chroot"))
    assert done["changed"]
    assert done["image"]["id"] == f"sha256:{'0' * 63}7"
    assert done["image"]["bytes"] == 123_400_000
    built = next(call for call in calls(engine) if call.startswith("build "))
    assert "--layers=true --timestamp 7 --format docker --tls-verify=true --isolation chroot" in built
    assert "--tag registry.example.org/shop:4f2c" in built
    assert not any(call.startswith("push") for call in calls(engine))


def test_the_same_image_again_is_no_change(engine: Path, tmp_path: Path) -> None:
    build.build(asked(tmp_path))
    (tmp_path / "room").rename(tmp_path / "before")
    assert not build.build(asked(tmp_path))["changed"]


def test_passwords_are_in_no_command_line(engine: Path, tmp_path: Path) -> None:
    index = "https://ann:s3cret@index.example.org/simple"
    done = build.build(asked(tmp_path, push=True, user="ann", password="of-the-registry", index_url=index))
    assert done["image"]["digest"] == "sha256:abc"
    for secret in ("s3cret", "of-the-registry"):
        assert secret not in (engine / "calls").read_text()
    assert "--build-arg PIP_INDEX_URL" in (engine / "calls").read_text()
    file = tmp_path / "room/config.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(json.loads(file.read_text())["auths"]) == ["registry.example.org"]
    assert f"REGISTRY_AUTH_FILE={file}" in (engine / "environment").read_text()


def test_a_build_that_fails_says_why_without_the_password(engine: Path, tmp_path: Path) -> None:
    (engine / "fails").touch()
    with pytest.raises(build.BuildError) as error:
        build.build(asked(tmp_path))
    assert "the build failed. Its last lines:" in str(error.value)
    assert "boom" in str(error.value) and "s3cret" not in str(error.value)


def test_no_engine_is_one_sentence(engine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build.shutil, "which", lambda name: None)
    with pytest.raises(build.BuildError, match="there is no buildah or podman or docker there: install one"):
        build.build(asked(tmp_path))
    with pytest.raises(build.BuildError, match="there is no podman there"):
        build.build(asked(tmp_path, engine="podman"))


def test_docker_says_that_its_image_is_another_one_each_time(tmp_path: Path) -> None:
    command = build.build_command(asked(tmp_path), "docker", tmp_path)
    assert command[:2] == ["docker", "build"]
    assert not any("timestamp" in word or "layers" in word for word in command)
