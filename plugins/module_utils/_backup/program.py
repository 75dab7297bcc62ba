# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The program `slipway-backup` on a host, for its timers and for people. PRIVATE to the collection.

It may change without notice. Exit status: 0 when all is well, 1 when something is wrong, 2 when it was called wrongly.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from contextlib import suppress

from ansible_collections.slipway.flask.plugins.module_utils._backup import places, points, single
from ansible_collections.slipway.flask.plugins.module_utils._backup.backup import Run
from ansible_collections.slipway.flask.plugins.module_utils._backup.check import Check
from ansible_collections.slipway.flask.plugins.module_utils._backup.drill import Drill
from ansible_collections.slipway.flask.plugins.module_utils._backup.error import BackupError
from ansible_collections.slipway.flask.plugins.module_utils._backup.settings import Settings


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="slipway-backup", description="Backups of this host's apps.")
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="back up everything now (run by the timer)")
    run.add_argument("--full", action="store_true", help="also make a full backup of the database server")
    run.add_argument("--reason", default="by hand", help=argparse.SUPPRESS)
    point = commands.add_parser("point", help="make a restore point of one app before a migration (run by a deploy)")
    point.add_argument("app")
    point.add_argument("--before", required=True, metavar="RELEASE")
    show = commands.add_parser("list", help="list the restore points")
    show.add_argument("app", nargs="?", default="", help="only this app's")
    commands.add_parser("check", help="report problems with the backups (run by a timer, which sends notifications)")
    commands.add_parser("drill", help="restore the backups next to the site, and compare (run by a timer)")
    chosen = parser.parse_args(arguments)
    try:
        settings = Settings.read()
    except OSError as error:
        parser.error(f"{places.SETTINGS}: {error.strerror}; run this as root, on a host with slipway_backups")
    try:
        if chosen.command == "run":
            return save(settings, chosen.reason, chosen.full)
        if chosen.command == "point":
            single.before(settings, chosen.app, chosen.before, lambda found: say(json.dumps(found)))
            return 0
        if chosen.command == "check":
            return check(settings)
        if chosen.command == "drill":
            return drill(settings)
        return listing(settings, chosen.app)
    except BackupError as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:  # a disk that is full, for example
        print(f"{error.filename or 'the host'}: {error.strerror or error}", file=sys.stderr)
        return 1


def say(text: str) -> None:
    """Print TEXT at once; a run goes on when nobody reads it any more."""
    with suppress(OSError):
        print(text, flush=True)


def save(settings: Settings, reason: str, full: bool) -> int:
    """Make one run, and print what it says."""
    outcome = Run(settings, reason, full, say).run()
    for note in outcome.notes:
        print(note)
    for problem in outcome.problems:
        print(problem, file=sys.stderr)
    print(f"{'failed' if outcome.problems else 'done'} after {outcome.seconds:.1f} s: {outcome.facts['point']}")
    Check(settings).run()
    return int(bool(outcome.problems))


def listing(settings: Settings, app: str) -> int:
    """Print a line for each restore point, and what can't be read."""
    found, problems = points.read(settings, app)
    for point in found:
        print(f"{point.name}  {point.app}  release {point.release or '-'}  head {point.head or '-'}  {point.reason}")
    for problem in problems:
        print(problem, file=sys.stderr)
    return int(bool(problems))


def check(settings: Settings) -> int:
    """Check, tell the notifications what is new, and print what is wrong."""
    outcome = Check(settings).run()
    for text in [*outcome.problems, *outcome.notes]:
        print(text, file=sys.stderr)
    if not outcome.problems:
        print("all is well")
    return int(bool(outcome.problems))


def drill(settings: Settings) -> int:
    """Run a restore drill, print its output, and report problems immediately."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # what is being restored is removed
    outcome = Drill(settings, say).run()
    for problem in outcome.problems:
        print(problem, file=sys.stderr)
    print(f"{'failed' if outcome.problems else 'passed'} after {outcome.seconds:.1f} s")
    Check(settings).run()
    return int(bool(outcome.problems))
