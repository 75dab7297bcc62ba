# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What one run has packed, the next ones bring along: only as long as the code is the same, whole, and nobody else's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.plugin_utils._action import packed

NAME = f"{packed.OURS}files_on_host-ZIP_DEFLATED-none"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(packed.constants, "ANSIBLE_HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


Run = Callable[[], Path]


@pytest.fixture
def run(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Begin another run of Ansible, and return the folder of what it has packed."""
    number = iter(range(100))

    def begin() -> Path:
        local = tmp_path / f"local{next(number)}"
        monkeypatch.setattr(packed.constants, "DEFAULT_LOCAL_TMP", str(local))
        packed.bring()
        return local / "ansiballz_cache"

    return begin


def pack(folder: Path, name: str = NAME, content: bytes = b"code") -> None:
    (folder / name).write_bytes(content)
    packed.keep()


def there(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.name != packed.MARK}


def kept(home: Path) -> list[Path]:
    return sorted(home.glob("slipway/modules/*/*"))


def test_the_next_run_has_what_this_one_has_packed(run: Run, home: Path) -> None:
    first = run()
    assert there(first) == {}
    pack(first)
    assert there(run()) == {NAME: b"code"}
    assert [folder.stat().st_mode & 0o777 for folder in home.glob("slipway/modules/*")] == [0o700]


def test_modules_of_others_and_what_ansible_still_writes_are_not_kept(run: Run, home: Path) -> None:
    folder = run()
    for name in ("ansible.modules.setup-ZIP_DEFLATED-none", f"{NAME}.lock", f"{NAME}-part"):
        pack(folder, name)
    assert kept(home) == []


@pytest.mark.parametrize("change", ["the collection", "Ansible"])
def test_other_code_finds_nothing(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, change: str) -> None:
    pack(run())
    if change == "Ansible":
        monkeypatch.setattr(packed, "__version__", "2.99.0")
    else:
        (tmp_path / "plugins/module_utils/_host").mkdir(parents=True)
        (tmp_path / "plugins/module_utils/_host/code.py").write_text("print()")
        monkeypatch.setattr(packed, "PLUGINS", tmp_path / "plugins")
    assert there(run()) == {}


def test_a_file_that_was_cut_off_is_packed_anew(run: Run, home: Path) -> None:
    pack(run())
    [file] = kept(home)
    file.write_bytes(b"co")
    second = run()
    assert there(second) == {} and kept(home) == []
    pack(second)
    assert there(run()) == {NAME: b"code"}


@pytest.mark.parametrize("who", ["group", "everybody"])
def test_what_somebody_else_could_have_written_is_not_run_on_hosts(run: Run, home: Path, who: str) -> None:
    pack(run())
    [folder] = home.glob("slipway/modules/*")
    folder.chmod(0o770 if who == "group" else 0o707)
    assert there(run()) == {}


def test_a_link_in_its_place_is_not_followed(run: Run, home: Path, tmp_path: Path) -> None:
    pack(run())
    [folder] = home.glob("slipway/modules/*")
    folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    assert there(run()) == {}


def test_somebodys_own_module_utils_are_packed_anew(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pack(run())
    found = packed.module_utils_loader._get_paths(subdirs=False)
    monkeypatch.setattr(packed.module_utils_loader, "_get_paths", lambda subdirs: [*found, str(tmp_path)])
    assert there(run()) == {}


def test_without_a_place_to_keep_it_a_run_goes_on(run: Run, home: Path) -> None:
    (home / "slipway").write_text("a file")
    folder = run()
    pack(folder)
    assert there(folder) == {NAME: b"code"}


def test_few_versions_of_the_code_are_kept(run: Run, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(packed.KEPT_KEYS + 2):
        monkeypatch.setattr(packed, "__version__", f"2.99.{number}")
        pack(run())
    assert len(list(home.glob("slipway/modules/*"))) == packed.KEPT_KEYS
    assert there(run()) == {NAME: b"code"}
