# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Addresses that keep failing are banned for a while, by fail2ban: at sshd, and where nginx refuses one request after another.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import grp
import os
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._access import firewall_look as look
from ansible_collections.slipway.flask.plugins.module_utils._access.apply import (
    COMMAND_SECONDS,
    AccessError,
    Change,
    Context,
    File,
    Part,
)
from ansible_collections.slipway.flask.plugins.module_utils._access.firewall_rules import LOGIN_DAYS
from ansible_collections.slipway.flask.plugins.module_utils._access.logins import FOLDER as LOGINS

CLIENT = "/usr/bin/fail2ban-client"
UNIT = "fail2ban.service"
JAILS = "/etc/fail2ban/jail.d/slipway.conf"
SSHD_FILTER = "/etc/fail2ban/filter.d/slipway-sshd.conf"
NGINX_FILTER = "/etc/fail2ban/filter.d/slipway-nginx.conf"
FORGET = "/etc/tmpfiles.d/slipway-logins.conf"
HEADER = "# Managed by Ansible (slipway.flask.host_access).\n"
OTHERS = ("crowdsec.service", "sshguard.service")
START_SECONDS = 60
"""How long the server may take to answer on a slow host; it is there in one second."""

FORGET_TEXT = (
    f"{HEADER}# The addresses of logins are forgotten after a while.\nd {LOGINS} 0700 root root {LOGIN_DAYS}d\n"
)
SSHD_FILTER_TEXT = f"""\
{HEADER}\
# One failure per connection that ended without a login; and one per wrong password. A name that somebody logs in with may
# be any text: what comes before the address takes as much as it can, so that the address is always sshd's own.
# (In the modes ddos, extra and aggressive of fail2ban's own filter, the name "x 203.0.113.9 on" bans 203.0.113.9; in the
# mode normal, a host that takes no passwords sees no failures for names that exist.)
[Definition]
prefregex = ^\\s*\\S+ sshd(?:-session)?\\[\\d+\\]: <F-CONTENT>.+</F-CONTENT>$
failregex = ^(?:Connection (?:closed|reset) by|Disconnected from) (?:authenticating|invalid) user .* <ADDR> port \\d+ \\[preauth\\]$
            ^Disconnecting (?:authenticating|invalid) user .* <ADDR> port \\d+: Too many authentication failures \\[preauth\\]$
            ^Failed (?:password|keyboard-interactive/pam) for .* from <ADDR> port \\d+ ssh2$
ignoreregex =
"""
NGINX_FILTER_TEXT = f"""\
{HEADER}\
# Lines of nginx_tls_refused_log: time, address, status; nothing in them is of the visitor's making.
[Definition]
datepattern = ^%%Y-%%m-%%dT%%H:%%M:%%S%%z
failregex = ^\\s*<ADDR> (?:400|401|429)$
ignoreregex =
"""


def jails_text(never: Sequence[str], ssh_ports: Sequence[int], nginx_log: str) -> str:
    """Return the jails, which leave the addresses and networks of NEVER alone; no NGINX_LOG, no jail for nginx.

    A ban closes the ports of what failed, and no others: several people can have one address.
    """
    common = f"""\
usedns = no
ignoreip = {" ".join(["127.0.0.0/8", "::1", *never])}
# Addresses that somebody has logged in from of late, Ansible's own among them.
ignorecommand = /usr/bin/test -e {LOGINS}/<ip>
ignorecache = key="<ip>", max-count=1000, max-time=60
# 10 minutes, and twice as long each time it comes back, a week at most.
bantime = 10m
bantime.increment = true
bantime.maxtime = 1w
banaction = nftables
"""
    text = f"""{HEADER}# Your own settings go into /etc/fail2ban/jail.local, which is read after this file.
[sshd]
enabled = true
filter = slipway-sshd
backend = systemd
# Only what root's processes say: anybody on the host can write "sshd" before a line of the journal.
journalmatch = SYSLOG_IDENTIFIER=sshd _UID=0 + SYSLOG_IDENTIFIER=sshd-session _UID=0
port = {",".join(map(str, ssh_ports))}
maxretry = 5
findtime = 10m
{common}"""
    if nginx_log:
        text += f"""
[slipway-nginx]
enabled = true
filter = slipway-nginx
backend = polling
logpath = {nginx_log}
port = 80,443
protocol = tcp,udp
maxretry = 100
findtime = 5m
{common}"""
    return text


class Bans(Part):
    """SSH_PORTS tells where sshd will listen, once its part has looked; nothing, where that one leaves sshd alone."""

    name = "bans"

    def __init__(self, context: Context, ssh_ports: Callable[[], Sequence[int]] = tuple) -> None:
        super().__init__(context)
        self.ssh_ports = ssh_ports
        self.asked = context.asked.get("bans") or {}
        self.files: list[File] = []
        self.log = ""
        self.on = False

    def changes(self) -> Sequence[Change]:
        if not self.asked:
            return []
        if self.asked["mode"] == "off":
            return self._changed([File(path, None) for path in (JAILS, SSHD_FILTER, NGINX_FILTER, FORGET)])
        if not Path(JAILS).exists() and (other := next((unit for unit in OTHERS if _active(unit)), "")):
            self.warnings.append(
                f"{other.removesuffix('.service')} already bans addresses on this host, so fail2ban is not "
                "set up. Set `slipway_bans: false` if that is intended"
            )
            return []
        if not os.access(CLIENT, os.X_OK) and not self.context.check:
            raise AccessError(
                "fail2ban is not installed on this host: install the packages fail2ban and python3-systemd"
            )
        self.on = True
        # Where nginx isn't installed there is nothing to read, and fail2ban does not start without its files.
        self.log = self.asked["nginx_log"] if Path(self.asked["nginx_log"]).parent.is_dir() else ""
        ports = self.ssh_ports() or look.ssh_ports()
        found = self._changed([
            File(JAILS, jails_text(self.context.asked.get("never_ban") or [], ports, self.log), 0o600),
            File(SSHD_FILTER, SSHD_FILTER_TEXT),
            File(NGINX_FILTER, NGINX_FILTER_TEXT if self.log else None),
            File(FORGET, FORGET_TEXT),
        ])  # fmt: skip
        if not found and not _active(UNIT):
            found.append(Change(f"{UNIT} started"))
        return found

    def _changed(self, files: Sequence[File]) -> list[Change]:
        self.files = list(files)
        return [change for file in files if (change := file.change())]

    def apply(self) -> None:
        for file in self.files:
            file.write()
        if not self.on:
            self._leave()
            return
        self._make_log()
        self._do(CLIENT, "--test")
        self._do("systemctl", "enable", "--quiet", UNIT)
        if _active(UNIT):
            self._do(CLIENT, "reload")
            return
        self._do("systemctl", "restart", UNIT)
        until = time.monotonic() + START_SECONDS
        while not look.run(CLIENT, "status", "sshd"):
            if time.monotonic() > until:
                raise AccessError(
                    f"{UNIT} does not answer: {look.run('journalctl', '-u', UNIT, '-n', '10', '-o', 'cat')}"
                )
            time.sleep(0.2)

    def _leave(self) -> None:
        """Let fail2ban go on with the jails of somebody else's; there are none but Debian's own unless somebody wrote some."""
        jails = Path(JAILS).parent
        others = {path.name for path in jails.glob("*")} - {"defaults-debian.conf"}
        if not others and not (jails.parent / "jail.local").exists():
            self._do("systemctl", "disable", "--quiet", "--now", UNIT)
        elif _active(UNIT):
            self._do(CLIENT, "reload")

    def _make_log(self) -> None:
        """Make the log that nginx will write: as Debian's logrotate makes the others."""
        if self.log and not Path(self.log).exists():
            handle = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o640)
            try:
                os.fchown(handle, 0, grp.getgrnam("adm").gr_gid)
            finally:
                os.close(handle)

    @staticmethod
    def _do(*argv: str) -> None:
        done = subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=COMMAND_SECONDS
        )
        if done.returncode:
            said = (done.stderr.strip() or done.stdout.strip())[-1500:]
            raise AccessError(f"`{' '.join(argv)}` failed: {said}")

    def undo_commands(self) -> Sequence[Sequence[str]]:
        if not _active(UNIT):
            return [["systemctl", "stop", UNIT]]
        return [["systemctl", "enable", "--quiet", UNIT], ["systemctl", "restart", UNIT]]


def _active(unit: str) -> bool:
    return bool(look.run("systemctl", "is-active", unit))
