"""Runs `ansible-test sanity` over the collection: `bin/lib/sanity.py [--test NAME ...] [FILE ...]`.

ansible-test wants to stand in `ansible_collections/slipway/flask`, and makes a virtual environment for each of its tests
from the package index and a script that it downloads. Here it gets a copy of what is (or would be) in Git, and this
interpreter, whose packages are pinned with hashes in requirements-dev.txt. Only what modules may import on a host is tried
in an environment that is empty, as ansible-test does it.

Its test of imports imports every file for itself, with all that it needs: IMPORTED_ONCE says what is then done only once.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from typing import Any

import ansible.release

ROOT = Path(__file__).resolve().parents[2]
MINOR = ".".join(ansible.release.__version__.split(".")[:2])

ELSEWHERE = {
    "changelog": "there are no changelog fragments",
    "pep8": "ruff",
    "pslint": "there is no PowerShell",
    "pylint": "ruff and mypy",
    "shellcheck": "bin/lint runs it itself",
}
"""Tests of ansible-test that are not run, and what is done instead."""


SHIPPED = ("galaxy.yml", "meta", "playbooks", "plugins", "roles", "README.md", "tests/config.yml", "tests/sanity")
"""What is tested: what the collection ships, and what ansible-test is told of it."""

LICENSED = ("callback", "modules")
"""Kinds of plugins whose licence is tested."""


FUTURE = "from __future__ import annotations\n"
IMPORTED_ONCE = """
import builtins, dataclasses, functools, os, sys, types
builtins.compile = functools.cache(builtins.compile)
dataclasses.exec = lambda text, *names: exec(compile(text, "<string>", "exec", 0, True), *names)
if os.environ["SANITY_IMPORTER_TYPE"] == "plugin":
    sys.modules["ansible._vendor"] = types.ModuleType("ansible._vendor")
    import ansible.executor.task_executor, ansible.plugins.action, ansible.plugins.callback.default
"""
"""What stands at the beginning of ansible-test's importer.

Source is compiled once, not once for each file that imports it; and ansible-core, of which a plugin may import everything,
is loaded once (with nothing of its `_vendor`, as the importer has it), not once for each plugin.
"""


def copied(into: Path) -> Path:
    """Return the folder of the collection INTO which the files that Git has, or would take, have been copied."""
    place = into / "ansible_collections/slipway/flask"
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", "--", *SHIPPED],
        cwd=ROOT, capture_output=True, check=True,
    )  # fmt: skip
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, place / name)
    ignored = place / f"tests/sanity/ignore-{MINOR}.txt"
    licensed = [file.relative_to(place) for kind in LICENSED for file in (place / "plugins" / kind).glob("*.py")]
    with ignored.open("a") as file:  # the licence is MIT: see tests/sanity/README.md
        file.writelines(f"{path} validate-modules:missing-gplv3-license\n" for path in sorted(licensed))
    return place


def empty_environment() -> Path:
    """Return the interpreter of an environment without any package, made once."""
    folder = ROOT / ".slipway/sanity" / "python{}.{}-empty".format(*sys.version_info)
    if not (folder / "bin/python").exists():
        venv.create(folder, clear=True, symlinks=True)
    return folder / "bin/python"


def environment(_: Any, python: Any, name: str, coverage: bool = False, minimize: bool = False) -> Any:
    """Stand in for ansible-test's function that makes the environment of the test NAME."""
    from ansible_test._internal.host_configs import VirtualPythonConfig

    path = empty_environment() if name in ("import.module", "import.empty") else Path(sys.executable)
    return VirtualPythonConfig(version=python.version, path=str(path))


def with_memory(theirs: Path, into: Path) -> str:
    """Return INTO, a copy of THEIRS, ansible-test's folder of tests, with an importer that does nothing twice."""
    shutil.copytree(theirs, into)
    importer = into / "import/importer.py"
    text = importer.read_text()
    if FUTURE not in text:
        sys.exit(f"ansible-test {MINOR} imports in another way: {__file__} must learn it")
    importer.write_text(text.replace(FUTURE, FUTURE + IMPORTED_ONCE, 1))
    return str(into)


def main() -> None:
    asked = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="slipway-sanity-") as scratch:
        os.chdir(copied(Path(scratch)))
        os.environ["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        from ansible_test import _internal
        from ansible_test._internal.commands import sanity

        if not callable(getattr(sanity, "create_sanity_virtualenv", None)):
            sys.exit(f"ansible-test {MINOR} makes its environments in another way: {__file__} must learn it")
        sanity.create_sanity_virtualenv = environment
        sanity.check_sanity_virtualenv_yaml = lambda _: True
        sanity.TARGET_SANITY_ROOT = with_memory(Path(sanity.TARGET_SANITY_ROOT), Path(scratch) / "tests")
        skipped = [] if "--test" in asked else [word for name in ELSEWHERE for word in ("--skip-test", name)]
        version = ".".join(map(str, sys.version_info[:2]))
        _internal.main(["ansible-test", "sanity", "--color", "no", "--python", version, *skipped, *asked])


if __name__ == "__main__":
    main()
