# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The program `slipway-certificates` on a host, for its timer and for people. PRIVATE to the collection.

It may change without notice. Exit status: 0 when all is well, 1 when a certificate could not be obtained.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._certificates import acme
from ansible_collections.slipway.flask.plugins.module_utils._certificates.acme import Record, Settings, facts_of
from ansible_collections.slipway.flask.plugins.module_utils._certificates.renewal import Renewal


def main(arguments: list[str] | None = None, folder: Path = acme.FOLDER) -> int:
    parser = argparse.ArgumentParser(prog="slipway-certificates", description="ACME certificates of this host's sites.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="show the state of each certificate")
    renew = commands.add_parser("renew", help="renew those that are due (run by the timer)")
    renew.add_argument("--force", action="store_true", help="renew even if not due (authorities limit how often)")
    renew.add_argument("site", nargs="*", help="only these sites")
    chosen = parser.parse_args(arguments)
    try:
        settings = Settings.read(folder)
    except OSError as error:
        parser.error(f"{error.filename}: {error.strerror}; run this as root, on a host with `certificate: acme`")
    names = [site.name for site in settings.sites]
    if chosen.command == "list":
        return show(settings)
    if unknown := sorted(set(chosen.site) - set(names)):
        parser.error(f"no site with 'certificate: acme' is called {', '.join(unknown)}; there are {', '.join(names)}")
    outcomes = Renewal(settings, folder).run(chosen.site, chosen.force)
    for outcome in outcomes:
        print(f"{outcome.name}: {f'renewed, because {outcome.changed}' if outcome.changed else 'not renewed'}"
              if outcome.changed or outcome.failure else f"{outcome.name}: nothing to do")  # fmt: skip
        for domain, why in outcome.left_out.items():
            print(f"{outcome.name}: {domain} is left out: {why}")
        if outcome.failure:
            print(f"{outcome.name}: {outcome.failure}", file=sys.stderr)
    return int(any(outcome.failure for outcome in outcomes))


def show(settings: Settings) -> int:
    """Print a line for each certificate, and what is wrong with it."""
    failed = False
    for site in settings.sites:
        home = Path(settings.certificates) / site.name
        facts, record = facts_of(home), Record.read(home)
        left = acme.life(max(0.0, facts.not_after - time.time())) if facts else "nothing"
        source = record.directory if facts and record.is_of(facts, record.directory) else "self-signed or unknown"
        print(f"{site.name}: {left} left, {', '.join(sorted(facts.domains)) if facts else 'no domain'}, {source}")
        for domain, why in record.left_out.items():
            print(f"  {domain} is left out: {why}")
        if record.failure:
            failed = True
            print(f"  failing since {record.failure.since}, last {record.failure.last}: {record.failure.message}")
    return int(failed)
