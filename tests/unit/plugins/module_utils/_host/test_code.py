# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The code of a half, kept on the host: it runs as it was sent, it is nobody else's, and without it nothing is lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._host import code

COLLECTION = Path(__file__).resolve().parents[5]
OURS = "ansible_collections/slipway/flask/plugins/"
TASK = json.dumps({"app": "shop", "_half": {"name": "release", "key": "0a1b"}})
HALF = """
from ansible_collections.slipway.flask.plugins.module_utils._host import task, late

def main():
    print(f"{late.WORD} from {__file__}", late.__cached__)
    raise SystemExit
"""
KEEP = "code.keep(sys.argv[2])"
RUN = """
class Module:
    def exit_json(self, **answer):
        print(answer)
code.run(Module(), sys.argv[2])
"""


def archive_of(path: Path, late: str = "", half: str = "") -> Path:
    """Make an archive as Ansible sends it at PATH, with a HALF and what that imports if there is one."""
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("code", "task"):
            file = f"plugins/module_utils/_host/{name}.py"
            archive.write(COLLECTION / file, f"ansible_collections/slipway/flask/{file}")
        if half:
            archive.writestr(f"{OURS}module_utils/_host/late.py", late)
            archive.writestr(f"{OURS}modules/release_on_host.py", half)
        for place in ("", "modules/", "module_utils/", "module_utils/_host/"):
            archive.writestr(f"{OURS}{place}__init__.py", "")
        for place in ("", "slipway/", "slipway/flask/"):
            archive.writestr(f"ansible_collections/{place}__init__.py", "")
        archive.writestr("ansible/secret.py", "not ours")
    return path


class Sent:
    """What Ansible sends, with a half that says where it runs from, and the folder in which code is kept."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "cache/slipway/code"
        self.folder.parent.parent.mkdir()
        self.whole = archive_of(folder / "whole.zip", late="WORD = 'Hello'\n", half=HALF)
        self.asking = archive_of(folder / "asking.zip")

    def __call__(self, script: str, task: str = TASK) -> str:
        """Return what SCRIPT prints: KEEP in the module that is sent whole, RUN in the one that asks."""
        start = (
            "import sys; sys.path.insert(0, sys.argv[1]); from pathlib import Path\n"
            "from ansible_collections.slipway.flask.plugins.module_utils._host import code\n"
            f"code.FOLDER = Path({str(self.folder)!r})\n"
        )
        # Its modules' own path goes first; Ansible's come from where this test has them.
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        argv = [sys.executable, "-c", start + script, str(self.whole if script == KEEP else self.asking), task]
        return subprocess.run(argv, check=True, capture_output=True, text=True, env=environment).stdout.strip()

    @property
    def kept(self) -> list[Path]:
        return sorted(self.folder.iterdir()) if self.folder.exists() else []


@pytest.fixture
def sent(tmp_path: Path) -> Sent:
    return Sent(tmp_path)


def test_what_was_sent_once_runs_from_the_host_compiled(sent: Sent) -> None:
    assert sent(RUN) == "{'changed': False, 'lacks_code': True}"
    sent(KEEP)
    (archive,) = sent.kept
    assert sent(RUN) == (
        f"Hello from {archive}/{OURS}modules/release_on_host.pyc {archive}/{OURS}module_utils/_host/late.pyc"
    )
    assert (archive.stat().st_mode & 0o022, sent.folder.stat().st_mode & 0o777) == (0, 0o700)
    assert not [name for name in zipfile.ZipFile(archive).namelist() if not name.startswith("ansible_collections/")]


def test_another_version_has_another_key_and_is_sent(sent: Sent) -> None:
    sent(KEEP)
    assert "lacks_code" in sent(RUN, TASK.replace("0a1b", "2c3d"))


def test_a_call_that_is_not_to_be_kept_keeps_nothing(sent: Sent) -> None:
    sent(KEEP, json.dumps({"app": "shop"}))
    assert sent.kept == []


def test_code_that_did_not_come_in_an_archive_is_not_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(code, "FOLDER", tmp_path / "code")
    code.keep(TASK)
    assert not (tmp_path / "code").exists()


def of_others(path: Path) -> None:
    path.chmod(0o666)


def link(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


def folder_of_others(path: Path) -> None:
    path.parent.chmod(0o777)


@pytest.mark.parametrize("spoil", [of_others, link, folder_of_others])
def test_what_somebody_else_may_have_written_does_not_run(sent: Sent, spoil: Callable[[Path], None]) -> None:
    sent(KEEP)
    spoil(sent.kept[0])
    assert "lacks_code" in sent(RUN)


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives files away")
def test_what_belongs_to_somebody_else_does_not_run(sent: Sent) -> None:
    sent(KEEP)
    os.chown(sent.kept[0], 4242, 4242)
    assert "lacks_code" in sent(RUN)


def test_code_that_is_spoiled_goes_and_is_sent_again(sent: Sent) -> None:
    sent(KEEP)
    sent.kept[0].write_bytes(b"")
    assert "lacks_code" in sent(RUN)
    assert sent.kept == []


def test_what_was_not_used_for_a_month_and_what_a_killed_call_left_goes_with_the_next_that_is_kept(sent: Sent) -> None:
    sent.folder.mkdir(parents=True)
    for name, days in (("release-old.zip", 31), ("release-new.zip", 29), ("tmpkilled", 31)):
        path = sent.folder / name
        if name.endswith(".zip"):
            path.touch()
        else:
            path.mkdir()
            (path / "source.py").touch()
        os.utime(path, (time.time() - days * 86400,) * 2)
    sent(KEEP)
    assert [path.name.partition(".")[0] for path in sent.kept] == ["release-0a1b", "release-new"]


def test_a_use_is_remembered(sent: Sent) -> None:
    sent(KEEP)
    os.utime(sent.kept[0], (0, 0))
    sent(RUN)
    assert time.time() - sent.kept[0].stat().st_mtime < 3600


def test_where_it_cannot_be_kept_the_call_goes_on(sent: Sent) -> None:
    sent.folder.parent.write_text("in the way")
    sent(KEEP)
    assert "lacks_code" in sent(RUN)
