# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Keeps the bytecode of the collection's plugins, as Python does for all other code: for `PYTHONPATH` of the tests.

Ansible's loader of collections compiles each file again in every run, which is a fifth of what a short playbook costs. Python
imports this file by itself when it starts. What is kept is used for the very source that it was made of, and for no other.
"""

import hashlib
import marshal
import os
import sys
from contextlib import suppress
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

LOADER = "ansible.utils.collection_loader._collection_finder"
KEPT = Path(__file__).resolve().parents[3] / ".slipway/bytecode" / str(sys.implementation.cache_tag)


def kept(source: "str | bytes", filename: str, mode: str, flags: int, dont_inherit: bool) -> CodeType:
    """Return what `compile` does for Ansible's loader, whose calls name all of these; it is compiled when it has changed."""
    text = source.encode() if isinstance(source, str) else source
    made_of = hashlib.sha256(f"{filename}\0{mode} {flags} ".encode() + text).digest()
    place = KEPT / hashlib.sha256(filename.encode()).hexdigest()
    with suppress(OSError, ValueError, EOFError, TypeError):
        found = place.read_bytes()
        if found.startswith(made_of):
            code: CodeType = marshal.loads(found[len(made_of) :])
            return code
    code = compile(source, filename, mode, flags, dont_inherit)
    with suppress(OSError):
        KEPT.mkdir(parents=True, exist_ok=True)
        new = place.with_suffix(f".{os.getpid()}")
        new.write_bytes(made_of + marshal.dumps(code))
        new.replace(place)  # others read it at the same time
    return code


class Keeping(SourceFileLoader):
    """Loads Ansible's loader of collections, for which `compile` is another function from then on."""

    def exec_module(self, module: ModuleType) -> None:
        super().exec_module(module)
        vars(module)["compile"] = kept


class Finder:
    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> "ModuleSpec | None":
        if name != LOADER:
            return None
        spec = PathFinder.find_spec(name, path)
        if spec and isinstance(spec.loader, SourceFileLoader):
            spec.loader = Keeping(spec.loader.name, spec.loader.path)
        return spec


sys.meta_path.insert(0, Finder)
