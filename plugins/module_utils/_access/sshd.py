# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""sshd as `slipway_ssh` wants it: a file in sshd_config.d, tried before it is written, and held to what sshd makes of it.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import fnmatch
import re
import stat
from collections.abc import Sequence
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._access import sshd_verdict, sshd_wanted
from ansible_collections.slipway.flask.plugins.module_utils._access.apply import (
    AccessError,
    Change,
    Context,
    File,
    Part,
)
from ansible_collections.slipway.flask.plugins.module_utils._access.sshd_config import (
    ConfigError,
    Configuration,
    Setting,
)
from ansible_collections.slipway.flask.plugins.module_utils._access.sshd_program import SERVICE, SOCKET, Program, run

HEADER = """\
# Managed by Ansible (slipway.flask.host_access): changes made here are overwritten.
# sshd takes the first value that it finds: a file that sorts before this one, 05-own.conf for example, has the last word.
"""
INCLUDE = "# Added by Ansible (slipway.flask.host_access).\n"
COMMENTED = "  # commented out by slipway.flask.host_access: {own} has the port"
SOCKET_HEADER = "# Managed by Ansible (slipway.flask.host_access): the port of slipway_ssh.\n"
FREE_FOR_ALL = 1024
"""From this port on, any account may listen (net.ipv4.ip_unprivileged_port_start)."""


class Sshd(Part):
    """The drop-in, the port, and ssh.socket where a host uses it.

    :param place: the folder with sshd_config; SYSTEMD: the one with the administrator's units; both differ in tests alone.
    """

    name = "sshd"

    def __init__(
        self, context: Context, place: Path = Path("/etc/ssh"), systemd: Path = Path("/etc/systemd/system")
    ) -> None:
        super().__init__(context)
        self.ssh = sshd_wanted.Ssh.of(context.asked.get("ssh") or {}, context.asked.get("never_ban") or ())
        self.main = place / "sshd_config"
        self.own = place / "sshd_config.d/10-slipway.conf"
        self.socket_file = systemd / "ssh.socket.d/10-slipway.conf"
        self.program = Program()
        self.ports: list[int] = []
        """Where sshd will listen; known after `changes`, and empty where there is no OpenSSH server."""
        self._files: list[File] = []
        self._by_socket = self._moves_socket = False

    def changes(self) -> Sequence[Change]:
        if not self.ssh.manage:
            return []
        if not self.program.path:
            self.warnings.append("There is no OpenSSH server on the host, so `slipway_ssh` changes nothing.")
            return []
        self._refuse_to_shut_out()
        if self.ssh.root_login == "off":
            self.closes.append("root")
        try:
            found = self._changes()
        except ConfigError as error:
            raise AccessError(str(error)) from error
        if not found:
            self.warnings.clear()
        return found

    def _changes(self) -> list[Change]:
        host = Configuration(self.main, {str(self.own): None})
        if host.text(str(self.main)) is None:
            raise AccessError(f"{self.main} is missing: `apt-get install --reinstall openssh-server` restores it.")
        can = self.program.defaults()
        changed = self._of_the_host(host)
        wanted = list(sshd_wanted.settings(self.ssh, can, host, self._keys(host, can), self._port(host)))
        changed[str(self.own)] = HEADER + "".join(f"{name} {value}\n" for name, value in wanted)
        final = Configuration(self.main, changed)
        if final.reached.get(str(self.own), ""):
            raise AccessError(
                f"{self.main} includes {self.own.parent} inside a Match block ({final.reached[str(self.own)]}), "
                "so it would not apply to everybody: move the Include line to the top of the file."
            )
        effective = self.program.effective(final)
        verdict = sshd_verdict.judge(self.ssh, wanted, effective, final, str(self.own), self.program.options)
        if self.context.asked.get("people"):
            verdict.problems += sshd_verdict.keys_elsewhere(effective, final)
        if verdict.problems:
            raise AccessError("\n".join(verdict.problems))
        self.warnings += verdict.notes
        self.ports = sshd_wanted.ports(effective)
        self._files = [File(path, text, self._mode(Path(path))) for path, text in changed.items()]
        self._files += self._of_the_socket()
        if self.ssh.port >= FREE_FOR_ALL:
            self.warnings.append(
                f"Any account on the host can listen on port {self.ssh.port} while sshd does not; "
                f"only root can use a port below {FREE_FOR_ALL}."
            )
        found = [change for file in self._files if (change := file.change())]
        self._moves_socket = any(change.path == str(self.socket_file) for change in found)
        if found and self.ssh.port and (other := self.program.taken(self.ssh.port)):
            raise AccessError(f"Port {self.ssh.port} is taken by {other}: choose another one for slipway_ssh.")
        return found

    def _refuse_to_shut_out(self) -> None:
        """See that somebody is left who can administrate the host; whether they really get in, a new login has to show.

        :raises AccessError: naming the key of `slipway_ssh`.
        """
        people = [str(person["name"]) for person in self.context.asked.get("people") or [] if person.get("sudo")]
        left = dict.fromkeys([self.context.user, *people])
        if self.ssh.root_login == "off":
            left.pop("root", None)
        if not left:
            raise AccessError(
                "`root_login: off` in slipway_ssh would leave nobody who can administer the host: give somebody an "
                "account with `sudo: true` in "
                "slipway_people first."
            )
        for person in self.context.asked.get("people") or []:
            if self.ssh.allow and not _allowed(person["name"], self.ssh.allow):
                self.warnings.append(
                    f"{person['name']} in slipway_people can't log in: they are not in `allow` of slipway_ssh."
                )
        if self.ssh.allow and not any(_allowed(name, self.ssh.allow) for name in left):
            raise AccessError(
                f"`allow` of slipway_ssh would leave nobody who can administer the host: add {' or '.join(left)} to it."
            )

    def apply(self) -> None:
        for file in self._files:
            file.write()
        self.program.check()
        for argv in self._restart():
            done = run(argv)
            if done.returncode:
                raise AccessError(f"`{' '.join(argv)}` failed: {done.stderr.strip()[-2000:]}")

    def undo_commands(self) -> Sequence[Sequence[str]]:
        return self._restart()

    def boot_commands(self) -> Sequence[Sequence[str]]:
        return [["systemctl", "daemon-reload"]] if self._moves_socket else []

    def _restart(self) -> list[list[str]]:
        """A restart and no reload: it has ended when the new settings hold, and open sessions go on (KillMode=process).

        One that systemd finds to be the fifth in ten seconds would leave the host without sshd, hence the first command.
        """
        return [["systemctl", "reset-failed", SERVICE], *self._start_again()]

    def _start_again(self) -> list[list[str]]:
        if self._moves_socket:  # a socket does not start while its service runs
            return [["systemctl", "daemon-reload"], ["systemctl", "stop", SERVICE], ["systemctl", "restart", SOCKET]]
        if self._by_socket:
            return [["systemctl", "try-restart", SERVICE]]
        return [["systemctl", "restart", SERVICE]]

    def _of_the_host(self, host: Configuration) -> dict[str, str | None]:
        """Return the files of the host's own that have to be changed: an Include is missing, or another port is set."""
        changed: dict[str, str | None] = {}
        for found in self._other_ports(host):
            lines = (changed.get(found.path) or host.text(found.path) or "").split("\n")
            lines[found.line - 1] = f"#{lines[found.line - 1]}{COMMENTED.format(own=self.own)}"
            changed[found.path] = "\n".join(lines)
        if str(self.own) not in Configuration(self.main, {str(self.own): ""}).reached:
            text = changed.get(str(self.main)) or host.text(str(self.main))
            changed[str(self.main)] = f"{INCLUDE}Include {self.own}\n\n{text}"
        for path, text in changed.items():
            if text and re.search("[\udc80-\udcff]", text):
                raise AccessError(f"{path} must be changed, but is not UTF-8: convert it first.")
        return changed

    def _other_ports(self, host: Configuration) -> list[Setting]:
        return [found for found in host.every("port") if self.ssh.port and found.value != str(self.ssh.port)]

    def _port(self, host: Configuration) -> int:
        """Return the port that our file has to name: what it named before, where none is asked for."""
        if self.ssh.port:
            return 0 if any(found.value == str(self.ssh.port) for found in host.every("port")) else self.ssh.port
        before = Configuration(self.main).text(str(self.own)) or ""
        found = re.search(r"^Port (\d+)$", before, re.MULTILINE)
        return int(found[1]) if found else 0

    def _keys(self, host: Configuration, can: sshd_wanted.Effective) -> list[sshd_wanted.HostKey]:
        """Return the host keys that are fit to be offered.

        :raises AccessError: when there is none.
        """
        paths = [found.value for found in host.every("hostkey")] or list(can.get("hostkey", ()))
        keys = [key for path in paths if (key := self.program.key(path)) and key.algorithms]
        if not keys:
            raise AccessError(
                f"None of the host's SSH keys can be used ({', '.join(paths)}): make one with `ssh-keygen -t ed25519 "
                f"-N '' -f /etc/ssh/ssh_host_ed25519_key`, and make sure that a HostKey line of {self.main} names it."
            )
        return sorted(keys, key=lambda key: key.kind)

    def _of_the_socket(self) -> list[File]:
        listens = self.program.socket_ports()
        self._by_socket = bool(listens)
        if not listens:
            return []
        self.ports = [self.ssh.port] if self.ssh.port else listens
        if not self.ssh.port:
            return []
        return [File(str(self.socket_file), f"{SOCKET_HEADER}[Socket]\nListenStream=\nListenStream={self.ssh.port}\n")]

    def _mode(self, path: Path) -> int:
        if path == self.own or not path.exists():
            return 0o600
        return stat.S_IMODE(path.stat().st_mode)


def _allowed(account: str, patterns: Sequence[str]) -> bool:
    """Return whether AllowUsers with PATTERNS lets ACCOUNT in, from some address."""
    return any(fnmatch.fnmatchcase(account, one.partition("@")[0]) for one in patterns)
