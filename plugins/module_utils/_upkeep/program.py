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
    "check": "tell what is wrong with the host; a timer does this, and tells the notifications",
    "ports": "name what listens for everybody and nobody asked for; status.yml does this",
    "restarts": "restart what runs with libraries from before an update, within the window; the daily updates do this",
    "reboot": "reboot if an update needs it and nothing is under way; a timer does this where it is allowed",
    "back": "wait until all sites answer, and tell if one does not; each boot does this",
    "apply": "bring swap and the reserve to what is wanted; each boot does this",
    "room": "give up the reserve if the disk is full; a database server's start does this",
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
            print(f"{path} was given up, so that the server can start on a full disk")
    for text in wrong:
        print(text, file=sys.stderr)
    return int(bool(wrong))
