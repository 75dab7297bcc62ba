# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Commands that users run on their own machine do without what macOS lacks: Bash 4, GNU's options, util-linux.

Only words are looked at: there is no macOS here. What developers alone need (podman's hosts) may have all of it.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = ("bin/ci", "bin/describe", "bin/first-login", "bin/new-project", "bin/pipeline", "bin/lib/bootstrap.sh")
DEVELOPERS = re.compile(r"^slipway_(hosts|exec|apt)\(\) \{.*?^\}$", re.MULTILINE | re.DOTALL)
LACKING = re.compile(
    r"\b(mapfile|readarray|sha256sum|md5sum|nproc|realpath|setsid|timeout|tac)\b"
    r"|\breadlink -e|\bdeclare -A|\bstat -c|\bsed -i|\bgrep -[a-zA-Z]*P|\bdate -[dI]|\bxargs -r|\bcp -[a-z]*t\b"
    r"|\$\{\w+(\[[@*]\])?(,,|\^\^|@Q)|&>>|\|&|(?<!command -v )\bflock (?!8 #)"
)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_users_command_needs_nothing_that_macos_lacks(name: str) -> None:
    text = DEVELOPERS.sub("", (ROOT / name).read_text())
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    assert [line for line in lines if LACKING.search(line)] == []
    assert "flock" not in text or "! command -v flock >/dev/null || flock 8" in text


@pytest.mark.parametrize(
    "line", ["mapfile -t a <b", 'x=$(readlink -e "$1")', "sed -i s/a/b/ c", "echo ${name^^}", "flock 9", "stat -c %a x"]
)
def test_what_macos_lacks_is_found(line: str) -> None:
    assert LACKING.search(line)
