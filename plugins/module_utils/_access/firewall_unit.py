# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Where the firewall's rules are on a host, and the unit that loads them.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from ansible_collections.slipway.flask.plugins.module_utils._access.firewall_rules import NAME

NFT = "/usr/sbin/nft"
RULES = "/etc/slipway/firewall.nft"
GOOD = "/var/lib/slipway/firewall.nft"
"""The rules over which a new login has last come in: loaded where RULES, which somebody may have edited, can't be."""
LOGINS = "/var/lib/slipway/logins.nft"
"""Who logged in of late, for the sets of a table that was just loaded."""
UNIT = "slipway-firewall.service"
UNIT_PATH = f"/etc/systemd/system/{UNIT}"
LINK = f"/etc/systemd/system/sysinit.target.wants/{UNIT}"
UNIT_TEXT = f"""\
# Managed by Ansible (slipway.flask.host_access).
[Unit]
Description=Firewall of this host (nftables, table {NAME})
Documentation=man:nft(8) file://{RULES}
ConditionPathExists=|{RULES}
ConditionPathExists=|{GOOD}
DefaultDependencies=no
# After what loads, or empties, the rules of all.
After=local-fs.target slipway-guard.service systemd-modules-load.service nftables.service netfilter-persistent.service
Wants=network-pre.target
Before=network-pre.target sysinit.target

[Service]
Type=oneshot
RemainAfterExit=yes
StandardInput=null
ExecStart={NFT} -f {RULES}
ExecStartPost=-{NFT} -f {LOGINS}
ExecReload={NFT} -f {RULES}
ExecReload=-{NFT} -f {LOGINS}
# The unit has failed, which `status.yml` tells, and the host is not open.
ExecStopPost=-/bin/sh -c '[ "$$SERVICE_RESULT" = success ] || exec {NFT} -f {GOOD}'
ExecStop=-{NFT} delete table {NAME}
# All that nft needs is the one right to change the rules.
CapabilityBoundingSet=CAP_NET_ADMIN
AmbientCapabilities=
NoNewPrivileges=true
ProtectSystem=strict
ProtectHome=true
# Without PrivateDevices=: systemd 252 makes a folder in /tmp for it, and on a read-only disk the host would be open.
DevicePolicy=closed
UMask=0077
KeyringMode=private
ProtectProc=invisible
ProcSubset=pid
ProtectClock=true
ProtectHostname=true
ProtectControlGroups=true
ProtectKernelLogs=true
ProtectKernelTunables=true
RestrictAddressFamilies=AF_UNIX AF_NETLINK
RestrictNamespaces=true
RestrictRealtime=true
RestrictSUIDSGID=true
LockPersonality=true
MemoryDenyWriteExecute=true
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM
IPAddressDeny=any

[Install]
WantedBy=sysinit.target
"""
AGAIN_PATH = "/etc/systemd/system/nftables.service.d/slipway.conf"
AGAIN_TEXT = f"""\
# Managed by Ansible (slipway.flask.host_access).
# /etc/nftables.conf empties the rules of all when it is loaded. Ours come back at once.
[Service]
ExecStartPost=-/bin/sh -c '{NFT} -f {RULES} || exec {NFT} -f {GOOD}'
ExecStartPost=-{NFT} -f {LOGINS}
ExecReload=-/bin/sh -c '{NFT} -f {RULES} || exec {NFT} -f {GOOD}'
ExecReload=-{NFT} -f {LOGINS}
"""
