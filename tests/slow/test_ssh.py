# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""SSH as an attacker, an owner and a provider's image know it: from outside, on a host as a provider leaves it.

The tests run in the file's order on one host.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from helpers import TOOLS, Host, Play, Project, wait_for

pytestmark = pytest.mark.once("13")

PASSWORD = "correct horse battery staple"
PORT = 2222
DROP_IN = "/etc/ssh/sshd_config.d/10-slipway.conf"
PROVIDER = f"""
echo 'PasswordAuthentication yes' >/etc/ssh/sshd_config.d/50-cloud-init.conf
sed -i '1i Port 22' /etc/ssh/sshd_config
cat >>/etc/ssh/sshd_config <<'END'
PermitRootLogin yes
MaxAuthTries 20
Match User backup
    AllowTcpForwarding yes
END
echo 'root:{PASSWORD}' | chpasswd
systemctl restart ssh.service
"""
"""Lines of cloud-init and of the images of several providers, and a Match of the owner's."""
KEYS_ONLY = "Permission denied (publickey)."
SECONDS = 60


class Shell:
    """An SSH client elsewhere, with root's key."""

    def __init__(self, host: Host, folder: Path) -> None:
        self.host, self.folder = host, folder
        ask = folder / "ask"
        ask.write_text(f"#!/bin/sh\necho '{PASSWORD}'\n")
        ask.chmod(0o700)
        self.environment = {**os.environ, "SSH_ASKPASS": str(ask), "SSH_ASKPASS_REQUIRE": "force", "DISPLAY": ":0"}

    def ssh(self, *arguments: str, port: int = PORT) -> subprocess.CompletedProcess[str]:
        options = ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]
        command = ["ssh", "-F", "none", "-i", str(self.host.facts["key"]), *options, "-p", str(port), *arguments]
        return subprocess.run(
            command, env=self.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
            timeout=SECONDS,
        )  # fmt: skip

    def as_root(self, *options: str, command: str = "echo in", port: int = PORT) -> subprocess.CompletedProcess[str]:
        return self.ssh(*options, f"root@{self.host.address}", command, port=port)

    def by_password(self, port: int = PORT) -> subprocess.CompletedProcess[str]:
        return self.as_root("-o", "PubkeyAuthentication=no", "-o", "NumberOfPasswordPrompts=1", port=port)


class Owner:
    """Runs the role alone, over the port that is SSH's now."""

    def __init__(self, project: Project) -> None:
        self.project, self.port = project, 22
        self.play = project.folder / "access.yml"
        role = {"hosts": "web", "gather_facts": False, "roles": ["slipway.flask.host_access"]}
        self.play.write_text(yaml.safe_dump([role]))

    def wants(self, ssh: str = "{}", arguments: str = "") -> Play:
        # A controller knows a host by its address, whatever the port.
        alias = f"-o HostKeyAlias={self.project.host.address}"
        self.project.write(
            {
                # What would slow these tests' many logins down, or hide what sshd itself says.
                "host_access_firewall": False,
                "host_access_bans": False,
                "host_access_ssh": yaml.safe_load(ssh),
                "ansible_port": self.port,
                "ansible_ssh_extra_args": f"{alias} {arguments}",
            }
        )
        return self.project.play(str(self.play))


@pytest.fixture(scope="module")
def owner(project: Project) -> Owner:
    project.host.run(PROVIDER)
    return Owner(project)


@pytest.fixture(scope="module")
def shell(host: Host, owner: Owner, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    return Shell(host, tmp_path_factory.mktemp("shell"))


@pytest.fixture(autouse=True)
def known(host: Host, request: pytest.FixtureRequest) -> Iterator[None]:
    """Show what sshd said when a test fails: its journal is under no facility that the other reports show."""
    yield
    report = host.ask("journalctl --no-pager --lines 30 --unit ssh.service; ss -Hltnp; slipway-guard status").stdout
    request.node.add_report_section("call", "sshd of the host", report)


def settings(host: Host) -> str:
    """Return all that decides about SSH on the host."""
    return host.run("cat /etc/ssh/sshd_config /etc/ssh/sshd_config.d/* /etc/default/ssh; ss -Hltn | sort")


def test_a_controller_that_the_new_settings_would_shut_out_leaves_the_host_as_it_was(
    host: Host, owner: Owner, shell: Shell
) -> None:
    assert shell.by_password(port=22).stdout == "in\n", "the provider's image lets anybody try passwords"
    before = settings(host)
    done = owner.wants(arguments="-o KexAlgorithms=curve25519-sha256")
    assert done.code and "set `older_clients: true` in slipway_ssh" in done.output, done.output
    assert "The host has undone the change and is as before." in done.output, done.output
    assert settings(host) == before
    assert shell.by_password(port=22).stdout == "in\n"


def test_a_line_of_the_host_s_own_that_would_win_is_named_and_nothing_is_changed(host: Host, owner: Owner) -> None:
    host.run("echo 'PasswordAuthentication yes' >/etc/ssh/sshd_config.d/01-own.conf")
    before = settings(host)
    done = owner.wants()
    assert done.code and "/etc/ssh/sshd_config.d/01-own.conf, line 1, comes before" in done.output, done.output
    assert settings(host) == before
    host.run("rm /etc/ssh/sshd_config.d/01-own.conf")


def test_the_port_changes_in_one_run_and_the_next_changes_nothing(host: Host, owner: Owner, shell: Shell) -> None:
    done = owner.wants(f"{{port: {PORT}}}")
    assert done.code == 0, done.output
    owner.port = PORT
    assert shell.as_root().stdout == "in\n"
    assert "Connection refused" in shell.as_root(port=22).stderr
    again = owner.wants(f"{{port: {PORT}}}")
    assert (again.code, again.count("changed")) == (0, 0), again.output


def test_passwords_are_refused_and_keys_are_not(shell: Shell) -> None:
    assert KEYS_ONLY in shell.by_password().stderr
    assert shell.as_root().stdout == "in\n"


def test_ssh_audit_finds_nothing_to_fail_or_warn_about(host: Host) -> None:
    command = [
        str(TOOLS / "ssh-audit"),
        "--no-colors",
        "--level=warn",
        "--skip-rate-test",
        "-p",
        str(PORT),
        host.address,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS)
    assert done.returncode == 0, done.stdout
    assert "[fail]" not in done.stdout and "[warn]" not in done.stdout


def test_sshd_itself_has_no_warning(host: Host) -> None:
    assert host.run("sshd -t 2>&1") == ""
    said = host.run(
        "journalctl --quiet --no-pager --output cat --unit ssh.service --grep '^/etc/ssh|(deprecated|unsupported) option' || true"
    )
    assert said == ""


WEAK = [
    ("KexAlgorithms=ecdh-sha2-nistp256", "no matching key exchange method found"),
    ("HostKeyAlgorithms=ecdsa-sha2-nistp256", "no matching host key type found"),
]


@pytest.mark.parametrize(("option", "said"), WEAK)
def test_a_client_that_knows_weak_algorithms_alone_is_turned_away(shell: Shell, option: str, said: str) -> None:
    assert said in shell.as_root("-o", option).stderr


def test_only_the_agent_is_forwarded(shell: Shell, host: Host) -> None:
    with subprocess.Popen(["ssh-agent", "-D", "-a", str(shell.folder / "agent")], stdout=subprocess.DEVNULL) as agent:
        try:
            wait_for((shell.folder / "agent").exists, SECONDS)
            shell.environment["SSH_AUTH_SOCK"] = str(shell.folder / "agent")
            seen = shell.as_root("-A", command='test -S "$SSH_AUTH_SOCK" && echo forwarded')
        finally:
            agent.terminate()
            del shell.environment["SSH_AUTH_SOCK"]
    assert seen.stdout == "forwarded\n", seen.stderr
    assert "prohibited" in shell.as_root("-W", f"127.0.0.1:{PORT}", command="").stderr
    refused = shell.as_root("-o", "ExitOnForwardFailure=yes", "-R", "127.0.0.1:9999:127.0.0.1:9")
    assert "in" not in refused.stdout and "forwarding failed" in refused.stderr


def test_the_owner_s_match_still_holds(host: Host) -> None:
    asked = "-C user=backup,host=x,addr=192.0.2.1,laddr=192.0.2.2,lport=22"
    assert "allowtcpforwarding yes" in host.run(f"sshd -T {asked}").splitlines()
    assert "allowtcpforwarding no" in host.run("sshd -T").splitlines()


def test_a_host_where_systemd_listens_in_sshd_s_place_gets_its_port_as_well(
    host: Host, owner: Owner, shell: Shell
) -> None:
    host.run("systemctl disable --quiet ssh.service && systemctl stop ssh.service")
    host.run("mkdir -p /etc/systemd/system/ssh.socket.d && systemctl enable --quiet ssh.socket")
    host.run(
        f"printf '[Socket]\\nListenStream=\\nListenStream={PORT}\\n' >/etc/systemd/system/ssh.socket.d/05-own.conf"
    )
    host.run("systemctl daemon-reload && systemctl start ssh.socket")
    done = owner.wants("{port: 2200}")
    assert done.code == 0, done.output
    owner.port = 2200
    assert shell.as_root(port=2200).stdout == "in\n"
    assert "Connection refused" in shell.as_root(port=PORT).stderr
    assert KEYS_ONLY in shell.by_password(port=2200).stderr
    again = owner.wants("{port: 2200}")
    assert (again.code, again.count("changed")) == (0, 0), again.output
    assert re.search(r":2200\b", host.run("ss -Hltn"))
