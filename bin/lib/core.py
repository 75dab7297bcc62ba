"""Tries the collection on every supported minor of ansible-core: `bin/test core`, or `bin/lib/core.py [MINOR ...]`.

Each minor gets an environment of its own below .slipway/core, with the tools pinned in requirements-dev.txt and, in place
of the ansible-core there, the one of its minor. Left out are tests that don't meet ansible-core, for `bin/test unit` runs
them. The minor of this interpreter is tried only when it is asked for: `bin/test lint unit` has done it.
"""

from __future__ import annotations

import argparse
import glob
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import ansible.release

ROOT = Path(__file__).resolve().parents[2]
PLACE = ROOT / ".slipway/core"
LOCKS = ("requirements-dev.txt", "requirements-core.txt")
REPLACED = ("ansible", "ansible-core")
"""Packages of requirements-dev.txt that a minor replaces; `ansible` is collections that Slipway does not use."""

PYTHONS = {"2.19": ("3.11", "3.12", "3.13"), "2.20": ("3.12", "3.13"), "2.21": ("3.12", "3.13")}
"""Versions of Python that a minor is tried with: the first that the machine has.

What ansible-core supports ("ansible-core support matrix" of its documentation), but 3.14, which some tools are not for.
"""

MEETS_CORE = (
    "tests/unit/plugins/action", "tests/unit/plugins/callback", "tests/unit/plugins/filter",
    "tests/unit/plugins/modules", "tests/unit/test_collection_artifact.py",
)  # fmt: skip
"""Unit tests of what runs inside of Ansible, those that run ansible-playbook on this machine among them."""


def entries(file: str) -> list[str]:
    """Return the entries of a lock file, each with its hashes."""
    return re.split(r"\n(?=\S)", (ROOT / file).read_text().strip())


def requirements(minor: str) -> str:
    """Return the lock file for a MINOR of ansible-core."""
    locked = [entry for file in LOCKS for entry in entries(file)]
    kept = [entry for entry in locked if re.split(r"[=\s]", entry, maxsplit=1)[0] not in REPLACED]
    (core,) = [entry for entry in locked if entry.startswith(f"ansible-core=={minor}.")]
    # Which Python it is for was said for an environment that has one ansible-core only.
    return "\n".join([re.sub(r" ; python_\S+ \S+ '[^']+'", "", core), *kept]) + "\n"


def python_for(minor: str) -> str:
    """Return the path of the first Python for MINOR that this machine has and that runs."""
    for version in PYTHONS[minor]:
        places = [
            shutil.which(f"python{version}"),
            *glob.glob(os.path.expanduser(f"~/.pyenv/versions/{version}.*/bin/python")),
        ]
        for place in filter(None, places):
            if subprocess.run([place, "-c", ""], capture_output=True, check=False).returncode == 0:
                return str(place)
    sys.exit(f"ansible-core {minor} needs one of Python {', '.join(PYTHONS[minor])}, and this machine has none of them")


def environment(minor: str) -> Path:
    """Return the folder of the commands of MINOR's environment, made anew when what it is made of has changed."""
    folder, wanted, python = PLACE / minor, requirements(minor), python_for(minor)
    stamp = folder / "slipway.stamp"
    state = hashlib.sha256(f"{python}\n{ROOT}\n{wanted}".encode()).hexdigest()
    if not stamp.exists() or stamp.read_text() != state:
        uv = str(Path(sys.executable).parent / "uv")
        subprocess.run([uv, "venv", "--quiet", "--clear", "--python", python, str(folder)], check=True)
        lock = folder / "requirements.txt"
        lock.write_text(wanted)
        install = [
            "pip",
            "install",
            "--quiet",
            "--require-hashes",
            "--python",
            str(folder / "bin/python"),
            "-r",
            str(lock),
        ]
        subprocess.run([uv, *install], check=True)
        stamp.write_text(state)
    return folder / "bin"


def checks(commands: Path) -> dict[str, list[str]]:
    """Return what is run for a minor whose COMMANDS are there, by name."""
    python = str(commands / "python")
    playbooks = ["site.yml", *(str(path.relative_to(ROOT)) for path in sorted(ROOT.glob("playbooks/*.yml")))]
    return {
        "sanity": [python, "bin/lib/sanity.py"],
        "syntax-check": [str(commands / "ansible-playbook"), "--syntax-check", *playbooks],
        "unit": [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *MEETS_CORE],
    }


def tried(minor: str) -> bool:
    """Run all checks for MINOR, print a line for each, and tell whether all have passed."""
    commands, good = environment(minor), True
    variables = {**os.environ, "PATH": f"{commands}:{os.environ['PATH']}"}
    for name, command in checks(commands).items():
        started = time.monotonic()
        done = subprocess.run(
            command, cwd=ROOT, env=variables, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, check=False,
        )  # fmt: skip
        head = "ok     " if done.returncode == 0 else "FAILED "
        lines = [f"{head} ansible-core {minor}  {name:14} {time.monotonic() - started:3.0f} s"]
        lines += [f"    {line}" for line in done.stdout.splitlines()] if done.returncode else []
        print("\n".join(lines), flush=True)
        good = good and done.returncode == 0
    return good


def main() -> int:
    own = ".".join(ansible.release.__version__.split(".")[:2])
    parser = argparse.ArgumentParser(prog="bin/lib/core.py", description=__doc__.splitlines()[0])
    parser.add_argument("minors", nargs="*", metavar="MINOR", help=f"such as 2.20 (default: all but {own})")
    asked = parser.parse_args().minors or [minor for minor in PYTHONS if minor != own]
    if unknown := set(asked) - set(PYTHONS):
        parser.error(f"{', '.join(sorted(unknown))}: not one of {', '.join(PYTHONS)}")
    with ThreadPoolExecutor(max_workers=2) as pool:
        return 0 if all(list(pool.map(tried, asked))) else 1


if __name__ == "__main__":
    sys.exit(main())
