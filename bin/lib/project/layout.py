# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The files of a project, made of the answers and of what `describe` found in the app's source."""

from __future__ import annotations

import secrets
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from describe import page, write
from describe.app import TODO, App, Line

from project import slipway
from project.answers import is_public

PASSPHRASE = "vault_backup_passphrase"  # noqa: S105  # the name of a variable

LATER = """
# Before you go live; each has a page in Slipway's docs/.
# slipway_people: # host.md: an account for everybody, so that nobody shares root's key
#   - {{name: ann, keys: ["ssh-ed25519 AAAA… ann@laptop"], sudo: true}}
# slipway_updates: {{reboot: "04:00"}} # host.md: for kernel updates
# slipway_alerts: # alerts.md
#   mail: {{to: [ann@example.com], smtp: "smtp.example.com:587", user: ann, password: "{{{{ vault_smtp_password }}}}"}}
# slipway_backups: # backups.md
#   to:
#     - s3: {{endpoint: s3.example.net, bucket: {name}-backups, key: "{{{{ vault_s3_key }}}}", secret: "{{{{ vault_s3_secret }}}}"}}
#   passphrase: "{{{{ {passphrase} }}}}"
"""

IGNORED = f"""\
# The vault's password opens every secret: keep it in your password manager, and never in a repository.
/{write.PASSWORD}
/.venv/
/collections/
/exports/
/.ansible/
"""

README = """\
# {name} on {address}

{site}

{setup}

| To | Run |
| --- | --- |
| apply all settings and deploy | `ansible-playbook slipway.flask.site` |
| deploy the app's current code | `ansible-playbook slipway.flask.deploy` |
| see what a deploy would do | `ansible-playbook slipway.flask.deploy --tags plan` |
| go back to the previous release | `ansible-playbook slipway.flask.rollback` |
| see whether it serves | `ansible-playbook slipway.flask.status` |
| read the logs | `ansible-playbook slipway.flask.logs -e app={name} -e since=1h` |
| list the releases | `ansible-playbook slipway.flask.releases` |
| run a command in the app | `ansible-playbook slipway.flask.exec -e app={name} -e command='flask --help'` |
| look for problems of host and app | `ansible-playbook slipway.flask.doctor` |
| back up now, if there is a target | `ansible-playbook slipway.flask.backup` |
| change a secret | `ansible-vault edit group_vars/all/vault.yml` |
| remove the app, with its data, after a question | `ansible-playbook slipway.flask.remove -e app={name}` |

All commands: *Playbooks* in the README of Slipway{readme}. `playbooks/deploy.yml` in its pages is `slipway.flask.deploy` here.

`{password}` opens the vault. It is in no repository: keep it in your password manager, and give it to colleagues there.
"""


@dataclass(frozen=True)
class Wanted:
    """FOLDER: of the project; ADDRESS, USER: of the VPS; MAIL, DATABASE: "" for none and for what the source says.

    collection: the Git URL that the collection is installed from, "" to use the clone.
    """

    folder: Path
    domain: str
    address: str
    user: str
    mail: str = ""
    database: str = ""
    collection: str = ""


def complete(app: App, wanted: Wanted) -> None:
    """Add to what the source says of the APP what only its owner knows."""
    if wanted.database:
        app.lines["database"] = Line("database", wanted.database, "given")
    if wanted.database == "url":
        unknown = f"{TODO}: postgresql://user:password@db.example.com/{app.name}"
        app.say("database_url", "{{ " + app.vaulted("database_url", unknown) + " }}", "the URL is in the vault")
    if is_public(wanted.domain):
        app.say("certificate", "acme", "Let's Encrypt; requested as soon as DNS points to the VPS")
    else:
        app.say("certificate", "self_signed", f"no authority vouches for {wanted.domain}", off=True)


def without_vault(app: App) -> dict[str, Any]:
    """Return the entry as the collection gets it: with what the vault has in the place of its names."""
    (entry,) = yaml.safe_load(page.entry(app))["slipway_apps"]
    sealed = {f"{{{{ {name} }}}}": value for name, value in app.vault.items()}

    def opened(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: opened(one) for key, one in value.items()}
        return sealed.get(value, value) if isinstance(value, str) else value

    found: dict[str, Any] = opened(entry)
    return found


def variables(app: App, wanted: Wanted, head: str) -> str:
    """Return group_vars/all/main.yml."""
    text = f"---\n{head}{page.entry(app)}"
    if wanted.mail:
        text += f"\nnginx_tls_acme_email: {page.flow(wanted.mail)} # Let's Encrypt may write to it\n"
    return text + page.remarks(app, written=True) + LATER.format(name=app.name, passphrase=PASSPHRASE)


def files(app: App, wanted: Wanted, head: str) -> dict[str, tuple[str, int, str]]:
    """Return the project's files: name: (text, mode, what it is)."""
    password, installed = secrets.token_urlsafe(32), bool(wanted.collection)
    vault = {**app.vault, PASSPHRASE: secrets.token_urlsafe(32)}
    found = {
        "ansible.cfg": (slipway.config(wanted.folder, installed, write.PASSWORD), 0o644, "Ansible's settings"),
        "hosts.yml": (
            write.HOSTS.format(address=page.flow(wanted.address), user=page.flow(wanted.user)),
            0o644,
            "your VPS",
        ),
        "group_vars/all/main.yml": (variables(app, wanted, head), 0o644, "your app: each line has its reason"),
        "group_vars/all/vault.yml": (write.sealed(vault, password), 0o600, f"encrypted: {', '.join(vault)}"),
        write.PASSWORD: (f"{password}\n", 0o600, "opens the vault; only you can read it"),
        ".gitignore": (IGNORED, 0o644, f"keeps {write.PASSWORD} out of git"),
        "README.md": (readme(app, wanted), 0o644, "the commands, for you and your colleagues"),
    }
    if installed:
        found["requirements.yml"] = (slipway.requirements(wanted.collection), 0o644, "which version of Slipway")
        found["requirements.txt"] = (
            (slipway.ROOT / "requirements.txt").read_text(encoding="utf-8"),
            0o644,
            "which version of Ansible",
        )
    return found


def setup(wanted: Wanted) -> list[str]:
    """Return the commands, in the project's folder, after which `ansible-playbook` runs."""
    if wanted.collection:
        return [
            "python3 -m venv .venv && . .venv/bin/activate && pip install -r requirements.txt",
            "ansible-galaxy collection install -r requirements.yml -p collections",
        ]
    return [f". {shlex.quote(slipway.way_to(wanted.folder, '.venv/bin/activate'))}"]


def readme(app: App, wanted: Wanted) -> str:
    lines = "\n".join(setup(wanted))
    if wanted.collection:
        before = "Once per machine, Ansible and Slipway itself, both as pinned here"
    else:
        where = slipway.way_to(wanted.folder, "")
        before = (
            f"Slipway is expected in `{where}`, seen from here (`collections_path` in `ansible.cfg`)"
            + (f", at `{slipway.version()}` or newer" if slipway.version() else "")
            + ". Once per shell"
        )
    return README.format(
        name=app.name,
        address=wanted.address,
        site=f"https://{wanted.domain}/, deployed with Slipway.",
        setup=f"{before}:\n\n```\n{lines}\n```",
        password=write.PASSWORD,
        readme="" if wanted.collection else f", `{slipway.way_to(wanted.folder, 'README.md')}`",
    )
