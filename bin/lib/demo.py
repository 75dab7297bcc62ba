#!/usr/bin/env python3
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The sample app on a VPS look-alike of this machine, brought there by the very site.yml that a user runs.

    bin/demo                    on Debian 12; run it again after a change, it deploys what changed
    bin/demo --debian 13        beside it, on Debian 13
    bin/demo down               remove what bin/demo made (with --name or --debian: that one only)

The inventory and variables that it writes, .slipway/<name>/, are an example of a user's own.
"""

from __future__ import annotations

import argparse
import http.client
import json
import re
import secrets
import shlex
import shutil
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
STATE = ROOT / ".slipway"
VPS = [sys.executable, str(ROOT / "bin/lib/vps.py")]
APP, DOMAIN = "harbour", "harbour.localhost"
NAMES = {"12": "demo", "13": "demo-13"}

HOSTS = """\
---
web:
  hosts:
    {name}:
      ansible_host: {address}
      ansible_user: root
      ansible_ssh_private_key_file: "{key}"
      ansible_ssh_common_args: -o 'UserKnownHostsFile="{known_hosts}"'
"""

VARIABLES = """\
---
slipway_apps:
  - name: {app}
    domains: [{domain}]
    source:
      path: "{source}"
    wsgi: wsgi:app
    environment:
      PROXY_HOPS: 1
      REPORT_ENTRY_SECONDS: "0.3"
    secrets:
      SECRET_KEY: "{{{{ lookup('ansible.builtin.file', inventory_dir ~ '/secret_key') }}}}"
    shared_folders: [instance]
    static:
      /static/: harbour/static
    release_commands:
      - flask db upgrade
      - command: flask seed
        once: true
    health_path: /readyz
    redis: local
    processes:
      worker:
        command: flask worker
      summary:
        command: flask summary
        schedule: "*-*-* 00:05:00 UTC"
"""


def free_port(first: int) -> int:
    """Return the first port from FIRST on that nothing on this machine listens to."""
    for port in range(first, first + 100):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    sys.exit(f"demo: no free port from {first} to {first + 99}")


def start_host(name: str, debian: str) -> dict[str, Any]:
    """Return the facts of the look-alike, made unless it exists; exit when it is another release than asked for."""
    argv = [*VPS, "up", f"slipway-{name}", "--debian", debian]
    listed = subprocess.run([*VPS, "list"], stdout=subprocess.PIPE, text=True, check=True).stdout
    if not any(json.loads(line)["name"] == f"slipway-{name}" for line in listed.splitlines()):
        argv += ["--publish", f"{free_port(8443)}:443", "--publish", f"{free_port(8080)}:80"]
    done = subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(done.returncode)
    host: dict[str, Any] = json.loads(done.stdout)
    if host["debian"] != debian:
        sys.exit(f"demo: {name} runs Debian {host['debian']}; remove it first: bin/demo down --name {name}")
    return host


def write_project(folder: Path, host: dict[str, Any]) -> None:
    """Write what a user would: an inventory, the app's description, and its secret (once, for us only)."""
    (folder / "group_vars").mkdir(parents=True, exist_ok=True)
    (folder / "hosts.yml").write_text(HOSTS.format(**host))
    values = {"app": APP, "domain": DOMAIN, "source": ROOT / "sample_app"}
    (folder / "group_vars/all.yml").write_text(VARIABLES.format(**values))
    secret = folder / "secret_key"
    if not secret.exists():
        secret.touch(mode=0o600)
        secret.write_text(secrets.token_hex(32))


def login(host: dict[str, Any]) -> list[str]:
    """Return the command that opens a shell on the host."""
    known_hosts = (
        host["known_hosts"] if " " not in host["known_hosts"] else f'"{host["known_hosts"]}"'
    )  # a list of files
    return ["ssh", "-i", host["key"], "-o", f"UserKnownHostsFile={known_hosts}", f"root@{host['address']}"]


def read_release(host: dict[str, Any]) -> dict[str, Any]:
    """Return the record of the live release."""
    argv = [*login(host), "cat", f"/srv/{APP}/current/release.json"]
    record: dict[str, Any] = json.loads(subprocess.run(argv, stdout=subprocess.PIPE, check=True).stdout)
    return record


def answer(port: int) -> int:
    """Return the status of the page at the published PORT, 0 when nothing answers; nobody vouches for the certificate."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with context.wrap_socket(socket.create_connection(("127.0.0.1", port), 10), server_hostname=DOMAIN) as tls:
            connection = http.client.HTTPSConnection(DOMAIN, port)
            connection.sock = tls
            connection.request("GET", "/")
            return connection.getresponse().status
    except OSError as error:
        print(f"demo: 127.0.0.1:{port}: {error}", file=sys.stderr)
        return 0


def summary(name: str, host: dict[str, Any], record: dict[str, Any], seconds: dict[str, float]) -> str:
    """Return the table that the demo ends with."""
    inventory = f".slipway/{name}/hosts.yml"
    key, known_hosts = (Path(host[item]).relative_to(ROOT) for item in ("key", "known_hosts"))
    stages = ", ".join(f"{stage} {took:.1f} s" for stage, took in record["seconds"].items())
    rows = {
        "URL": f"https://{DOMAIN}:{host['ports']['443']}/   (the certificate is the host's own: the browser asks once)",
        "host": f"{host['name']}, Debian {host['debian']}, {host['address']}",
        "release": record["id"],
        "revision": record["revision"] + (" (with changes that are not committed)" if record.get("dirty") else ""),
        "migration head": ", ".join(record["heads_after"] or []) or "none",
        "this run": ", ".join(f"{step} {took:.1f} s" for step, took in seconds.items()),
        "its deploy": stages,
        "log in": shlex.join([*login({**host, "key": str(key), "known_hosts": str(known_hosts)})]),
        "deploy again": f"bin/demo{'' if name == 'demo' else f' --name {name} --debian ' + host['debian']}"
        f"   or   .venv/bin/ansible-playbook -i {inventory} site.yml",
        "remove": f"bin/demo down{'' if name == 'demo' else f' --name {name}'}",
    }
    return "\n".join(f"  {label:15} {value}" for label, value in rows.items())


def up(name: str, debian: str) -> int:
    """Bring the demo to its site; return the exit code."""
    clock, seconds = time.monotonic(), {}
    host = start_host(name, debian)
    write_project(STATE / name, host)
    seconds["host"] = time.monotonic() - clock

    clock = time.monotonic()
    playbook = ["ansible-playbook", "-i", f".slipway/{name}/hosts.yml", "site.yml"]
    print(f"demo: {shlex.join(playbook)}", flush=True)
    code = subprocess.run(playbook, cwd=ROOT, check=False).returncode
    seconds["site.yml"] = time.monotonic() - clock
    if code:
        print(f"demo: site.yml failed; look around with: {shlex.join(login(host))}", file=sys.stderr)
        return code

    print(summary(name, host, read_release(host), seconds))
    url, status = f"https://{DOMAIN}:{host['ports']['443']}/", answer(host["ports"]["443"])
    print(f"\n{url} answers {status}" if status == 200 else f"\n{url} does not answer 200 but {status or 'nothing'}")
    return 0 if status == 200 else 1


def down(names: list[str]) -> None:
    """Remove the hosts and what was written for them."""
    subprocess.run([*VPS, "down", *(f"slipway-{name}" for name in names)], stdout=subprocess.DEVNULL, check=True)
    for name in names:
        shutil.rmtree(STATE / name, ignore_errors=True)
    print(f"demo: removed {', '.join(names)}")


def demo_name(text: str) -> str:
    """Return TEXT if it can name a demo: its host is slipway-TEXT, its folder .slipway/TEXT."""
    if not re.fullmatch(r"demo[a-z0-9-]{0,40}", text):
        raise argparse.ArgumentTypeError("must begin with 'demo' and have small letters, digits and hyphens only")
    return text


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="bin/demo", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("action", nargs="?", choices=("up", "down"), default="up")
    parser.add_argument("--debian", choices=sorted(NAMES), help="release of the host (default: 12)")
    parser.add_argument(
        "--name", type=demo_name, help=f"name of the demo (default: {' or '.join(NAMES.values())}, after the release)"
    )
    asked = parser.parse_args()
    if asked.action == "down":
        down([asked.name] if asked.name else [NAMES[asked.debian]] if asked.debian else list(NAMES.values()))
        return 0
    debian = asked.debian or "12"
    return up(asked.name or NAMES[debian], debian)


if __name__ == "__main__":
    sys.exit(main())
