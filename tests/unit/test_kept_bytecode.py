# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The bytecode that the tests keep, here and on their hosts: that of the very source, and Ansible's loader and zipimport use it."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import zipfile
import zipimport
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "bin/lib/compiled"


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    spec = importlib.util.spec_from_file_location("kept_bytecode", FOLDER / "sitecustomize.py")
    assert spec and spec.loader
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    monkeypatch.setattr(made, "KEPT", tmp_path)
    return made


def answer(module: ModuleType, source: str | bytes, filename: str = "a.py") -> Any:
    found: dict[str, Any] = {}
    exec(module.kept(source=source, filename=filename, mode="exec", flags=0, dont_inherit=True), found)
    return found["answer"]


def test_changed_source_is_compiled_again_and_each_file_has_its_own(module: ModuleType, tmp_path: Path) -> None:
    for source, wanted in (("answer = 1", 1), ("answer = 1", 1), ("answer = 2", 2), (b"answer = 3", 3)):
        assert answer(module, source) == wanted
    assert answer(module, "answer = 4", "b.py") == 4
    assert answer(module, b"answer = 3") == 3
    assert len(list(tmp_path.iterdir())) == 2


def test_same_source_is_not_compiled_again(module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    answer(module, "answer = 1")
    monkeypatch.setitem(vars(module), "compile", lambda *_: pytest.fail("compiled again"))
    assert answer(module, "answer = 1") == 1


@pytest.mark.parametrize("spoiled", [b"", b"x" * 100, None], ids=["empty", "another", "half"])
def test_spoiled_file_is_made_again(module: ModuleType, tmp_path: Path, spoiled: bytes | None) -> None:
    answer(module, "answer = 1")
    (kept,) = tmp_path.iterdir()
    whole = kept.read_bytes()
    kept.write_bytes(whole[: len(whole) // 2] if spoiled is None else spoiled)
    assert answer(module, "answer = 1") == 1
    assert kept.read_bytes() == whole


def test_ansible_loads_the_collection_through_it() -> None:
    code = (
        "from ansible.utils.collection_loader import _collection_finder as finder; import sitecustomize;"
        "assert finder.compile is sitecustomize.kept"
    )
    environment = {**os.environ, "PYTHONPATH": str(FOLDER)}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)


@pytest.fixture
def on_hosts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("on_hosts", FOLDER / "on_hosts.py")
    assert spec and spec.loader
    made = importlib.util.module_from_spec(spec)
    monkeypatch.setattr(zipimport, "_compile_source", zipimport._compile_source)  # type: ignore[attr-defined]
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    spec.loader.exec_module(made)
    monkeypatch.setattr(made, "KEPT", str(tmp_path / "kept"))
    return made


def imported(folder: Path, name: str, source: str) -> ModuleType:
    """Return the module of a SOURCE, as a host gets it: in an archive of its own."""
    with zipfile.ZipFile(folder / f"{name}.zip", "w") as archive:
        archive.writestr("sent.py", source)
    spec = zipimport.zipimporter(str(folder / f"{name}.zip")).find_spec("sent")
    assert spec and spec.loader
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def test_host_compiles_a_source_once(on_hosts: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    imported(tmp_path, "first", "def answer(): return 1")
    monkeypatch.setattr(on_hosts, "compiled", lambda *_: pytest.fail("compiled again"))
    again = imported(tmp_path, "second", "def answer(): return 1")
    assert again.answer() == 1
    assert again.answer.__code__.co_filename == str(tmp_path / "second.zip/sent.py")  # for what is said of an error


def test_host_compiles_changed_source(on_hosts: ModuleType, tmp_path: Path) -> None:
    assert [imported(tmp_path, "a", f"answer = {number}").answer for number in (1, 2, 1)] == [1, 2, 1]
    assert len(list((tmp_path / "kept").iterdir())) == 2
    assert (tmp_path / "kept").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("spoiled", [b"", b"x" * 100, None], ids=["empty", "another", "half"])
def test_host_makes_a_spoiled_file_again(on_hosts: ModuleType, tmp_path: Path, spoiled: bytes | None) -> None:
    imported(tmp_path, "a", "answer = 1")
    (kept,) = (tmp_path / "kept").iterdir()
    whole = kept.read_bytes()
    kept.write_bytes(whole[: len(whole) // 2] if spoiled is None else spoiled)
    assert imported(tmp_path, "a", "answer = 1").answer == 1
    assert kept.read_bytes() == whole


def test_host_without_a_place_for_it_compiles(on_hosts: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("no folder")
    assert imported(tmp_path, "a", "answer = 1").answer == 1


def test_only_roots_calls_keep_anything() -> None:
    code = "import os, zipimport; os.geteuid = lambda: 1; before = zipimport._compile_source; import on_hosts;"
    code += (
        "assert zipimport._compile_source is before; os.geteuid = lambda: 0; del __import__('sys').modules['on_hosts'];"
    )
    code += "import on_hosts; assert zipimport._compile_source is on_hosts.kept"
    subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(FOLDER)}, check=True)
