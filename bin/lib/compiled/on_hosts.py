# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Keeps the bytecode of what Ansible sends, as Python does for all other code: on look-alikes, for vps.py to put it there.

Ansible sends each module with what it imports as a zip archive, whose files Python compiles again in every call: half of what a
short call costs a host. What is kept is used for the very source that it was made of. Only root's calls keep anything: what
another user could write, root must not run.
"""

import _imp
import marshal
import os
import zipimport
from contextlib import suppress
from types import CodeType

KEPT = "/var/cache/look-alike-bytecode"
compiled = zipimport._compile_source  # type: ignore[attr-defined]


def kept(path: str, source: bytes) -> CodeType:
    """Return what zipimport makes of a SOURCE in PATH."""
    place = f"{KEPT}/{_imp.source_hash(len(source), source).hex()}"
    with suppress(OSError, ValueError, EOFError, TypeError):
        with open(place, "rb") as file:
            found: CodeType = marshal.loads(file.read())
        _imp._fix_co_filename(found, path)  # type: ignore[attr-defined]
        return found
    code: CodeType = compiled(path, source)
    new = f"{place}.{os.getpid()}"
    try:
        os.makedirs(KEPT, 0o700, exist_ok=True)
        with open(new, "wb") as file:
            file.write(marshal.dumps(code))
        os.replace(new, place)  # others read it at the same time
    except OSError:  # a full disk is what some tests are about
        with suppress(OSError):
            os.unlink(new)
    return code


if os.geteuid() == 0:
    zipimport._compile_source = kept  # type: ignore[attr-defined]
