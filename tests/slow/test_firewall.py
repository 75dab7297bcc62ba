# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Firewall and bans as somebody on another host meets them, beside rules of Docker's, WireGuard's and somebody's own."""

from __future__ import annotations

import re
import shlex
import socket
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
import yaml
from conftest import machine
from helpers import Host, Play, Project, wait_for

pytestmark = pytest.mark.once("13")

DOMAIN = "walled.example.org"
WAIT_SECONDS = 180
# What Docker, iptables and wg-quick leave in nftables.
OTHERS = """
table ip nat {
  chain DOCKER { iifname "docker0" counter return; }
  chain PREROUTING { type nat hook prerouting priority dstnat; policy accept; fib daddr type local counter jump DOCKER; }
}
table ip filter {
  chain INPUT { type filter hook input priority filter; policy accept; }
  chain DOCKER-USER { counter return; }
  chain FORWARD { type filter hook forward priority filter; policy drop; counter jump DOCKER-USER; }
}
table ip wg-quick-wg0 {
  chain preraw { type filter hook prerouting priority raw; policy accept; iifname != "wg0" ip daddr 10.99.0.1 drop; }
}
"""
OTHER_TABLES = ("ip nat", "ip filter", "ip wg-quick-wg0")
OWN = "table inet mine { chain in { type filter hook input priority 0; policy accept; tcp dport 3306 drop; }; }"
REFUSED = "/var/log/nginx/refused.log"
NGINX: dict[str, Any] = {
    "role": "slipway.flask.nginx_tls",
    "nginx_tls_refused_log": REFUSED,
    "nginx_tls_sites": [
        {
            "name": "walled",
            "domains": [DOMAIN],
            "upstream": "unix:/run/walled/gunicorn.sock",
            "access": [{"path": "/", "basic_auth": {"ann": "$6$abcdefgh$" + "x" * 86}}],
        }
    ],
}
# Ports that programs of the host listen on, on all its addresses; the first two are in the list of what is let in.
LISTENERS = (9000, 9001, 8080)
# Asks for a page that needs a password, again and again, until it has had enough answers or gets none any more.
ASK = """
import http.client, socket, ssl, sys, time
address, domain, most, seconds = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
headers = dict([sys.argv[5:]] if sys.argv[5:] else [])
tls, until, answers = ssl._create_unverified_context(), time.monotonic() + seconds, []
while len(answers) < most and time.monotonic() < until:
    connection = http.client.HTTPSConnection(domain, timeout=20)
    try:
        connection.sock = tls.wrap_socket(socket.create_connection((address, 443), 20), server_hostname=domain)
        connection.request("GET", "/", headers=headers)
        answers.append(connection.getresponse().status)
    except OSError:
        print("closed", end=" ")
        break
    finally:
        connection.close()
print(*sorted(set(answers)))
"""
# Opens connections to sshd from 200 addresses of loopback and never says a word, as a program of a site that was broken into.
HOLD = """
import socket, time
held = [socket.socket() for _ in range(200)]
for number, one in enumerate(held, 1):
    one.bind((f"127.1.0.{number}", 0))
    one.setblocking(False)
    one.connect_ex(("127.0.0.1", 22))
time.sleep(3600)
"""


class Attacker:
    """Another host in the same network."""

    def __init__(self, attacker: Host, victim: Host) -> None:
        self.host, self.victim = attacker, victim
        self.host.run(
            "apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install nmap"
        )
        self.host.run("test -f key || ssh-keygen -q -t ed25519 -N '' -f key")

    def open(self, address: str = "", more: str = "") -> set[int]:
        """Return the ports that a scan finds open: all below 1024, and those of LISTENERS."""
        ports = ",".join(["1-1023", *map(str, LISTENERS)])
        found = self.host.run(f"nmap -Pn -n -T4 {more} -p {ports} {address or self.victim.address} -oG -")
        return {int(port) for port in re.findall(r"(\d+)/open/", found)}

    def try_login(self, user: str = "root") -> str:
        """Try to log in with a key that nobody knows; return what ssh says."""
        options = "-i key -o BatchMode=yes -o StrictHostKeyChecking=no -o ConnectTimeout=20 -o IdentitiesOnly=yes"
        # A ban in the middle of a login leaves ssh waiting for an answer, for as long as TCP does.
        done = self.host.ask(f"timeout 30 ssh {options} -l {shlex.quote(user)} {self.victim.address} true")
        assert done.returncode != 0
        return done.stderr

    def ask(self, most: int, *header: str) -> str:
        """Ask for a page that needs a password, MOST times or until the host does not answer any more."""
        words = [ASK, self.victim.address, DOMAIN, str(most), str(WAIT_SECONDS), *header]
        return self.host.run(f"python3 -c {' '.join(map(shlex.quote, words))}")


@pytest.fixture(scope="module")
def attacker(host: Host) -> Iterator[Attacker]:
    with machine("attacker", host.debian) as made:
        yield Attacker(made, host)


class Access:
    """Plays with the role host_access, as somebody has it in a playbook of their own."""

    def __init__(self, project: Project) -> None:
        self.project = project
        project.write({})

    def play(self, *roles: dict[str, Any], arguments: tuple[str, ...] = (), **variables: Any) -> Play:
        access = {"role": "slipway.flask.host_access"} | {
            f"host_access_{key}": value for key, value in variables.items()
        }
        whole = {"hosts": "web", "gather_facts": bool(roles), "roles": [*roles, access]}
        book = self.project.folder / "access.yml"
        book.write_text(yaml.safe_dump([whole], sort_keys=False))
        return self.project.play(str(book), *arguments)

    def good(self, *roles: dict[str, Any], arguments: tuple[str, ...] = (), **variables: Any) -> Play:
        done = self.play(*roles, arguments=arguments, **variables)
        assert done.code == 0, done.output
        return done


@pytest.fixture(scope="module")
def access(project: Project, host: Host) -> Access:
    for port in LISTENERS:
        host.run(f"systemd-run --quiet --unit=listener-{port} python3 -m http.server {port}")
    for port in LISTENERS:
        wait_for(partial(host.ok, f"ss -Hltn sport = :{port} | grep -q ."), WAIT_SECONDS)
    return Access(project)


def wanted(attacker: Attacker) -> dict[str, Any]:
    """Return the variables of the host from here on: 8080 is not asked for, 9001 is for somebody else."""
    allow = [{"port": 9000, "from": [attacker.host.address]}, {"port": "9001-9002", "from": ["192.0.2.0/24"]}]
    return {"firewall": True, "firewall_allow": allow, "nginx_log": REFUSED}


def words(done: Play) -> str:
    """Return what a play said, without the breaks that Ansible makes in long lines."""
    return " ".join(done.output.split())


def rules(host: Host, table: str = "inet slipway") -> str:
    return host.run(f"nft -s -t list table {table}")


def banned(host: Host, jail: str) -> set[str]:
    return set(host.run(f"fail2ban-client get {jail} banip").split())


def test_ports_in_use_are_named_and_nothing_is_closed(access: Access, host: Host) -> None:
    said = words(access.good())
    assert "The firewall is not set up, because it would close ports that are open to the network" in said
    assert "tcp 8080 (python3), tcp 9000 (python3), tcp 9001 (python3)" in said
    assert not host.ok("nft list table inet slipway")


def test_rules_of_somebody_s_own_are_left_alone(access: Access, host: Host) -> None:
    host.run(f"nft {shlex.quote(OWN)}")
    before = host.run("nft list ruleset")
    said = words(access.good())
    assert "This host already has a firewall (rules in nftables (table inet mine, chain in))" in said
    assert "Set `slipway_firewall: false` if that is intended" in said
    assert host.run("nft list ruleset") == before


def test_asked_for_beside_them_it_is_refused_before_anything_changes(access: Access, host: Host) -> None:
    done = access.play(firewall=True)
    assert done.code != 0
    assert (
        "slipway_firewall is true, but this host already has a firewall: rules in nftables (table inet mine"
        in words(done)
    )
    assert not host.ok("test -e /etc/slipway/firewall.nft")
    host.run("nft delete table inet mine")


def test_check_mode_shows_the_rules_and_changes_nothing(access: Access, attacker: Attacker, host: Host) -> None:
    done = access.good(arguments=("--check", "--diff"), **wanted(attacker))
    assert re.search(r"^\+\s+tcp dport 443 accept$", done.output, re.MULTILINE)
    assert re.search(rf"^\+\s+ip saddr {attacker.host.address} tcp dport 9000 accept$", done.output, re.MULTILINE)
    assert "The firewall closes ports that were open to the network until now: tcp 8080 (python3)" in words(done)
    assert not host.ok("test -e /etc/slipway/firewall.nft")


def test_another_host_reaches_what_is_asked_for_and_nothing_else(
    access: Access, attacker: Attacker, host: Host
) -> None:
    host.run(f"printf %s {shlex.quote(OTHERS)} | nft -f -")
    others = [rules(host, table) for table in OTHER_TABLES]
    assert attacker.open() == {22, *LISTENERS}
    access.good(NGINX, **wanted(attacker))
    assert attacker.open() == {22, 80, 443, 9000}
    assert [rules(host, table) for table in OTHER_TABLES] == others


def test_over_ipv6_neighbours_are_found_and_the_same_is_open(attacker: Attacker, host: Host) -> None:
    """By the address of the link: a scan of it works only if neighbour discovery does."""
    own = re.search(r"inet6 (fe80:\S+)/", host.run("ip -6 address show dev eth0 scope link"))
    assert own
    assert attacker.open(own[1], more="-6 -e eth0") == {22, 80, 443}
    assert attacker.host.ok(f"nmap -6 -sn -PE -e eth0 --disable-arp-ping {own[1]} | grep -q 'Host is up'")


def test_the_second_time_nothing_changes(access: Access, attacker: Attacker) -> None:
    done = access.good(NGINX, **wanted(attacker))
    assert done.count("changed") == 0, done.output


def test_rules_that_somebody_has_broken_do_not_leave_the_host_open(
    attacker: Attacker, access: Access, host: Host
) -> None:
    access.good(NGINX, **wanted(attacker))
    before = rules(host)
    host.run("echo 'a slip of the hand' >>/etc/slipway/firewall.nft")
    assert not host.ok("systemctl restart slipway-firewall.service")
    assert host.run("systemctl is-failed slipway-firewall.service") == "failed", "which status.yml tells"
    assert rules(host) == before
    done = access.good(NGINX, **wanted(attacker))
    assert done.count("changed") == 1, done.output
    assert host.ok("systemctl is-active --quiet slipway-firewall.service")


def test_a_program_of_the_host_cannot_keep_others_out_of_ssh(host: Host) -> None:
    def greeting() -> bytes:
        with socket.create_connection((host.address, 22), WAIT_SECONDS) as connection:
            connection.settimeout(WAIT_SECONDS)
            return connection.recv(8)

    host.run(f"systemd-run --quiet --unit=holder --uid=nobody python3 -c {shlex.quote(HOLD)}")
    held = "ss -Htn state established 'sport = :22 and src 127.0.0.1' | wc -l"
    wait_for(lambda: int(host.run(held)) >= 5, WAIT_SECONDS)
    assert {greeting() for _ in range(10)} == {b"SSH-2.0-"}
    host.run("systemctl stop holder.service")


def test_who_keeps_failing_at_sshd_is_banned_there_and_let_in_again(
    access: Access, attacker: Attacker, host: Host
) -> None:
    # Names as somebody gives them who wants another address to be banned.
    names = ["root", "x 203.0.113.9 on", "x from 203.0.113.9", "x 203.0.113.9 port 1 [preauth]", "admin"]
    tries = iter(names * 20)

    def is_banned() -> bool:
        attacker.try_login(next(tries))
        return attacker.host.address in banned(host, "sshd")

    wait_for(is_banned, WAIT_SECONDS)
    assert banned(host, "sshd") == {attacker.host.address}
    wait_for(lambda: "refused" in attacker.try_login(), WAIT_SECONDS)
    assert {80, 443} <= attacker.open()
    access.good(NGINX, **wanted(attacker))

    def is_let_in() -> bool:
        host.run(f"fail2ban-client unban {attacker.host.address}")
        return "Permission denied" in attacker.try_login()

    # More than once: what it tried last may have been read after it was let in again.
    wait_for(is_let_in, WAIT_SECONDS)
    host.run("fail2ban-client restart --unban sshd")


def test_nobody_is_banned_where_the_host_is_administrated_from(attacker: Attacker, host: Host) -> None:
    controller = host.run("ls /var/lib/slipway/logins")
    assert controller and controller != attacker.host.address
    for jail in ("sshd", "slipway-nginx"):
        command = host.run(f"fail2ban-client get {jail} ignorecommand").splitlines()[-1]
        assert host.ok(command.replace("<ip>", controller))
        assert not host.ok(command.replace("<ip>", attacker.host.address))
    assert controller in host.run("nft list set inet slipway login_v4")


def test_who_is_refused_all_the_time_is_banned_from_the_site(attacker: Attacker, host: Host) -> None:
    before = host.run(f"cat {REFUSED}")
    # A request that came through a proxy is somebody else's; the proxy is not banned for it.
    assert attacker.ask(130, "X-Forwarded-For", "203.0.113.9") == "401"
    assert host.run(f"cat {REFUSED}") == before
    assert attacker.ask(1_000_000) == "closed 401"
    assert banned(host, "slipway-nginx") == {attacker.host.address}
    assert attacker.open() & {22, 443} == {22}
    host.run(f"fail2ban-client set slipway-nginx unbanip {attacker.host.address}")
    assert attacker.ask(1) == "401"


def test_rules_that_are_taken_away_come_back(access: Access, attacker: Attacker, host: Host) -> None:
    before = rules(host)
    host.run("nft add rule inet slipway input tcp dport 8080 accept")
    done = access.good(NGINX, arguments=("--diff",), **wanted(attacker))
    assert re.search(r"^-\s+tcp dport 8080 accept$", done.output, re.MULTILINE)
    assert rules(host) == before
    # Debian's own unit empties the rules of all.
    host.run("systemctl restart nftables.service")
    assert rules(host) == before
    host.run("systemctl reload nftables.service")
    assert rules(host) == before
    host.run("systemctl disable --quiet --now nftables.service")


def test_the_firewall_is_there_after_a_restart_before_the_network(
    attacker: Attacker, access: Access, host: Host
) -> None:
    access.good(NGINX, **wanted(attacker))
    before = rules(host)
    host.stop()
    host.up()
    for unit in ("nginx.service", "fail2ban.service"):
        wait_for(partial(host.ok, f"systemctl is-active --quiet {unit}"), WAIT_SECONDS)
    assert rules(host) == before
    shown = host.run(
        "systemctl show --property=ActiveEnterTimestampMonotonic --value slipway-firewall.service network-pre.target"
    ).split()
    assert 0 < int(shown[0]) <= int(shown[1])
    controller = host.run("ls /var/lib/slipway/logins").split()[0]
    assert controller in host.run("nft list set inet slipway login_v4"), (
        "who logged in before the boot is known after it"
    )
    access.project.write({})
    assert attacker.open() == {22, 80, 443}
    done = access.good(NGINX, **wanted(attacker))
    assert done.count("changed") == 0, done.output


def test_without_it_the_host_is_as_it_was(access: Access, host: Host) -> None:
    access.good(firewall=False, bans=False)
    assert not host.ok("nft list table inet slipway")
    assert not host.ok(
        "ls /etc/slipway/firewall.nft /etc/fail2ban/jail.d/slipway.conf /etc/systemd/system/*/slipway-firewall*"
    )
