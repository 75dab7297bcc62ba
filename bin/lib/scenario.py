# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Runs a scenario of Molecule on hosts that it has made at the same time: `bin/lib/scenario.py NAME HOST ...`.

A host's name ends with its Debian release. Molecule alone starts Ansible to have hosts made, one after the other, by
molecule/shared/create.yml, and to have them removed. Here it finds them made, in MOLECULE_EPHEMERAL_DIRECTORY, and whoever
has started this removes them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import yaml

VPS = Path(__file__).with_name("vps.py")


def made(hosts: list[str]) -> list[dict[str, str]]:
    """Return what vps.py says of new HOSTS; exit where one can't be made."""
    commands = [[sys.executable, str(VPS), "up", host, "--debian", host.rpartition("-")[2], "--new"] for host in hosts]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for command in commands]
    said = [process.communicate()[0] for process in running]
    if any(process.returncode for process in running):
        sys.exit(f"scenario: not all of {', '.join(hosts)} could be made")
    return [json.loads(facts) for facts in said]


def main() -> None:
    name, *hosts = sys.argv[1:]
    folder = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"])
    folder.mkdir(parents=True)
    instances = [
        {"instance": host["name"], "address": host["address"], "user": "root", "port": 22, "identity_file": host["key"]}
        for host in made(hosts)
    ]
    (folder / "instance_config.yml").write_text(yaml.safe_dump(instances))
    (folder / "state.yml").write_text(yaml.safe_dump({"created": True, "driver": "default"}))
    one = ["--platform-name", hosts[0]] if len(hosts) == 1 else []
    os.execvp("molecule", ["molecule", "test", "--scenario-name", name, "--destroy", "never", *one])


if __name__ == "__main__":
    main()
