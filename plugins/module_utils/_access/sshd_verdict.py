# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Whether sshd makes of the files what was asked for, and which line says otherwise where it does not.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ansible_collections.slipway.flask.plugins.module_utils._access import sshd_wanted
from ansible_collections.slipway.flask.plugins.module_utils._access.sshd_config import Configuration
from ansible_collections.slipway.flask.plugins.module_utils._access.sshd_wanted import Effective, Ssh

PROMISED = {
    "passwordauthentication": ", or set `passwords: true` in slipway_ssh",
    "kbdinteractiveauthentication": ", or set `passwords: true` in slipway_ssh",
    "pubkeyauthentication": "",
    "permitemptypasswords": "",
    "hostbasedauthentication": "",
    "permitrootlogin": "",
    "port": ", or leave `port` out of slipway_ssh",
}
"""What must hold, or nothing is changed -> what else can be done about it. Of all else, a host's own earlier line wins."""
GIVES_WAY = {
    "passwordauthentication": "allows password logins",
    "kbdinteractiveauthentication": "allows password logins",
    "permitemptypasswords": "allows empty passwords",
    "permitrootlogin": "lets root in",
    "hostbasedauthentication": "allows logins without a key",
}
"""What a Match of the host's own may open again -> in words."""
LISTS = ("allowusers", "allowgroups", "denyusers", "denygroups")


@dataclass
class Verdict:
    """PROBLEMS stop the change; NOTES are shown to the user."""

    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def judge(
    ssh: Ssh,
    wanted: Sequence[tuple[str, str]],
    effective: Effective,
    files: Configuration,
    own: str,
    options: Sequence[str],
) -> Verdict:
    """Compare the WANTED lines of our file OWN with what is EFFECTIVE with FILES; OPTIONS are those of sshd's command line."""
    verdict = Verdict(notes=[*_stricter(ssh, wanted, files), *_matches(ssh, files), *_lists(files, own)])
    for name, value in wanted:
        keyword = name.lower()
        got = effective.get(keyword, [])
        if keyword == "allowusers":
            if value not in got:
                verdict.problems.append(f"sshd does not know of 'AllowUsers {value}'.")
        elif ",".join(got).lower() != value.lower() and not _same(keyword, got, value):
            why = f"'{', '.join(got)}', not '{value}': {_winner(keyword, files, own, options)}"
            if keyword in PROMISED:
                verdict.problems.append(
                    f"{name} would still be {why}. Nothing was changed: remove it{PROMISED[keyword]}."
                )
            else:
                verdict.notes.append(f"{name} is {why}. It stays as it is.")
    if ssh.port and not verdict.problems and sshd_wanted.ports(effective) != [ssh.port]:
        found = next((one for one in files.every("listenaddress") if sshd_wanted.port_of(one.value)), None)
        verdict.problems.append(
            f"sshd would listen on {', '.join(map(str, sshd_wanted.ports(effective)))}, not on port {ssh.port} alone: "
            f"{found.place + ' names a port along with the address' if found else 'see its ListenAddress'}. Nothing was changed: "
            f"remove the port there{PROMISED['port']}."
        )
    return verdict


def keys_elsewhere(effective: Effective, files: Configuration) -> Iterator[str]:
    """Yield where sshd looks for keys, when that is not where the accounts of people have theirs."""
    looked = [path for value in effective.get("authorizedkeysfile", ()) for path in value.split()]
    found = files.first("authorizedkeysfile")
    if looked and found and not {".ssh/authorized_keys", "%h/.ssh/authorized_keys"}.intersection(looked):
        yield (
            f"The keys of slipway_people would let nobody in: {found.place}, has AuthorizedKeysFile {found.value}. Nothing was "
            "changed: add .ssh/authorized_keys to it."
        )


def _same(keyword: str, got: Sequence[str], value: str) -> bool:
    if keyword == "permitrootlogin":
        return [sshd_wanted.root_value(one) for one in got] == [value]
    return keyword == "port" and set(got) == {value}


def _winner(keyword: str, files: Configuration, own: str, options: Sequence[str]) -> str:
    """Say which line decides about KEYWORD."""
    given = [re.split(r"[=\s]", word.strip(), maxsplit=1)[0].lower() for word in options]
    if keyword in given or (keyword == "port" and "-p" in options):
        return "SSHD_OPTS in /etc/default/ssh says so"
    lines = files.every(keyword)
    found = (
        next((line for line in lines if line.path != own), None) if keyword == "port" else lines[0] if lines else None
    )
    return f"{found.place}, comes before {own} and wins" if found and found.path != own else "sshd says so"


def _stricter(ssh: Ssh, wanted: Sequence[tuple[str, str]], files: Configuration) -> Iterator[str]:
    """What the host forbids beyond what is asked for."""
    names = {name for name, _ in wanted}
    root = files.first("permitrootlogin")
    if "PermitRootLogin" not in names and root and ssh.root_login == "keys":
        yield f"Root can't log in as `root_login: keys` would let it: {root.place}, has PermitRootLogin {root.value}."
    asked = files.first("authenticationmethods")
    for name, method in sshd_wanted.METHODS.items():
        if not ssh.passwords and name not in names and asked:
            yield f"{name} stays: {asked.place}, asks for {method} in addition to a key."


def _matches(ssh: Ssh, files: Configuration) -> Iterator[str]:
    for found in files.settings:
        meant = GIVES_WAY.get(found.keyword)
        if not found.match or not meant or found.value.lower() == "no":
            continue
        if not (ssh.passwords and "password" in meant) and not (
            found.keyword == "permitrootlogin" and ssh.root_login == "keys" and found.value.lower() != "yes"
        ):
            yield f"{found.place}, {meant} (Match {found.match}): it is the host's own and stays."


def _lists(files: Configuration, own: str) -> Iterator[str]:
    """Lists add up: what is in ours lets nobody in whom the host's own shut out, and the other way round."""
    for found in files.settings:
        if found.keyword in LISTS and not found.match and found.path != own:
            yield f"{found.place}, also decides who may log in: {found.keyword} {found.value}."
