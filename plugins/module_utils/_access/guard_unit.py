# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The guard's unit, its timer, and the rights that an undo has. PRIVATE to the collection. It can have breaking changes."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._access.guard_program import FOLDER, timer

AGAIN_SECONDS = 5
"""After which an undo that could not write at a boot is tried again, then by the timer's rules."""
PROGRAM = Path("/usr/local/sbin/slipway-guard")
UNIT = Path("/etc/systemd/system/slipway-guard.service")
WANTED_BY = UNIT.parent / "sysinit.target.wants" / UNIT.name
SANDBOX: tuple[tuple[str, str], ...] = (
    # What it puts back is below these. A full disk, or a read-only one, is when it is needed most: PrivateTmp= and
    # PrivateDevices= make folders in /tmp first, and it would not even start.
    ("ProtectSystem", "strict"),
    ("DevicePolicy", "closed"),
    ("UMask", "0022"),
    ("LimitCORE", "0"),
    ("NoNewPrivileges", "yes"),
    ("AmbientCapabilities", ""),
    ("RestrictSUIDSGID", "yes"),
    ("RestrictNamespaces", "yes"),
    ("RestrictRealtime", "yes"),
    ("LockPersonality", "yes"),
    ("MemoryDenyWriteExecute", "yes"),
    ("KeyringMode", "private"),
    ("ProtectProc", "invisible"),
    ("ProtectClock", "yes"),
    ("ProtectHostname", "yes"),
    ("ProtectControlGroups", "yes"),
    ("ProtectKernelLogs", "yes"),
    ("ProtectKernelModules", "yes"),
    ("ProtectKernelTunables", "yes"),
    ("IPAddressDeny", "any"),
    ("SystemCallArchitectures", "native"),
    # gpasswd(1) asks to be root, which it is.
    ("SystemCallFilter", "@system-service"),
    ("SystemCallFilter", "~@privileged @resources"),
    ("SystemCallFilter", "@chown @setuid"),
    ("SystemCallErrorNumber", "EPERM"),
)
"""Settings of systemd.exec(5) for an undo, at a boot and by the timer. Services are asked to restart by way of systemd's socket."""
RIGHTS = "CAP_CHOWN CAP_DAC_OVERRIDE CAP_FOWNER CAP_KILL"
"""To write files of others, and to end the processes of an account that is taken back."""
AT_BOOT = (
    *SANDBOX,
    ("CapabilityBoundingSet", RIGHTS),
    ("PrivateNetwork", "yes"),
    ("RestrictAddressFamilies", "AF_UNIX"),
)
"""The firewall is loaded later, by its own service."""
BY_TIMER = (
    *SANDBOX,
    ("CapabilityBoundingSet", f"{RIGHTS} CAP_NET_ADMIN"),
    ("RestrictAddressFamilies", "AF_UNIX AF_NETLINK"),
)
"""nft changes the firewall's rules, over netlink."""
RESTARTED = "the host was restarted before a new login had confirmed it"
WRITABLE = (
    Path("/etc"),
    Path("/home"),
    Path("/root"),
    Path("/var/mail"),
    Path("/var/lib/systemd/linger"),
    FOLDER.parent,
)
UNIT_TEXT = f"""\
# Managed by Ansible (slipway.flask.host_access).
[Unit]
Description=Undo a change to the ways into this host that no new login has confirmed
Documentation=file://{PROGRAM}
# What was changed must be back before the network is up and sshd reads its settings.
DefaultDependencies=no
RequiresMountsFor={FOLDER}
After=local-fs.target
Before=network-pre.target nftables.service ssh.service ssh.socket sshd.service sysinit.target shutdown.target
Conflicts=shutdown.target
ConditionPathExistsGlob={FOLDER}/*/plan.json

[Service]
Type=oneshot
ExecStart={PROGRAM} undo --boot --why "{RESTARTED}"
TimeoutStartSec=300
{"".join(f"{name}={value}{chr(10)}" for name, value in AT_BOOT)}\
ReadWritePaths=@WRITABLE@

[Install]
WantedBy=sysinit.target
"""


def writable(paths: Iterable[str]) -> str:
    """Return what an undo of PATHS may write to; a home that is elsewhere than most, where keys are, is among it."""
    homes = {Path(path).parent.parent for path in paths if not any(Path(path).is_relative_to(one) for one in WRITABLE)}
    return " ".join(f"-{place}" for place in (*WRITABLE, *sorted(homes)))


def unit_text(paths: Iterable[str] = ()) -> str:
    """Return the text of UNIT, which undoes a change of PATHS."""
    return UNIT_TEXT.replace("@WRITABLE@", writable(paths))


def timer_command(token: str, seconds: int, why: str, paths: Iterable[str] = ()) -> list[str]:
    """Return the command that starts a timer which undoes the change TOKEN of PATHS after SECONDS, and again until it could."""
    return [
        "systemd-run", "--quiet", "--no-block", f"--unit={timer(token)}", f"--on-active={seconds}s",
        "--timer-property=AccuracySec=1s", "--property=Type=oneshot", "--property=Restart=on-failure",
        "--property=RestartSec=5s", "--property=StartLimitIntervalSec=0", "--description=Undo a change to the ways in",
        *(f"--property={name}={value}" for name, value in BY_TIMER),
        f"--property=ReadWritePaths={writable(paths)}",
        str(PROGRAM), "undo", token, "--why", why,
    ]  # fmt: skip
