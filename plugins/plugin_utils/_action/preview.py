# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The files by which a host removes its previews on their end dates, with nobody there.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._remove.beside import PROGRAM, SERVICE
from ansible_collections.slipway.flask.plugins.plugin_utils._library import library

MODULES = "_remove.program"
LIBRARY = library.FOLDER / "previews"
NAME = "slipway-previews"
UNITS = "/etc/systemd/system"
MANAGED = "# Written by Ansible (slipway.flask); changes are overwritten.\n"
TEXTS = {
    PROGRAM: f"""#!/usr/bin/python3 -IS
{MANAGED}"Previews of this host: `slipway-previews --help`."

import sys

sys.dont_write_bytecode = True
sys.path.insert(0, "{LIBRARY}")

from ansible_collections.slipway.flask.plugins.module_utils._remove.program import main

sys.exit(main())
""",
    f"{UNITS}/{NAME}.service": f"""{MANAGED}[Unit]
Description=Remove the previews whose end date has come
Documentation=file:{PROGRAM}
After=nginx.service postgresql.service mariadb.service

[Service]
Type=oneshot
ExecStart={PROGRAM} expire
Environment={SERVICE}={NAME}.service
TimeoutStartSec=1h

# It only looks; what removes a preview is a transient unit (_remove/beside.py), which ends with this one.
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
PrivateNetwork=yes
DevicePolicy=closed
UMask=0077
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
RestrictSUIDSGID=yes
RestrictNamespaces=yes
RestrictRealtime=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
KeyringMode=private
ProtectProc=invisible
ProcSubset=pid
ProtectClock=yes
ProtectHostname=yes
ProtectControlGroups=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
RestrictAddressFamilies=AF_UNIX
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@resources @privileged
SystemCallErrorNumber=EPERM
LimitCORE=0
""",
    f"{UNITS}/{NAME}.timer": f"""{MANAGED}[Unit]
Description=Look every hour whether a preview's end date has come

[Timer]
OnCalendar=hourly
RandomizedDelaySec=10min
Persistent=true

[Install]
WantedBy=timers.target
""",
}


def files() -> list[dict[str, Any]]:
    """Return the entries of slipway.flask.files for the program, its timer and what it imports."""
    own = [
        {"dest": path, "content": text, "mode": "0755" if path == PROGRAM else "0644"} for path, text in TEXTS.items()
    ]
    return [*library.files(MODULES, LIBRARY), *own]
