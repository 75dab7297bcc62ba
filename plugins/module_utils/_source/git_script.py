# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What is asked of git about one mirror, as scripts of the shell: what belongs together needs one unit.

A script reads no arguments: all that it works with is written into it, quoted, and it comes over a pipe. Its secrets are
in memory, in a folder that only its user may enter and that goes with it.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._source.revision import WHOLE

NOT_THERE = 44
"""The exit status for a version or a folder that the repository lacks; git's own are 1, 128 and 129."""
HEAD = "refs/slipway/HEAD"
REFS = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
SSH = (
    "ssh -o BatchMode=yes -o ConnectTimeout=30 -o ServerAliveInterval=15 "
    "-o 'GlobalKnownHostsFile=$room/known_hosts /etc/ssh/ssh_known_hosts2'"
)
LENGTHS = re.compile(rb"(\d{20})(\d{20})")
"""The end of an export: how long the list of submodules and `.gitmodules` are, which stand before it."""
FETCH = """
fetch() {
    mirror=$1; shift
    git --git-dir "$mirror" fetch --quiet --force --no-tags --no-write-fetch-head "$@"
}
found() { git --git-dir MIRROR rev-parse --verify --quiet "$1^{commit}" 2>/dev/null; }
"""
# A mirror that a power cut has damaged is made anew. A lock is of a git that was killed: we hold the app's lock. No branch
# is checked out, so every one may be written over.
UPDATE = """
update() {
    if [ -e MIRROR/HEAD ]; then
        find MIRROR -name '*.lock' -delete
        fetch MIRROR --prune -- URL REFS && return
        git --git-dir MIRROR fsck --connectivity-only --no-dangling >/dev/null 2>&1 && return 1
    fi
    mkdir -p PARENT && rm -rf FRESH && git init --quiet --bare FRESH && fetch FRESH -- URL REFS || return
    rm -rf MIRROR && mv FRESH MIRROR
}
update || exit 1
found NAME && exit
"""
# On no branch any more, or on a pull request: many servers give it to whoever names it whole.
LOST = "fetch MIRROR -- URL +VERSION:refs/slipway/VERSION 2>/dev/null && found VERSION && exit\n"
EXPORT = """
git --git-dir MIRROR ls-tree -r -z TREE >"$room/all" 2>/dev/null || exit NOT_THERE
grep -z '^160000 ' "$room/all" >"$room/links"
: >"$room/modules"
[ ! -s "$room/links" ] || git --git-dir MIRROR config --blob COMMIT:.gitmodules --list -z >"$room/modules" 2>/dev/null
git --git-dir MIRROR archive --format=tar TREE || exit 1
cat "$room/links" "$room/modules"
printf '%020d%020d' "$(wc -c <"$room/links")" "$(wc -c <"$room/modules")"
"""


def filled(text: str, **words: str) -> str:
    """Return TEXT with quoted WORDS in the places of their names in capital letters; they are not looked into."""
    names = "|".join(name.upper() for name in words)
    return re.sub(rf"\b({names})\b", lambda match: words[match[1].lower()], text) if words else text


def room(environment: Mapping[str, str], known_hosts: str, own_known_hosts: Path | None, key: str = "") -> str:
    """Return the start of every script: a room of its own with the KEY for ssh, and the ENVIRONMENT of git.

    known_hosts: the host's own list of servers, which ssh only reads; own_known_hosts: where it keeps those it meets; None for
        a call that meets none: it trusts only those that the host knows.
    """
    ssh = f"{SSH} -o StrictHostKeyChecking={'accept-new' if own_known_hosts else 'yes'}"
    ssh += f" -o 'UserKnownHostsFile={own_known_hosts or '/dev/null'}'"
    ssh += " -o IdentitiesOnly=yes -i $room/key" if key else ""
    return "\n".join([
        "umask 077",
        "room=$(mktemp -d /dev/shm/slipway-git.XXXXXX) || exit",
        """trap 'rm -rf "$room"' EXIT""",
        r"""printf '[safe]\n\tdirectory = *\n' >"$room/config" """,
        f"""printf %s {shlex.quote(known_hosts)} >"$room/known_hosts" """,
        *([f"""printf '%s\\n' {shlex.quote(key.rstrip(chr(10)))} >"$room/key" """] if key else []),
        exports({**environment, "HOME": "/nonexistent"}),
        # An upload-pack for a folder of this host is told nothing else of what we set.
        'export GIT_CONFIG_GLOBAL="$room/config"',
        f'export GIT_SSH_COMMAND="{ssh}"',
        "",
    ])  # fmt: skip


def exports(environment: Mapping[str, str]) -> str:
    """Return the lines that set ENVIRONMENT."""
    named = {name: value for name, value in environment.items() if re.fullmatch(r"[A-Za-z_]\w*", name)}
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in named.items())


def commit(mirror: Path, url: str, version: str) -> str:
    """Return the script that brings MIRROR up to date and prints the commit that VERSION stands for."""
    whole = WHOLE.fullmatch(version)
    more: Sequence[str] = (
        [f"+HEAD:{HEAD}"] if version == "HEAD" else [f"+{version}:{version}"] if is_ref(version) else []
    )
    known = "found VERSION && exit\n" if whole else ""  # what a commit holds never changes
    text = f"{FETCH}{known}{UPDATE}{LOST if whole else ''}exit {NOT_THERE}"
    return filled(
        text, mirror=shlex.quote(str(mirror)), parent=shlex.quote(str(mirror.parent)), url=shlex.quote(url),
        fresh=shlex.quote(str(mirror.with_name(f".{mirror.name}.new"))), refs=shlex.join([*REFS, *more]),
        name=shlex.quote(HEAD if version == "HEAD" else version), version=shlex.quote(version),
    )  # fmt: skip


def within(mirror: Path, commit: str, tip: str) -> str:
    """Return the script that ends with NOT_THERE unless COMMIT is part of the history of TIP; both are whole names."""
    here = shlex.quote(str(mirror))
    return f"git --git-dir {here} merge-base --is-ancestor {shlex.join([commit, tip])} || exit {NOT_THERE}\n"


def export(mirror: Path, commit: str, below: str) -> str:
    """Return the script that prints the files of COMMIT below a folder as a tar, its submodules, and LENGTHS."""
    tree = shlex.quote(f"{commit}:{below}" if below else commit)
    return filled(EXPORT, mirror=shlex.quote(str(mirror)), commit=commit, tree=tree, not_there=str(NOT_THERE))


def tips(url: str, names: Sequence[str]) -> str:
    """Return the script that prints what NAMES (branches, tags) stand for at URL, or all if none are given."""
    return f"git ls-remote -- {shlex.join([url, *names])}\n"


def is_ref(version: str) -> bool:
    """Tell whether VERSION is the full name of a reference that is fetched only by name, as a pull request's is."""
    return version.startswith("refs/") and not version.startswith(("refs/heads/", "refs/tags/"))
