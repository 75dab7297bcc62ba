# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The bytecode that the tests keep of the collection: that of the very source, and Ansible's loader uses it."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
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
