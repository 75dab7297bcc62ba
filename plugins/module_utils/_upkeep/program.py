# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The program `slipway-upkeep` on a host, for its timers and for people. PRIVATE to the collection.

It may change without notice. Exit status: 0 when all is well, 1 when something is wrong, 2 when it was called wrongly.
"""

from __future__ import annotations

import argparse
import sys
from datetime import datetime

from ansible_collections.slipway.flask.plugins.module_utils._upkeep import (
    apply,
    check,
    disk,
    listening,
    places,
    reboot,
    restarts,
)
from ansible_collections.slipway.flask.plugins.module_utils._upkeep.settings import Settings

COMMANDS = {
    "check": "report problems of the host (run by a timer, which sends notifications)",
    "ports": "list unexpected open ports (run by status.yml)",
    "restarts": "restart services that use libraries from before an update, within the window (run by the daily updates)",
    "reboot": "reboot if an update needs it and nothing is under way (run by a timer where it is allowed)",
    "back": "wait until all sites answer, and report those that don't (run at each boot)",
    "apply": "set up swap and the reserve (run at each boot)",
    "room": "release the reserve if the disk is full (run at a database server's start)",
}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="slipway-upkeep", description="Looks after this host.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in COMMANDS.items():
        commands.add_parser(name, help=text)
    chosen = parser.parse_args(arguments).command
    try:
        settings = Settings.read()
    except OSError as error:
        parser.error(f"{places.SETTINGS}: {error.strerror}; run this as root, on a host with slipway_baseline")
    try:
        return run(chosen, settings)
    except OSError as error:  # a disk that is full, for example
        print(f"{error.filename or 'the host'}: {error.strerror or error}", file=sys.stderr)
        return 1


def run(command: str, settings: Settings) -> int:
    """Do one of COMMANDS and print what came of it."""
    wrong: list[str] = []
    if command == "check":
        wrong = check.check(settings)
    elif command == "ports":
        wrong = listening.look(settings.ports)
    elif command == "back":
        wrong = reboot.back(settings)
    elif command == "restarts":
        found = restarts.restart(settings, datetime.now())
        for what in ("restarted", "left", "failed"):
            for unit in getattr(found, what):
                print(f"{what}: {unit}")
        return int(bool(found.failed))
    elif command == "reboot":
        print(reboot.reboot(settings))
    elif command == "apply":
        for note in apply.apply(settings):
            print(note)
    else:
        for path in disk.give_up():
            print(f"{path} was released, so that the server can start on a full disk")
    for text in wrong:
        print(text, file=sys.stderr)
    return int(bool(wrong))
