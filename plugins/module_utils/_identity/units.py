# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The files by which a host renews its certificate itself: the program, its settings, and a timer.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._host.file_state import Entry
from ansible_collections.slipway.flask.plugins.module_utils._identity import program

PROGRAM = "/usr/local/sbin/slipway-identity"
HEAD = "#!/usr/bin/python3 -IS\n"
"""Nothing of root's environment and no installed package takes part when it runs."""
SERVICE, TIMER = "slipway-identity.service", "slipway-identity.timer"
SERVICE_TEXT = f"""\
# Managed by Ansible (slipway.flask.host_identity).
[Unit]
Description=Renew this host's certificate among the other hosts
Documentation=file://{PROGRAM}
After=network.target

[Service]
Type=oneshot
ExecStart={PROGRAM} renew
UMask=0077
# It writes its folder, gives a copy of the key to the user of a service, and has services reload.
CapabilityBoundingSet=CAP_CHOWN CAP_DAC_OVERRIDE CAP_FOWNER
ProtectSystem=strict
ReadWritePaths={program.FOLDER}
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
PrivateNetwork=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectClock=yes
ProtectHostname=yes
RestrictAddressFamilies=AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
NoNewPrivileges=yes
KeyringMode=private
IPAddressDeny=any
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallFilter=@chown
"""
TIMER_TEXT = f"""\
# Managed by Ansible (slipway.flask.host_identity).
[Unit]
Description=Renew this host's certificate among the other hosts when it is due

[Timer]
OnCalendar=daily
# Not on all hosts at once.
RandomizedDelaySec=12h
Persistent=true
Unit={SERVICE}

[Install]
WantedBy=timers.target
"""


def entries(settings: Mapping[str, Any]) -> list[Entry]:
    """Return all files that a host with SETTINGS (name, addresses, users) has beside its certificates."""
    text = json.dumps(dict(settings), indent=1, sort_keys=True) + "\n"
    return [
        Entry(str(program.FOLDER.parent), state="directory"),
        Entry(str(program.FOLDER), state="directory"),
        Entry(str(program.FOLDER / program.SETTINGS), content=text),
        Entry(PROGRAM, content=HEAD + inspect.getsource(program), mode="0755"),
        Entry(f"/etc/systemd/system/{SERVICE}", content=SERVICE_TEXT),
        Entry(f"/etc/systemd/system/{TIMER}", content=TIMER_TEXT),
    ]
