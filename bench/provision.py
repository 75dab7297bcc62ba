#!/usr/bin/env python3
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Seconds from a bare host to the first good answer: site.yml against a hand-written shell script, in one run.

    bin/bench provision [--debian 12|13] [--runs 1]

Both start from a fresh look-alike with the same image and deploy the same source. Then site.yml runs again with no
change, and its tasks and SSH round trips are counted.
"""

from __future__ import annotations

import argparse
import http.client
import json
import re
import socket
import ssl
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VPS = [sys.executable, str(ROOT / "bin/lib/vps.py")]
STATE = ROOT / ".slipway/bench"
HOST = "slipway-bench"
DOMAIN = "harbour.localhost"


class Site(http.client.HTTPSConnection):
    """HTTPS to an address under the site's name, whoever signed its certificate."""

    def __init__(self, address: str) -> None:
        self._anybody = ssl.create_default_context()
        self._anybody.check_hostname, self._anybody.verify_mode = False, ssl.CERT_NONE
        self._address = address
        super().__init__(DOMAIN, timeout=30)

    def connect(self) -> None:
        plain = socket.create_connection((self._address, 443), 30)
        self.sock = self._anybody.wrap_socket(plain, server_hostname=DOMAIN)


def check(address: str) -> None:
    """Exit unless the page that reads the database answers 200."""
    site = Site(address)
    site.request("GET", "/readyz")
    status = site.getresponse().status
    if status != 200:
        sys.exit(f"bench: the site answered {status}")


def fresh(debian: str) -> dict[str, str]:
    """Return the facts of a new bare host."""
    subprocess.run([*VPS, "down", HOST], check=True, capture_output=True)
    made = subprocess.run([*VPS, "up", HOST, "--debian", debian], check=True, capture_output=True, text=True)
    facts: dict[str, str] = json.loads(made.stdout)
    return facts


def by_hand(debian: str) -> float:
    """Return the seconds that the shell script takes."""
    facts = fresh(debian)
    ssh = ["ssh", "-i", facts["key"], f"-oUserKnownHostsFile={facts['known_hosts']}", f"root@{facts['address']}"]
    source = subprocess.run(["tar", "-c", "-C", str(ROOT / "sample_app"), "."], check=True, capture_output=True).stdout
    started = time.monotonic()
    subprocess.run([*ssh, "cat >/root/floor.sh"], input=(ROOT / "bench/floor.sh").read_bytes(), check=True)
    subprocess.run([*ssh, "sh /root/floor.sh"], input=source, check=True, stderr=subprocess.DEVNULL)
    check(facts["address"])
    return time.monotonic() - started


def playbook(facts: dict[str, str], *options: str) -> tuple[float, str]:
    """Return the seconds and the output of one run of site.yml."""
    STATE.mkdir(parents=True, exist_ok=True)
    common = f"-o UserKnownHostsFile={facts['known_hosts']}"
    host = {"ansible_host": facts["address"], "ansible_user": "root", "ansible_ssh_common_args": common}
    app = {
        "name": "harbour", "domains": [DOMAIN], "source": {"path": str(ROOT / "sample_app")}, "wsgi": "wsgi:app",
        "environment": {"PROXY_HOPS": 1, "UPLOAD_FOLDER": "/srv/harbour/shared/uploads"}, "shared_folders": ["uploads"],
        "secrets": {"SECRET_KEY": "4b6f1d5c9a3e7082"}, "static": {"/static/": "harbour/static"}, "health_path": "/readyz",
    }  # fmt: skip
    host["ansible_ssh_private_key_file"] = facts["key"]
    inventory = {"web": {"hosts": {"vps": host}, "vars": {"slipway_apps": [app]}}}
    (STATE / "hosts.json").write_text(json.dumps(inventory))
    started = time.monotonic()
    command = ["ansible-playbook", "-i", str(STATE / "hosts.json"), *options, "site.yml"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"bench: site.yml failed\n{done.stdout[-3000:]}")
    return time.monotonic() - started, done.stdout


def counted(output: str) -> str:
    """Return how many tasks ran on the host, how many changed it, and how many SSH round trips there were."""
    recap = re.search(r"ok=(\d+) +changed=(\d+)", output)
    trips = len(re.findall(r"SSH: EXEC (?:ssh|sftp|scp)", output))
    return f"{recap[1]} tasks, {recap[2]} changed, {trips} SSH round trips" if recap else "no recap"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--debian", choices=["12", "13"], default="12")
    parser.add_argument("--runs", type=int, default=1)
    asked = parser.parse_args()
    rows: dict[str, list[float]] = {"shell script": [], "site.yml": [], "site.yml again": []}
    counts = {}
    for _ in range(asked.runs):
        rows["shell script"].append(by_hand(asked.debian))
        facts = fresh(asked.debian)
        seconds, output = playbook(facts, "-vvv")
        check(facts["address"])
        rows["site.yml"].append(seconds)
        counts["site.yml"] = counted(output)
        seconds, output = playbook(facts, "-vvv")
        rows["site.yml again"].append(seconds)
        counts["site.yml again"] = counted(output)
    subprocess.run([*VPS, "down", HOST], check=True, capture_output=True)
    floor = statistics.median(rows["shell script"])
    print(f"Debian {asked.debian}, bare host to first good answer, median of {asked.runs}")
    for name, seconds_ in rows.items():
        median = statistics.median(seconds_)
        print(f"  {name:15} {median:6.1f} s   {median / floor:5.2f} × the script   {counts.get(name, '')}")


if __name__ == "__main__":
    main()
