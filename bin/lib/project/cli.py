# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Makes the folder from which you deploy your app: inventory, variables, an encrypted vault with fresh secrets.

    bin/new-project ../shop-deploy               asks up to five questions
    bin/new-project ../shop-deploy --app ../shop --domain shop.example.com --host 203.0.113.10
                                                 asks none

The app's source is read, never run (see bin/describe). A file that is there already is never overwritten. FOLDER uses
this clone of Slipway; with --collection, it installs Slipway as a collection instead.
"""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from ansible_collections.slipway.flask.plugins.plugin_utils._app import description
from describe import cli as describing
from describe import fetch, page, write
from describe.app import App

from project import answers, layout, slipway

PIPELINES = ("github", "gitlab", "forgejo")
STAGES = ("production", "staging")


class ProjectError(RuntimeError):
    """Nothing was written; the message is for the user."""


def parser() -> argparse.ArgumentParser:
    found = argparse.ArgumentParser(
        prog="bin/new-project", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    found.add_argument("folder", metavar="FOLDER", type=Path, help="the project's folder; made if it is not there")
    for question in answers.QUESTIONS:
        found.add_argument(f"--{question.flag}", metavar="ANSWER", help=question.text)
    found.add_argument("--name", default="", help="name of the app (default: the source's)")
    found.add_argument(
        "--ci", choices=PIPELINES, help="also write a pipeline into the app's repository (bin/pipeline, docs/ci.md)"
    )
    found.add_argument(
        "--collection", metavar="GIT_URL", nargs="?", const="", help="use Slipway as a collection, installed from Git"
        " (default: where this clone came from), instead of this clone"
    )  # fmt: skip
    return found


def main() -> int:
    asked = parser().parse_args()
    try:
        with tempfile.TemporaryDirectory(prefix="new-project-") as temporary:
            make(asked, Path(temporary))
    except (answers.AnswerError, fetch.FetchError, write.WriteError, slipway.SlipwayError, ProjectError) as error:
        print(f"new-project: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nnew-project: interrupted; nothing was written", file=sys.stderr)
        return 130
    return 0


def answered(asked: argparse.Namespace) -> dict[str, str]:
    """Return the answers, those that no flag gave as they are typed."""
    given: dict[str, str | None] = {question.flag: getattr(asked, question.flag) for question in answers.QUESTIONS}
    for question in answers.QUESTIONS:  # a wrong flag is told before anything is asked
        text = given[question.flag]
        if text is not None:
            try:
                question.check(text)
            except answers.AnswerError as error:
                raise answers.AnswerError(f"--{question.flag}: {error}") from None
    questions = list(answers.missing(given))
    if questions and not sys.stdin.isatty():
        needed = ", ".join(f"--{flag}" for flag in answers.REQUIRED if given[flag] is None)
        raise ProjectError(f"give {needed}, or run this in a terminal, where it asks")
    for question in questions:
        if question.flag != "mail" or answers.is_public(str(given["domain"])):  # no authority, no letters from it
            given[question.flag] = answers.ask(question)
    return {question.flag: given[question.flag] or "" for question in answers.QUESTIONS}


def make(asked: argparse.Namespace, temporary: Path) -> None:
    """Make the project that is ASKED for, and say what comes next."""
    folder: Path = asked.folder.expanduser()
    if os.path.lexists(folder / "hosts.yml"):  # the rest is looked at before it is written; this spares the questions
        raise ProjectError(f"{folder} has a hosts.yml already, and nothing is overwritten: name another folder")
    given = answered(asked)
    source, (address, user) = answers.source(given["app"]), answers.host(given["host"])
    local = None if fetch.URL.fullmatch(source) else Path(source).expanduser().resolve()
    refuse_misplaced(folder, local, asked.ci)
    wanted = layout.Wanted(
        folder, answers.domain(given["domain"]), address, user, answers.mail(given["mail"]),
        answers.database(given["database"]), "" if asked.collection is None else slipway.origin(asked.collection),
    )  # fmt: skip
    try:
        app = describing.read(source, "", asked.name, wanted.domain, folder, temporary)
    except fetch.FetchError as error:
        raise fetch.FetchError(f"{error}\nClone it yourself, and give the folder: --app ../shop") from None
    layout.complete(app, wanted)
    wrong = [text for text in description.problems([layout.without_vault(app)]) if " is still TODO" not in text]
    if wrong:
        raise ProjectError("\n  ".join(["nothing was written:", *wrong]))
    head = f"# {fetch.shown(source)}: {len(app.tree.all)} Python files were read, nothing was run.\n{page.HEAD}"
    files = layout.files(app, wanted, head)
    write.lay(folder, {name: (text, mode) for name, (text, mode, _) in files.items()})
    print(f"Written into {folder}:")
    for name, (_, _, what) in files.items():
        print(f"  {name:26} {what}")
    if asked.ci:
        subprocess.run([slipway.ROOT / "bin/pipeline", asked.ci, str(local)], check=False)
    print_next(app, wanted)


def refuse_misplaced(folder: Path, app: Path | None, ci: str | None) -> None:
    """Raise ProjectError where the folder would be sent to the host with the app, or the pipeline would not find it."""
    whole = folder.resolve()
    if app and whole.is_relative_to(app) and not is_in_git(app):
        raise ProjectError(
            f"{folder} is inside of the app, which is not in Git, so the vault's password would be sent to the VPS "
            "with the app's files: run `git init` there first, or name a folder beside it"
        )
    if ci and app is None:
        raise ProjectError("--ci writes into the app's repository: clone it, and give the folder with --app")
    if ci and app and whole not in [app / "deploy" / stage for stage in STAGES]:
        places = " or ".join(str(Path(os.path.relpath(app)) / "deploy" / stage) for stage in STAGES)
        raise ProjectError(f"the pipeline deploys what is in the app's own repository: as the folder, name {places}")


def is_in_git(folder: Path) -> bool:
    return any((place / ".git").exists() for place in (folder, *folder.parents))


def print_next(app: App, wanted: layout.Wanted) -> None:
    """Print what is left to fill in, and the next three commands."""
    folder, todo = wanted.folder, page.waiting(app)
    plain = [name for name in todo if not name.startswith("vault_")]
    sealed = [name for name in todo if name.startswith("vault_")]
    here = slipway.way_to(Path(), "bin/first-login")
    print("\nNext:")
    if plain:
        print(f"  # first fill in {', '.join(plain)} in {folder / 'group_vars/all/main.yml'}")
    login = f"  {shlex.quote(here)} {wanted.user}@{wanted.address}"
    print(f"{login}   # installs your SSH key; not needed if you can log in with one")
    first, *rest = layout.setup(wanted)
    print(f"  cd {shlex.quote(str(folder))} && {first}")
    for command in rest:
        print(f"  {command}")
    if sealed:
        print(f"  ansible-vault edit group_vars/all/vault.yml   # fill in {', '.join(sealed)}")
    print("  ansible-playbook slipway.flask.site")
