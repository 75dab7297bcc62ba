# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Nobody is locked out: each mistake that has cost people their host is made here, over SSH, and the host undoes it.

The plays are those of provision.yml that concern the ways in, without the packages of a site, which take a minute.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from helpers import ROOT, Host, Play, Project, wait_for

SECONDS = 10
"""After which the host undoes a change that it must undo by itself; the fewest that the role takes."""
ENOUGH_SECONDS = 300
"""For a change that is confirmed, or that is undone before that, on a machine however slow."""
PASSWORD = "correct horse battery staple"
APP = {
    "name": "harbour",
    "domains": ["harbour.test"],
    "source": {"path": str(ROOT / "sample_app")},
    "wsgi": "wsgi:app",
    "secrets": {"SECRET_KEY": "0f3a9c5be17d42868d1b7c1d6f0be2a9"},
}
PLAYBOOK = f"""\
- name: Set up the ways into the host
  hosts: web
  gather_facts: false
  become: true
  tasks:
    - ansible.builtin.import_tasks: {ROOT}/playbooks/tasks/preflight.yml
    - ansible.builtin.import_role: {{name: slipway.flask.host_access}}
      vars:
        host_access_people: "{{{{ slipway_people | default([]) }}}}"
        host_access_ssh: "{{{{ slipway_ssh | default({{}}) }}}}"
        host_access_bans: false # or the logins that are refused here would soon have us banned
        host_access_confirm_seconds: "{{{{ seconds }}}}"
    - ansible.builtin.command: id -un
      become: false
      changed_when: false
      register: who
    - ansible.builtin.debug:
        msg: "the play ends as {{{{ who.stdout }}}} on port {{{{ ansible_port | default(22) }}}}"
"""
STATE = r"""
cat /etc/passwd /etc/shadow /etc/group /etc/gshadow /etc/subuid
find /etc/ssh /etc/sudoers.d /etc/nftables* /home /root/.ssh -printf '%p %M %u:%g %l\n' 2>/dev/null | sort
find /etc/ssh /etc/sudoers.d /etc/nftables* /home /root/.ssh -type f -exec sha256sum {} + 2>/dev/null | sort
ss -Hltn | awk '{print $4}' | sort
systemctl is-active ssh.service
nft -s list ruleset 2>/dev/null | tr '\n' ' ' | sed 's/elements = {[^}]*}//g' | tr -s '[:space:]' ' '
true
"""
STUCK = """\
#!/bin/sh
# ssh of a controller that dies in the middle of its new login
case "$*" in *ControlPath=none*) touch {folder}/stuck; exec sleep 600;; esac
exec ssh "$@"
"""
CLOSED = """\
#!/bin/sh
# ssh through a provider's firewall that lets port 22 in
case "$*" in *Port=2222*) echo "ssh: connect to host vps1 port 2222: Connection timed out" >&2; exit 255;; esac
exec ssh "$@"
"""


class Ways:
    """A user's folder for one host, and what the host looks like."""

    def __init__(self, project: Project) -> None:
        self.project, self.host, self.folder = project, project.host, project.folder
        for name in ("ann", "bob", "new"):
            subprocess.run(
                ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(self.folder / name)], check=True
            )
        (self.folder / "ways.yml").write_text(PLAYBOOK)
        for name, text in (("stuck-ssh", STUCK.format(folder=self.folder)), ("closed-ssh", CLOSED)):
            (self.folder / name).write_text(text)
            (self.folder / name).chmod(0o755)

    def key(self, name: str) -> str:
        return (self.folder / f"{name}.pub").read_text().strip()

    def person(self, name: str, *keys: str, **more: Any) -> dict[str, Any]:
        return {"name": name, "keys": [self.key(key) for key in keys or (name,)], **more}

    def write(
        self, people: list[dict[str, Any]], ssh: Mapping[str, Any], user: str, seconds: int, **machine: Any
    ) -> None:
        self.project.write(
            {"slipway_people": people, "slipway_ssh": dict(ssh), "slipway_apps": [APP], "seconds": seconds}
        )
        inventory = yaml.safe_load((self.folder / "hosts.yml").read_text())
        variables = inventory["web"]["hosts"][self.host.name]
        variables["ansible_user"] = user
        if user != "root":
            variables["ansible_ssh_private_key_file"] = str(self.folder / user)
        variables.update(machine)
        (self.folder / "hosts.yml").write_text(yaml.safe_dump(inventory))

    def play(
        self, people: list[dict[str, Any]], user: str = "root", seconds: int = ENOUGH_SECONDS, ssh: Mapping[str, Any] | None = None,
        **machine: Any,
    ) -> Play:  # fmt: skip
        """Run the play as USER, over connections of its own, with variables of the MACHINE in the inventory."""
        self.write(people, ssh or {}, user, seconds, **machine)
        return self.project.play(str(self.folder / "ways.yml"), environment=self.own_sockets())

    def good(self, *arguments: Any, **named: Any) -> Play:
        done = self.play(*arguments, **named)
        assert done.code == 0, done.output
        return done

    def own_sockets(self) -> dict[str, str]:
        """Close what is left of earlier runs' connections: each play logs in anew."""
        for socket in Path(self.project.sockets).iterdir():
            subprocess.run(
                ["ssh", "-o", f"ControlPath={socket}", "-O", "exit", "none"], capture_output=True, check=False
            )
        return {}

    def login(self, user: str, port: int = 22, key: str = "") -> bool:
        """Tell whether USER gets in, with a connection of its own."""
        facts = self.host.facts
        argv = ["ssh", "-i", str(self.folder / (key or user)), "-p", str(port), "-o", "BatchMode=yes",
                "-o", "IdentitiesOnly=yes", "-o", "ControlPath=none", "-o", f"HostKeyAlias={self.host.address}",
                "-o", f"UserKnownHostsFile={facts['known_hosts']}", f"{user}@{self.host.address}", "true"]  # fmt: skip
        return subprocess.run(argv, capture_output=True, timeout=120, check=False).returncode == 0

    def state(self) -> str:
        return self.host.run(STATE)

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = yaml.safe_load(self.host.run("slipway-guard status"))
        return found

    def settled(self) -> dict[str, Any]:
        """Wait until nothing waits for a confirmation; return how the last change ended."""
        wait_for(lambda: not self.status()["armed"], 120, every=0.5)
        last: dict[str, Any] = self.status()["last"]
        return last

    def arm(self, people: list[dict[str, Any]], seconds: int) -> subprocess.Popen[str]:
        """Return a play that is stuck in its new login: the host waits for the confirmation."""
        (self.folder / "stuck").unlink(missing_ok=True)
        self.write(people, {}, "root", seconds, ansible_ssh_executable=str(self.folder / "stuck-ssh"))
        running = self.project.start(str(self.folder / "ways.yml"), environment=self.own_sockets())
        wait_for(lambda: (self.folder / "stuck").exists() or running.poll() is not None, 120)
        assert running.poll() is None, running.communicate()[0]
        return running


@contextlib.contextmanager
def unit_line(host: Host, line: str) -> Iterator[None]:
    """Give ssh.service of HOST a further LINE, of the host's own."""
    path = "/etc/systemd/system/ssh.service.d/own.conf"
    host.run(f"mkdir -p {Path(path).parent}; cat >{path} <<'END'\n[Service]\n{line}\nEND\nsystemctl daemon-reload")
    try:
        yield
    finally:
        host.run(f"rm {path}; systemctl daemon-reload")


def kill(running: subprocess.Popen[str]) -> None:
    """Kill a controller with all that it has started: Ansible's workers have process groups of their own."""
    doomed = [running.pid]
    parents = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parents[int(status.parent.name)] = int(status.read_text().rpartition(")")[2].split()[1])
    for process in doomed:
        doomed += [child for child, parent in parents.items() if parent == process]
    for process in doomed:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    running.communicate()


@pytest.fixture(scope="module")
def ways(project: Project) -> Ways:
    return Ways(project)


@pytest.fixture
def let_in(ways: Ways) -> Iterator[str]:
    """Ann, with sudo, and Bob have accounts; afterwards the host must be as it was before the test."""
    ways.good([ways.person("ann", sudo=True), ways.person("bob")])
    before = ways.state()
    yield before
    assert ways.settled()["failures"] == []
    assert ways.state() == before
    assert ways.login("ann")


def test_root_lets_a_person_in_who_goes_on_from_there(ways: Ways) -> None:
    people = [ways.person("ann", sudo=True), ways.person("bob")]
    ways.good(people)
    assert ways.login("ann") and ways.login("bob")
    again = ways.good(people, user="ann")
    assert again.count("changed") == 0, again.output
    assert "the play ends as ann on port 22" in again.output
    assert ways.host.run("runuser -u bob -- sudo -n id -u || echo refused").endswith("refused")
    assert ways.host.run("stat -c '%U %a' /home/ann /home/ann/.ssh /home/ann/.ssh/authorized_keys").split() == [
        "ann", "700", "ann", "700", "ann", "600",
    ]  # fmt: skip


@pytest.mark.once("13")
def test_keys_are_exactly_those_of_the_list(ways: Ways, let_in: str) -> None:
    ways.host.run(f"echo '{ways.key('new')}' | tee -a /home/bob/.ssh/authorized_keys >/home/bob/.ssh/authorized_keys2")
    assert ways.login("bob", key="new")
    done = ways.good([ways.person("ann", sudo=True), ways.person("bob")])
    assert done.count("changed") == 1, done.output
    assert not ways.login("bob", key="new")


@pytest.mark.once("13")
def test_a_person_who_leaves_the_list_is_out_at_once(ways: Ways) -> None:
    host = ways.host
    ways.good([ways.person("ann", sudo=True), ways.person("bob", sudo=True)])
    host.run("useradd --create-home guest; useradd --system shop; echo kept >/home/bob/note; chown bob: /home/bob/note")
    host.run("for user in bob guest shop; do runuser -u $user -- setsid sleep 1000 >/dev/null 2>&1 & done; sleep 0.2")
    done = ways.good([ways.person("ann", sudo=True)], user="ann")
    assert done.count("changed") == 1, done.output
    assert not ways.login("bob")
    assert host.run("ps -o stat=,user= -C sleep | grep -v ^Z | awk '{print $2}' | sort -u").split() == ["guest", "shop"]
    assert host.run("cat /home/bob/note; passwd -S bob | cut -d' ' -f2").split() == ["kept", "L"]
    assert host.run("runuser -u bob -- sudo -n id -u 2>/dev/null || echo refused").endswith("refused")
    assert host.run("su -s /bin/sh shop -c 'kill -0 -1' && echo untouched") == "untouched"
    host.run("pkill sleep; userdel --remove guest; userdel shop")
    by_hand = f"usermod --expiredate '' --password '*' bob; echo '{ways.key('bob')}' >/home/bob/.ssh/authorized_keys"
    host.run(f"{by_hand}; chown bob: /home/bob/.ssh/authorized_keys")
    assert ways.login("bob"), "let in by hand"
    again = ways.good([ways.person("ann", sudo=True)], user="ann")
    assert again.count("changed") == 1, again.output
    assert not ways.login("bob")
    ways.good([ways.person("ann", sudo=True), ways.person("bob")])
    assert ways.login("bob"), "who comes back is let in again"


@pytest.mark.once("12")
def test_sudo_with_a_password_confirms_a_change_as_well(ways: Ways) -> None:
    hashed = subprocess.run(
        ["openssl", "passwd", "-6", "-stdin"], input=PASSWORD, capture_output=True, text=True, check=True
    )
    people = [ways.person("ann", sudo=True, password_hash=hashed.stdout.strip()), ways.person("bob")]
    done = ways.good(people)
    assert hashed.stdout.strip() not in done.output
    assert not ways.host.ok("runuser -u ann -- sudo -n true")
    changed = ways.good([people[0], ways.person("bob", "new")], user="ann", ansible_become_password=PASSWORD)
    assert changed.count("changed") == 1, changed.output
    assert ways.login("bob", key="new")
    refused = ways.play(people, user="ann", ansible_become_password="wrong")
    assert refused.code != 0 and ways.login("bob", key="new")
    assert PASSWORD not in ways.host.run("journalctl --no-pager --quiet; cat /var/lib/slipway/guard/last.json")
    assert hashed.stdout.strip() not in ways.host.run(
        "journalctl --no-pager --quiet; cat /var/lib/slipway/guard/last.json"
    )


UNDONE = "The host has undone the change and is as before."


@pytest.mark.once("13")
def test_a_typing_error_in_the_only_key_is_undone(ways: Ways, let_in: str) -> None:
    done = ways.play([ways.person("ann", "new", sudo=True), ways.person("bob"), ways.person("new")], user="ann")
    assert done.code != 0
    assert "as ann: " in done.output and "Permission denied (publickey" in done.output, done.output
    assert UNDONE in done.output, done.output


@pytest.mark.once("12")
def test_a_person_who_takes_sudo_from_themselves_keeps_it(ways: Ways, let_in: str) -> None:
    done = ways.play([ways.person("ann"), ways.person("bob")], user="ann", seconds=SECONDS)
    assert done.code != 0 and UNDONE in done.output, done.output


@pytest.mark.once("12")
def test_allow_users_without_oneself_is_undone(ways: Ways, let_in: str) -> None:
    ways.host.run("echo 'AllowUsers root' >/etc/ssh/sshd_config.d/01-own.conf; systemctl restart ssh")
    before = ways.state()
    done = ways.play([ways.person("ann", sudo=True), ways.person("bob")], ssh={"root_login": "off"})
    after = ways.state()
    ways.host.run("rm /etc/ssh/sshd_config.d/01-own.conf; systemctl restart ssh")
    assert done.code != 0
    assert "as ann: " in done.output and "Permission denied (publickey" in done.output, done.output
    assert UNDONE in done.output, done.output
    assert after == before


@pytest.mark.once("13")
def test_an_sshd_that_does_not_start_is_undone(ways: Ways, let_in: str) -> None:
    """The settings are right, the port is free, and still something of the host's own keeps sshd from starting."""
    with unit_line(ways.host, 'ExecStartPre=/bin/sh -c "! grep -rq 2222 /etc/ssh/sshd_config.d"'):
        done = ways.play([ways.person("ann", sudo=True), ways.person("bob")], ssh={"port": 2222})
        after = ways.state()
    assert done.code != 0
    assert "`systemctl restart ssh.service` failed" in done.output, done.output
    assert "everything is as it was" in done.output, done.output
    assert after == let_in


@pytest.mark.once("12")
def test_a_port_that_a_firewall_elsewhere_closes_is_undone(ways: Ways, let_in: str) -> None:
    people = [ways.person("ann", sudo=True), ways.person("bob")]
    done = ways.play(people, ssh={"port": 2222}, ansible_ssh_executable=str(ways.folder / "closed-ssh"))
    assert done.code != 0
    assert "port 2222" in done.output and "timed out" in done.output, done.output
    assert UNDONE in done.output, done.output


@pytest.mark.once("13")
def test_a_rule_that_drops_the_controller_is_undone(ways: Ways, let_in: str) -> None:
    """Also the session that is open hears nothing any more, so that the host alone can put it right."""
    script = (
        "ip route del blackhole {0} 2>/dev/null; ! grep -rq 2222 /etc/ssh/sshd_config.d || ip route add blackhole {0}"
    )
    controller = ways.host.run("ip -4 route show default | awk '{print $3}'")
    with unit_line(ways.host, f"ExecStartPost=/bin/sh -c {shlex.quote(script.format(controller))}"):
        done = ways.play([ways.person("ann", sudo=True), ways.person("bob")], ssh={"port": 2222}, seconds=SECONDS)
    assert done.code != 0
    assert "the change cut the connection" in done.output or "the connection broke off" in done.output, done.output
    assert UNDONE in done.output, done.output
    assert ways.status()["last"]["why"] == f"no new login has confirmed it within {SECONDS} s"


@pytest.mark.once("13")
def test_a_controller_that_dies_leaves_a_host_that_undoes_the_change(ways: Ways, let_in: str) -> None:
    running = ways.arm([ways.person("ann", "new", sudo=True), ways.person("eve", "new")], 3 * SECONDS)
    assert ways.state() != let_in, "the change is made"
    kill(running)
    assert ways.settled()["why"] == f"no new login has confirmed it within {3 * SECONDS} s"
    assert ways.state() == let_in


@pytest.mark.once("13")
def test_a_call_that_is_killed_half_way_is_undone(ways: Ways, let_in: str) -> None:
    host = ways.host
    host.run("mv /usr/sbin/chpasswd /usr/sbin/chpasswd.real; printf '#!/bin/sh\\nkill -9 $PPID\\n' >/usr/sbin/chpasswd")
    host.run("chmod 0755 /usr/sbin/chpasswd")
    done = ways.play([ways.person("ann", sudo=True), ways.person("bob"), ways.person("eve", "new")])
    host.run("mv /usr/sbin/chpasswd.real /usr/sbin/chpasswd")
    assert done.code != 0 and "ended without an answer" in done.output, done.output
    ways.settled()
    assert not host.ok("id eve")


@pytest.mark.once("13")
def test_a_full_disk_keeps_the_change_from_being_made(ways: Ways, let_in: str) -> None:
    ways.host.run("mount -t tmpfs -o size=64k,mode=0755 none /var/lib/slipway")
    done = ways.play([ways.person("ann", "new", sudo=True)])
    ways.host.run("umount /var/lib/slipway")
    assert done.code != 0
    assert "can't be armed, so nothing was changed: [Errno 28] No space left on device" in " ".join(done.output.split())
    assert ways.state() == let_in


@pytest.mark.once("12")
def test_neither_an_app_nor_a_person_without_sudo_moves_the_guard(ways: Ways, let_in: str) -> None:
    host = ways.host
    running = ways.arm([ways.person("ann", sudo=True)], 600)
    token = ways.status()["armed"][0]["token"]
    commands = [f"slipway-guard confirm {token}", "slipway-guard undo", "slipway-guard status", "slipway-guard end ann",
                "ls /var/lib/slipway/guard", f"systemctl stop slipway-guard-{token}.timer"]  # fmt: skip
    asked = [(user, command) for user in ("nobody", "bob") for command in commands]
    path = "PATH=$PATH:/usr/local/sbin:/usr/sbin"
    worked = [(user, command) for user, command in asked if host.ok(f"runuser -u {user} -- sh -c '{path} {command}'")]
    still = [change["token"] for change in ways.status()["armed"]]
    kill(running)
    host.run(f"slipway-guard undo {token}")
    assert (worked, still) == ([], [token])
    assert ways.state() == let_in


@pytest.mark.once("12")
def test_links_in_a_home_lead_root_nowhere_and_stop_nothing(ways: Ways, let_in: str) -> None:
    host, root = ways.host, ways.host.run("sha256sum /root/.ssh/authorized_keys")
    host.run("runuser -u bob -- sh -c 'cd; rm -r .ssh; ln -s /root/.ssh .ssh'")
    ways.good([ways.person("ann", sudo=True), ways.person("bob")])
    assert ways.login("bob")
    host.run("runuser -u bob -- sh -c 'cd; rm -r .ssh; ln -s /root/.ssh .ssh'")
    refused = ways.play([ways.person("ann", "new", sudo=True), ways.person("bob")], user="ann")
    assert refused.code != 0 and UNDONE in refused.output, refused.output
    assert host.run("readlink /home/bob/.ssh") == "/root/.ssh"
    host.run("runuser -u bob -- sh -c 'cd; rm .ssh; mkdir -p .ssh/authorized_keys'")
    done = ways.good([ways.person("ann", "ann", "new", sudo=True), ways.person("bob")])
    host.run("rm -r /home/bob/.ssh")
    assert "bob's keys can't be changed" in done.output, done.output
    assert ways.login("ann", key="new")
    assert host.run("sha256sum /root/.ssh/authorized_keys") == root
    ways.good([ways.person("ann", sudo=True), ways.person("bob")])
    host.run("chmod 0700 /home/bob/.ssh")


def test_a_restart_in_between_undoes_the_change_before_anybody_gets_in(ways: Ways, let_in: str) -> None:
    kill(ways.arm([ways.person("ann", "new", sudo=True), ways.person("eve", "new")], 600))
    ways.host.stop()
    ways.host.up()
    assert ways.settled()["why"] == "the host was restarted before a new login had confirmed it"
    times = ways.host.run(
        "systemctl show --property=ExecMainExitTimestampMonotonic --value slipway-guard.service;"
        "systemctl show --property=ExecMainStartTimestampMonotonic --value ssh.service"
    ).split()
    assert 0 < int(times[0]) <= int(times[1]), "it was undone before sshd started"


def test_another_port_and_no_root_login_in_one_run_and_the_inventory_follows_later(ways: Ways) -> None:
    people, ssh = [ways.person("ann", sudo=True)], {"port": 2222, "root_login": "off"}
    done = ways.good(people, ssh=ssh, ansible_ssh_common_args=common(ways))
    assert "the play ends as ann on port 2222" in done.output, done.output
    assert ways.host.run("ss -Hltn sport = :22") == ""
    stale = ways.good(people, ssh=ssh, ansible_ssh_common_args=common(ways))
    assert stale.count("changed") == 0, stale.output
    assert "write ansible_port: 2222 and ansible_user: ann into the inventory" in " ".join(stale.output.split())
    assert "the play ends as ann on port 2222" in stale.output
    followed = ways.good(people, user="ann", ssh=ssh, ansible_port=2222)
    assert followed.count("changed") == 0 and "into the inventory" not in followed.output, followed.output


def common(ways: Ways) -> str:
    """Root's key and Ann's, as an agent would offer them."""
    return f"-o UserKnownHostsFile={ways.host.facts['known_hosts']} -i {ways.folder / 'ann'}"
