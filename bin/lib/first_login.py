#!/usr/bin/env python3
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Installs your SSH key on a VPS that has only a password, and checks that the key logs in.

    bin/first-login root@203.0.113.10
    bin/first-login -p 2222 -i ~/.ssh/work debian@203.0.113.10

ssh itself asks for the password and shows the host key's fingerprint. As ssh-copy-id, except that it goes on after the
password change that many providers force at the first login, makes a key if you have none, and changes nothing if
your key is there already.
"""

from __future__ import annotations

import argparse
import re
import shlex
import subprocess
import sys
from pathlib import Path

CHANGED, ADDED, THERE = 0, 71, 72
"""How the login ends: as `passwd` does, which sshd runs in place of our command (session.c, do_pwchange), or as our command."""
NO_LOGIN = 255
"""What ssh itself ends with."""
FINGERPRINT = "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub"
NAMES = ("id_ed25519", "id_ecdsa", "id_rsa")
KEY = re.compile(r"(sk-)?(ssh|ecdsa)-[\w@.-]+ [A-Za-z0-9+/=]+( [^\n]*)?")
TARGET = re.compile(r"([a-z_][a-z0-9_.-]*@)?[A-Za-z0-9:][A-Za-z0-9.:-]*")
SCRIPT = f"""\
umask 077
mkdir -p "$HOME/.ssh" || exit 1
file=$HOME/.ssh/authorized_keys
[ -e "$file" ] || : >"$file" || exit 1
grep -qF {{bare}} "$file" && exit {THERE}
[ -z "$(tail -c 1 "$file")" ] || echo >>"$file"
printf "%s\\n" {{whole}} >>"$file" && exit {ADDED}
exit 1"""
"""Adds a key once, on a line of its own."""


class LoginError(RuntimeError):
    """The message is for the user."""


def say(text: str) -> None:
    print(f"first-login: {text}", flush=True)


def shown(path: Path) -> str:
    """Return PATH as a person writes it."""
    return f"~/{path.relative_to(Path.home())}" if path.is_relative_to(Path.home()) else str(path)


def read(path: Path) -> str:
    """Return the public key in a file."""
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise LoginError(f"{path} can't be read; -i names your key, as in -i ~/.ssh/id_ed25519") from None
    if not KEY.fullmatch(text):
        raise LoginError(f"{path} is not a public SSH key on one line, as in ssh-ed25519 AAAA… ann@laptop")
    return text


def public_key(given: Path | None, home: Path) -> Path:
    """Return the file of the public key to install: GIVEN (or the one beside it), one of ssh's own names, or a new one."""
    if given:
        return given if given.suffix == ".pub" else given.with_name(f"{given.name}.pub")
    for name in NAMES:
        if (home / ".ssh" / f"{name}.pub").is_file():
            return home / ".ssh" / f"{name}.pub"
    new = home / ".ssh" / NAMES[0]
    say(f"you have no SSH key yet: making {shown(new)} (press Enter twice for no passphrase)")
    new.parent.mkdir(mode=0o700, exist_ok=True)
    if subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-f", str(new)], check=False).returncode:
        raise LoginError("ssh-keygen made no key; its own message is above")
    return new.with_name(f"{new.name}.pub")


def script(key: str) -> str:
    """Return what is run on the host to add KEY."""
    return SCRIPT.format(bare=shlex.quote(" ".join(key.split(" ", 2)[:2])), whole=shlex.quote(key))


def install(ssh: list[str], target: str, key: str) -> int:
    """Log in as a person does, twice where the password has to be changed first; return ADDED or THERE."""
    command = [*ssh, "-t", "-o", "LogLevel=ERROR", target, script(key)]
    for _ in range(2):
        code = subprocess.run(command, check=False).returncode
        if code != CHANGED:
            break
        say("the password is changed; log in once more, with the new one")
    if code == NO_LOGIN:
        raise LoginError(
            "no login; ssh's own message is above. If it is 'Permission denied (publickey)', the VPS takes no "
            "password: add the key in your provider's panel, or log in as its user (debian@…, ubuntu@…). If the VPS was "
            f"reinstalled, forget its old key first: ssh-keygen -R {target.rpartition('@')[2]}"
        )
    if code not in (ADDED, THERE):
        raise LoginError(f"the key could not be added to ~/.ssh/authorized_keys of {target}; the reason is above")
    return code


def has_passphrase(key: Path) -> bool:
    """Tell whether ssh will ask for a passphrase: the key has one, and no agent has opened it."""
    private = key.with_suffix("")
    opened = subprocess.run(
        ["ssh-keygen", "-y", "-P", "", "-f", str(private)], capture_output=True, check=False, stdin=subprocess.DEVNULL
    )
    agent = subprocess.run(["ssh-add", "-L"], capture_output=True, text=True, check=False).stdout
    return private.is_file() and opened.returncode != 0 and read(key).split(" ")[1] not in agent


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="bin/first-login", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("target", metavar="[USER@]HOST", help="as for ssh; the user is root unless you name one")
    parser.add_argument("-p", dest="port", type=int, default=22, help="SSH's port on the VPS (default: 22)")
    parser.add_argument(
        "-i", dest="key", type=Path, help="your key (default: ~/.ssh/id_ed25519, made if you have none)"
    )
    parser.add_argument("-o", dest="options", action="append", default=[], help="an option of ssh, as -o in ssh itself")
    asked = parser.parse_args()
    try:
        if not TARGET.fullmatch(asked.target):
            raise LoginError(f"'{asked.target}' must be [USER@]HOST, as in root@203.0.113.10")
        return login(asked)
    except LoginError as error:
        print(f"first-login: {error}", file=sys.stderr)
    except FileNotFoundError as error:
        print(f"first-login: this machine has no {error.filename}: install OpenSSH's client", file=sys.stderr)
    except KeyboardInterrupt:
        print("\nfirst-login: interrupted", file=sys.stderr)
    return 1


def login(asked: argparse.Namespace) -> int:
    """Install the key and log in with it; return the exit code."""
    target = asked.target if "@" in asked.target else f"root@{asked.target}"
    key = public_key(asked.key.expanduser() if asked.key else None, Path.home())
    text = read(key)
    ssh = ["ssh", "-p", str(asked.port), "-i", str(key.with_suffix("")), "-o", "ControlPath=none"]
    for option in asked.options:
        ssh += ["-o", option]
    say(f"logging in as {target} to install {shown(key)}")
    print(f"  New host? Compare its fingerprint in the provider's console: {FINGERPRINT}", flush=True)
    done = install(ssh, target, text)
    only_key = ["-o", "PreferredAuthentications=publickey", "-o", "IdentitiesOnly=yes"]
    if subprocess.run([*ssh, *only_key, target, "true"], check=False).returncode:
        raise LoginError("the key is on the VPS, and still does not log in; ssh's own message is above")
    say(f"your key {'logs in' if done == ADDED else 'was there already, and logs in'}: no password is needed any more")
    private = key.with_suffix("")
    if has_passphrase(key):
        say(f"it has a passphrase: run `ssh-add {shown(private)}` once per session, or Ansible asks at each connection")
    elif not is_offered(asked, target):
        say(
            f"but ssh does not offer {shown(private)} by itself, so Ansible would be refused. Add to the host in hosts.yml:"
        )
        print(f"  ansible_ssh_private_key_file: {private}", flush=True)
    return 0


def is_offered(asked: argparse.Namespace, target: str) -> bool:
    """Tell whether Ansible's ssh logs in: it names no key, and asks for no password.

    ssh looks for keys in the home folder that the system has for the user, whatever HOME says (`sudo` may keep it).
    """
    command = ["ssh", "-p", str(asked.port), "-o", "ControlPath=none"]
    for option in [*asked.options, "BatchMode=yes", "LogLevel=ERROR"]:
        command += ["-o", option]
    done = subprocess.run([*command, target, "true"], capture_output=True, check=False, stdin=subprocess.DEVNULL)
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
