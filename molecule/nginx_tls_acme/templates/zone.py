#!/usr/bin/python3
"""Write the zone example.test anew: `zone NAME=ADDRESS,ADDRESS …`; DNS answers from it when this ends."""

import subprocess
import sys
import time
from pathlib import Path

rows = ["$TTL 1", f"@ IN SOA localhost. root.localhost. {int(time.time())} 1 1 1 1", "@ IN NS localhost."]
for argument in sys.argv[1:]:
    name, _, addresses = argument.partition("=")
    rows += [f"{name} IN {'AAAA' if ':' in address else 'A'} {address}" for address in addresses.split(",")]
Path("/var/cache/bind/example.test").write_text("\n".join(rows) + "\n")
if subprocess.run(["systemctl", "is-active", "--quiet", "named"]).returncode == 0:
    subprocess.run(["systemctl", "restart", "named"], check=True)
