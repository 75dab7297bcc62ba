# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a run may leave on the host: nothing that the releases which are kept do not account for."""

from __future__ import annotations

import json

from helpers import Host

STRAYS = """
import json, os, pathlib, subprocess, time
root, found = pathlib.Path("/srv/harbour"), []
def said(*command): return subprocess.run(command, capture_output=True, text=True).stdout
def names(folder): return sorted(os.listdir(folder)) if os.path.isdir(folder) else []
def draining(): return "deactivating" in said("systemctl", "list-units", "--plain", "--no-legend", "harbour@*", "harbour.*@*")
deadline = time.monotonic() + 60
while draining() and time.monotonic() < deadline: time.sleep(0.2)
current = os.path.basename(os.readlink(root / "current"))
releases = names(root / "releases")
listed = pathlib.Path("/etc/harbour/releases", current, "processes.json")
processes = json.loads(listed.read_text()) if listed.exists() else {}
prefixes = [f".{name}{f'.{number}' if number > 1 else ''}" for name, entry in processes.items()
            for number in range(1, entry.get("instances", 1) + 1)]
wanted = [f"harbour{prefix}@{current}.service" for prefix in ["", *prefixes]]
def check(what, there, wanted):
    if sorted(there) != sorted(wanted): found.append(f"{what}: {sorted(there)}, not {sorted(wanted)}")
check("settings", names("/etc/harbour/releases"), releases)
units = [p.name[8:-8] for p in pathlib.Path("/etc/systemd/system").glob("harbour@?*.service")]
check("unit files", units, releases)
check("sockets", names("/run/harbour"), [current])
wants = pathlib.Path("/etc/systemd/system/multi-user.target.wants").glob("harbour*")
check("at boot", [p.name for p in wants], wanted)
listed = said("systemctl", "list-units", "--all", "--plain", "--no-legend", "harbour*").splitlines()
loaded = [row.split() for row in listed if ".slice" not in row]
check("units", [row[0] for row in loaded if row[2] != "inactive"], wanted)
used = {".lock"} | {os.readlink(root / "releases" / r / "venv")[12:] for r in releases}
unused = [n for n in names(root / "venvs") if n not in used]  # one that a failed deploy built whole, for the next try
check("environments", [n for n in names(root / "venvs") if n not in unused[:1]], used)
check("kept environments", [n for n in unused if not (root / "venvs" / n / "slipway.json").is_file()], [])
check("in hand", [n for n in names(root) if n.startswith(".")], [".lock"])
check("under way", [n for n in names("/run/slipway") if n.endswith(".lease")], [])
records = [json.loads((root / "releases" / r / "release.json").read_text()) for r in releases]
check("outcomes", {r["outcome"] for r in records}, {"deployed"})
check("sources", {n.split(".")[0] for n in names(root / "sources")} - {r["source_key"] for r in records}, [])
lines = [json.loads(line) for line in (root / "history.jsonl").read_text().splitlines()]
check("history", [l["id"] for l in lines if l["outcome"] == "deployed" and l["id"] in releases], releases)
for pid in said("pgrep", "-u", "harbour").split():
    try: group = pathlib.Path(f"/proc/{pid}/cgroup").read_text().strip()
    except OSError: continue
    if group.endswith("/slipway-pgbouncer-harbour.service"): continue
    if not any(group.endswith(f"/{unit}") for unit in wanted): found.append(f"process {pid} in {group}")
print(json.dumps(found))
"""


def strays(host: Host) -> list[str]:
    """Return what is on the host that the releases which are kept do not account for, or lacks."""
    found: list[str] = json.loads(host.run(f"python3 - <<'END'\n{STRAYS}\nEND"))
    return found
