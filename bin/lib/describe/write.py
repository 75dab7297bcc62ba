# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""`--write FOLDER`: an inventory, the app's variables and a vault with fresh secrets; never over a file that is there."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

import yaml
from ansible.parsing.vault import VaultLib, VaultSecret

from describe import page
from describe.app import TODO, App

PASSWORD = "vault-password"
HOSTS = """\
---
# Your VPSes: a name, and the address that SSH reaches.
web:
  hosts:
    vps1:
      ansible_host: {address}
      ansible_user: {user}
"""
IGNORED = (
    f"# The vault's password opens every secret: keep it elsewhere, too, and never in a repository.\n/{PASSWORD}\n"
)


class WriteError(RuntimeError):
    """Nothing was written; the message is for the user."""


def write(app: App, folder: Path, head: str, host: tuple[str, str] | None) -> list[str]:
    """Write the files and return a line for each; raise WriteError when one is there already.

    host: (address, user) of the VPS, None where it is not known yet.
    """
    address, user = host or (f"{TODO}: the address of your VPS", "root")
    files = {
        "hosts.yml": (
            HOSTS.format(address=page.flow(address), user=page.flow(user)),
            0o644,
            "your hosts",
        ),
        "group_vars/all/main.yml": (
            f"---\n{head}{page.entry(app)}{page.remarks(app, written=True)}",
            0o644,
            "the app's entry, above",
        ),
    }
    if app.vault:
        password = secrets.token_urlsafe(32)
        files["group_vars/all/vault.yml"] = (sealed(app.vault, password), 0o600, f"encrypted: {', '.join(app.vault)}")
        files[PASSWORD] = (f"{password}\n", 0o600, "opens the vault; only you can read it")
        files[".gitignore"] = (IGNORED, 0o644, f"keeps {PASSWORD} out of git")
    lay(folder, {name: (text, mode) for name, (text, mode, _) in files.items()})
    return [f"{name:26} {what}" for name, (_, _, what) in files.items()]


def lay(folder: Path, files: Mapping[str, tuple[str, int]]) -> None:
    """Write FILES (name: text, mode) into FOLDER; raise WriteError, before anything is written, when one is there already."""
    there = [name for name in files if os.path.lexists(folder / name)]
    if there:
        raise WriteError(
            f"{folder} has {', '.join(there)} already, and nothing is overwritten: name another folder, or remove it"
        )
    try:
        for name, (text, mode) in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="utf-8") as file:
                file.write(text)
    except OSError as error:
        raise WriteError(f"{error.filename}: {error.strerror}") from None


def sealed(vault: Mapping[str, str], password: str) -> str:
    """Return the text of an encrypted vault."""
    text = yaml.safe_dump(dict(vault), sort_keys=False, width=10**9)
    encrypted: bytes = VaultLib([("default", VaultSecret(password.encode()))]).encrypt(f"---\n{text}")
    return encrypted.decode()


def next_steps(app: App, folder: Path, host: tuple[str, str] | None) -> list[str]:
    """Return the commands that come next; host: as in `write`."""
    todo = page.waiting(app)
    vault = f" --vault-password-file {folder / PASSWORD}" if app.vault else ""
    lines = []
    plain = [name for name in todo if not name.startswith("vault_")]
    if plain:
        lines.append(f"Fill in {', '.join(plain)} in {folder / 'group_vars/all/main.yml'}.")
    if not host:
        lines.append(f"Put your VPS's address into {folder / 'hosts.yml'}.")
    if any(name.startswith("vault_") for name in todo):
        lines.append(f".venv/bin/ansible-vault edit{vault} {folder / 'group_vars/all/vault.yml'}")
    lines.append(f".venv/bin/ansible-playbook -i {folder / 'hosts.yml'}{vault} site.yml")
    return lines
