# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Describes an app by looking at its source: prints an entry of `slipway_apps`, with the reason beside each line.

    bin/describe ../shop                          a folder
    bin/describe https://git.example.com/shop.git a git repository
    bin/describe --package ihatemoney==7.2        a package on the index
    bin/describe ../shop --write ../shop-deploy   also an inventory, variables and an encrypted vault

Nothing of the source is imported or run. What can't be known is TODO, which preflight refuses by name.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._python.project import CANDIDATES
from ansible_collections.slipway.flask.plugins.plugin_utils._app.checks import RESERVED

from describe import (
    address,
    at_start,
    chosen,
    commands,
    config,
    dangers,
    database,
    entry,
    fetch,
    files,
    itself,
    page,
    processes,
    redis_use,
    requirements,
    routes,
    single,
    timed,
    unset,
    variables,
    write,
)
from describe.app import TODO, App, slug
from describe.tree import ASIDE, Tree

ROOT = Path(__file__).resolve().parents[3]


def describe(
    folder: Path,
    name: str,
    source: dict[str, str],
    why: str,
    domain: str = "",
    requires: list[str] | None = None,
    named: str = "the source's name",
) -> App:
    """Return what is found out about the app in FOLDER.

    source, why: the value of `source`, and its reason; requires: requirement lines that are known already; named: the
    name's reason.
    """
    tree = Tree(folder)
    inside = subfolder(tree) if requires is None else ""
    app = App(tree.within(inside) if inside else tree, name)
    app.values.set = lambda key: [(one.module, one.value) for one in config.of(app, key)]
    app.say("name", name, named)
    app.say(
        "domains", [domain or TODO], "given" if domain else "the names in DNS that lead to the host, the main one first"
    )
    app.say("source", source, why)
    if inside:
        app.say("subfolder", inside, f"the app and the list of its packages are in {inside}/")
    app.commands = commands.all_of(app.tree)
    if requires is None:
        requirements.find(app)
        itself.find(app)
    else:
        requirements.add(app, requires)
    entry.find(app)
    requirements.system(app)
    chosen.find(app)
    config.find(app)
    database.find(app)
    redis_use.find(app)
    processes.find(app)
    timed.find(app)
    single.find(app)
    files.find(app)
    at_start.find(app)
    routes.find(app)
    routes.streaming(app)
    unset.find(app)
    variables.find(app)
    dangers.find(app)
    return app


def subfolder(tree: Tree) -> str:
    """Return the folder that holds the app where the source's top has none, "" where it has."""
    names = {name for name, _ in CANDIDATES}
    if names & tree.files.keys() or any(
        path.endswith(".py") and "/" not in path and not ASIDE.search(path) for path in tree.files
    ):
        return ""
    folders = {
        path.rpartition("/")[0] for path in tree.files if path.rpartition("/")[2] in names and 0 < path.count("/") < 3
    }
    pythons = [path for path in tree.files if path.endswith(".py") and "flask" in tree.text(path).lower()]
    found = [folder for folder in sorted(folders, key=lambda one: (one.count("/"), one))
             if any(path.startswith(f"{folder}/") for path in pythons)]  # fmt: skip
    return found[0] if found else ""


def app_name(text: str) -> str:
    """Return a name for an app, made of the source's."""
    name = re.sub(r"(-|_)v?\d+(\.\w+)*$|\.git$", "", text.rstrip("/").rpartition("/")[2].rpartition(":")[2])
    name = slug(name, 31, "app")
    return f"{name[:27]}-app" if name in RESERVED else name


def host(text: str) -> tuple[str, str]:
    """Return what `--host` says, as (address, user); raise what argparse tells the user."""
    try:
        return address.of_host(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def parser() -> argparse.ArgumentParser:
    found = argparse.ArgumentParser(
        prog="bin/describe", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    found.add_argument("source", nargs="?", help="a folder, or the URL of a git repository")
    found.add_argument("--package", metavar="NAME==VERSION", help="a package on the index instead")
    found.add_argument("--name", help="name of the app (default: the source's)")
    found.add_argument("--domain", default="", help="its domain (default: TODO)")
    found.add_argument(
        "--write", metavar="FOLDER", type=Path, help="write an inventory, variables and a vault into FOLDER"
    )
    found.add_argument(
        "--host",
        type=host,
        metavar="[USER@]ADDRESS",
        help="with --write: how SSH reaches the VPS (default: TODO, as root)",
    )
    return found


def main() -> int:
    asked = parser().parse_args()
    if bool(asked.source) == bool(asked.package):
        parser().error("give a folder, a URL or --package")
    if asked.host and not asked.write:
        parser().error("--host belongs to --write")
    try:
        with tempfile.TemporaryDirectory(prefix="describe-") as temporary:
            return told(asked, Path(temporary))
    except (fetch.FetchError, write.WriteError) as error:
        print(f"describe: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0


def read(source: str, package: str, name: str, domain: str, project: Path | None, temporary: Path) -> App:
    """Return what is found out about SOURCE (a folder or a URL) or PACKAGE; raise FetchError when it can't be had.

    name, domain: of the app, "" when they are not given; project: the folder whose inventory a relative path counts
    from, None for this checkout's; temporary: an empty folder for what is fetched.
    """
    requires, vaulted, where = None, "", {}
    if package:
        requires = fetch.package(package, temporary)
        folder, where, why = temporary / "source", {"package": package}, "given"
        found = app_name(package.partition("==")[0])
    elif fetch.URL.fullmatch(source):
        fetch.git(source, temporary / "source")
        folder, where, why = temporary / "source", {"git": source}, "given; its default branch, else say version"
        found = app_name(source)
        vaulted = source if fetch.has_password(source) else ""
    else:
        folder = Path(source).expanduser().resolve()
        if not folder.is_dir():
            raise fetch.FetchError(f"{source} is no folder, and no URL of a git repository")
        where = {"path": os.path.relpath(folder, (project or ROOT / "inventory").resolve())}
        why = "relative to " + (f"{project}/" if project else "inventory/")
        found = app_name(str(folder))
    app = describe(folder, name or found, where, why, domain, requires, *(["given"] if name else []))
    if vaulted:
        app.lines["source"].value = {"git": "{{ " + app.vaulted("git", vaulted) + " }}"}
    return app


def told(asked: argparse.Namespace, temporary: Path) -> int:
    """Describe what was asked for, print it, and write it where that was asked for, too."""
    app = read(asked.source or "", asked.package or "", asked.name or "", asked.domain, asked.write, temporary)
    shown = fetch.shown(asked.package or asked.source)
    head = f"# {shown}: {len(app.tree.all)} Python files were read, nothing was run.\n{page.HEAD}"
    print(head + page.entry(app) + page.remarks(app), end="")
    if asked.write:
        written = write.write(app, asked.write, head, asked.host)
        print(f"\nWritten into {asked.write}:")
        print("".join(f"  {line}\n" for line in written), end="")
        print("Next:\n" + "".join(f"  {line}\n" for line in write.next_steps(app, asked.write, asked.host)), end="")
    return 0
