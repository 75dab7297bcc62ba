# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""sshd's drop-in: what it says, when it is refused, and which line of the host's own it gives way to."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import fake_sshd
import pytest
from ansible_collections.slipway.flask.plugins.module_utils._access.apply import AccessError, Context
from ansible_collections.slipway.flask.plugins.module_utils._access.sshd import Sshd
from ansible_collections.slipway.flask.plugins.module_utils._access.sshd_program import Program

DEBIAN = "Include {place}/sshd_config.d/*.conf\nKbdInteractiveAuthentication no\nUsePAM yes\nX11Forwarding yes\n"
BITS = {"rsa": 3072, "ecdsa": 256, "ed25519": 256}
Files = Mapping[str, str]
ANN = {"name": "ann", "sudo": True}


class Vps:
    """A host's /etc/ssh and its programs, all of them in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.place = folder, folder / "ssh"
        (self.place / "sshd_config.d").mkdir(parents=True)
        (folder / "bin").mkdir()
        self.has({"sshd_config": DEBIAN})
        self.is_an_sshd(fake_sshd.DEBIAN_12)
        self.keys(BITS)
        self.program("ss", "")
        self.socket("inactive", "disabled")

    def has(self, files: Files) -> None:
        for name, text in files.items():
            path = self.place / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text.replace("{place}", str(self.place)))

    def program(self, name: str, text: str) -> None:
        path = self.folder / "bin" / name
        path.write_text(
            text if text.startswith("#!") else f'#!/bin/sh\necho "{name} $*" >>{self.folder}/calls\n{text}\n'
        )
        path.chmod(0o755)

    def is_an_sshd(self, defaults: str) -> None:
        self.program("sshd", fake_sshd.sshd(defaults, str(self.place)))

    def keys(self, bits: Mapping[str, int]) -> None:
        for old in self.place.glob("ssh_host_*"):
            old.unlink()
        for kind, length in bits.items():
            (self.place / f"ssh_host_{kind}_key").write_text(f"{length} SHA256:x root@host ({kind.upper()})\n")
        self.program("ssh-keygen", 'cat "$3"')

    def socket(self, active: str, enabled: str, listens: str = "[::]:22 (Stream)") -> None:
        lines = f"Listen={listens}", f"ActiveState={active}", f"UnitFileState={enabled}"
        self.program("systemctl", "".join(f"[ $1 = show ] && echo '{line}'\n" for line in lines) + "true")

    def options(self, text: str) -> None:
        (self.folder / "default").write_text(text)

    def part(self, never_ban: tuple[str, ...] = (), **ssh: Any) -> Sshd:
        part = Sshd(Context({"ssh": ssh, "never_ban": never_ban}, user="ann"), self.place, self.folder / "systemd")
        part.program = Program(self.folder / "default")
        return part

    def lines(self, **ssh: Any) -> dict[str, str]:
        """Return what the drop-in would say: the values of a keyword that is there more than once, with a comma."""
        part = self.part(**ssh)
        part.changes()
        text = next(file.content for file in part._files if file.path == str(part.own)) or ""
        found: dict[str, str] = {}
        for line in text.splitlines():
            if not line.startswith("#"):
                name, _, value = line.partition(" ")
                found[name] = f"{found[name]},{value}" if name in found else value
        return found

    def refused(self, **ssh: Any) -> str:
        with pytest.raises(AccessError) as error:
            self.part(**ssh).changes()
        assert not list((self.place / "sshd_config.d").glob("10-*"))
        return str(error.value).replace(str(self.place), "/etc/ssh")

    def notes(self, **ssh: Any) -> list[str]:
        part = self.part(**ssh)
        part.changes()
        return [note.replace(str(self.place), "/etc/ssh") for note in part.warnings]

    def write(self, **ssh: Any) -> Sshd:
        """Bring it about, as the account that runs the tests."""
        part = self.part(**ssh)
        part.changes()
        for file in part._files:
            path = Path(file.path)
            path.parent.mkdir(exist_ok=True, parents=True)
            path.write_text(file.content or "")
        return part


@pytest.fixture
def vps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Vps:
    found = Vps(tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/bin:/bin")
    return found


def test_a_stock_host_gets_keys_only_and_no_forwarding_but_of_the_agent(vps: Vps) -> None:
    lines = vps.lines()
    assert lines["PermitRootLogin"] == "prohibit-password"
    for name in ("PasswordAuthentication", "KbdInteractiveAuthentication", "PermitEmptyPasswords", "AllowTcpForwarding",
                 "AllowStreamLocalForwarding", "X11Forwarding"):  # fmt: skip
        assert lines[name] == "no", name
    assert lines["MaxAuthTries"] == "4"
    assert "AllowAgentForwarding" not in lines and "Port" not in lines and "AllowUsers" not in lines


WANTED: list[tuple[str, dict[str, Any], dict[str, str | None]]] = [
    ("passwords are left as the host has them", {"passwords": True},
     {"PasswordAuthentication": None, "KbdInteractiveAuthentication": None}),
    ("root can be shut out", {"root_login": "off"}, {"PermitRootLogin": "no"}),
    ("a tunnel to a database", {"forwarding": ["agent", "local"]},
     {"AllowTcpForwarding": "local", "AllowStreamLocalForwarding": "local"}),
    ("both ways get no line", {"forwarding": ["local", "remote"]},
     {"AllowTcpForwarding": None, "AllowAgentForwarding": "no"}),
    ("no forwarding at all", {"forwarding": []}, {"AllowAgentForwarding": "no", "AllowTcpForwarding": "no"}),
    ("windows of X11", {"forwarding": ["x11"]}, {"X11Forwarding": None}),
    ("names of those who may log in", {"allow": ["ann", "bob"]}, {"AllowUsers": "ann,bob"}),
    ("a port", {"port": 2222}, {"Port": "2222"}),
    ("more keys in an agent", {"max_auth_tries": 10}, {"MaxAuthTries": "10"}),
    ("older clients", {"older_clients": True}, {"MACs": "hmac-sha2-256-etm@openssh.com,hmac-sha2-256"}),
]  # fmt: skip


@pytest.mark.parametrize(("ssh", "lines"), [pytest.param(*row[1:], id=row[0]) for row in WANTED])
def test_each_key_of_slipway_ssh_is_a_line(vps: Vps, ssh: dict[str, Any], lines: dict[str, str | None]) -> None:
    found = vps.lines(**ssh)
    assert {name: found.get(name) for name in lines} == lines


EXCHANGES = [
    (fake_sshd.DEBIAN_12, False, "sntrup761x25519-sha512@openssh.com"),
    (fake_sshd.DEBIAN_13, False, "mlkem768x25519-sha256,sntrup761x25519-sha512@openssh.com"),
    (fake_sshd.DEBIAN_12, True, "sntrup761x25519-sha512@openssh.com,curve25519-sha256,diffie-hellman-group16-sha512"),
    (fake_sshd.OLD, False, "curve25519-sha256,diffie-hellman-group16-sha512"),
]


@pytest.mark.parametrize(("defaults", "older", "exchanges"), EXCHANGES)
def test_algorithms_are_those_good_ones_that_this_sshd_has(
    vps: Vps, defaults: str, older: bool, exchanges: str
) -> None:
    vps.is_an_sshd(defaults)
    lines = vps.lines(older_clients=older)
    assert lines["KexAlgorithms"] == exchanges
    assert lines["Ciphers"] == "aes256-gcm@openssh.com,chacha20-poly1305@openssh.com,aes128-ctr"
    assert "sha1" not in lines["MACs"] and "umac-64" not in lines["MACs"]


def test_addresses_that_are_never_banned_are_spared_by_an_sshd_that_bans_by_itself(vps: Vps) -> None:
    addresses = ("198.51.100.7", "2001:db8::/32")
    assert "PerSourcePenaltyExemptList" not in vps.lines(never_ban=addresses)
    vps.is_an_sshd(fake_sshd.DEBIAN_13)
    assert vps.lines(never_ban=addresses)["PerSourcePenaltyExemptList"] == "198.51.100.7,2001:db8::/32"


HOST_KEYS = [
    (BITS, "ssh-ed25519,rsa-sha2-512,rsa-sha2-256"),
    ({**BITS, "rsa": 2048}, "ssh-ed25519"),
    ({"rsa": 4096}, "rsa-sha2-512,rsa-sha2-256"),
]


@pytest.mark.parametrize(("bits", "algorithms"), HOST_KEYS)
def test_weak_host_keys_are_not_offered(vps: Vps, bits: dict[str, int], algorithms: str) -> None:
    vps.keys(bits)
    assert vps.lines()["HostKeyAlgorithms"] == algorithms


def test_a_host_whose_only_key_is_weak_is_told_how_to_make_one(vps: Vps) -> None:
    vps.keys({"ecdsa": 256})
    assert "ssh-keygen -t ed25519" in vps.refused()


STAYS = [
    ("root shut out by the host", {"sshd_config": DEBIAN + "PermitRootLogin no\n"}, "PermitRootLogin",
     "Root can't log in as `root_login: keys` would let it: /etc/ssh/sshd_config, line 5, has PermitRootLogin no."),
    ("root with one command", {"sshd_config.d/60-own.conf": "PermitRootLogin forced-commands-only\n"}, "PermitRootLogin",
     "sshd_config.d/60-own.conf, line 1"),
    ("fewer tries", {"sshd_config": DEBIAN + "MaxAuthTries 2\n"}, "MaxAuthTries", ""),
    ("a grace time of its own", {"sshd_config": DEBIAN + "LoginGraceTime 10\n"}, "LoginGraceTime", ""),
    ("a code in addition to a key", {"sshd_config.d/70-own.conf": "AuthenticationMethods publickey,keyboard-interactive\n"},
     "KbdInteractiveAuthentication", "sshd_config.d/70-own.conf, line 1, asks for keyboard-interactive in addition to a key."),
]  # fmt: skip


@pytest.mark.parametrize(("files", "keyword", "note"), [pytest.param(*row[1:], id=row[0]) for row in STAYS])
def test_what_is_stricter_on_the_host_stays(vps: Vps, files: Files, keyword: str, note: str) -> None:
    vps.has(files)
    assert keyword not in vps.lines()
    assert any(note in said for said in vps.notes()) or not note


PROVIDERS = [
    ("cloud-init", {"sshd_config.d/50-cloud-init.conf": "PasswordAuthentication yes\n"}),
    ("an image of a cloud", {"sshd_config.d/60-cloudimg-settings.conf": "PasswordAuthentication yes\n"}),
    (
        "lines at the end",
        {"sshd_config": DEBIAN + "PermitRootLogin yes\nPasswordAuthentication yes\nMaxAuthTries 20\n"},
    ),
    ("small letters, quotes and =", {"sshd_config": DEBIAN + 'permitrootlogin="yes"\npasswordauthentication = yes\n'}),
]


@pytest.mark.parametrize("files", [pytest.param(row[1], id=row[0]) for row in PROVIDERS])
def test_what_a_provider_has_set_is_overruled(vps: Vps, files: Files) -> None:
    vps.has(files)
    lines = vps.lines()
    assert lines["PasswordAuthentication"] == "no" and lines["PermitRootLogin"] == "prohibit-password"
    assert lines["MaxAuthTries"] == "4"
    assert vps.notes() == []


OVERRULES: list[tuple[str, Files, str, dict[str, Any], str]] = [
    ("before the Include", {"sshd_config": "# provider\nPasswordAuthentication yes\n" + DEBIAN}, "", {},
     "PasswordAuthentication would still be 'yes', not 'no': /etc/ssh/sshd_config, line 2, comes before "
     "/etc/ssh/sshd_config.d/10-slipway.conf and wins. Nothing was changed: remove it, or set `passwords: true` in slipway_ssh."),
    ("an earlier file", {"sshd_config.d/01-own.conf": "\nPermitRootLogin yes\n"}, "", {},
     "PermitRootLogin would still be 'yes', not 'prohibit-password': /etc/ssh/sshd_config.d/01-own.conf, line 2, comes before"),
    ("a file that an earlier file includes", {"sshd_config.d/01-own.conf": "Include {place}/more\n", "more":
     "ChallengeResponseAuthentication yes\nKbdInteractiveAuthentication yes\n"}, "", {},
     "KbdInteractiveAuthentication would still be 'yes', not 'no': /etc/ssh/more, line 1"),
    ("the command line", {}, "SSHD_OPTS='-o PasswordAuthentication=yes'\n", {},
     "PasswordAuthentication would still be 'yes', not 'no': SSHD_OPTS in /etc/default/ssh says so."),
    ("a port of the command line", {}, 'SSHD_OPTS="-p 22"\n', {"port": 2222},
     "Port would still be '22', not '2222': SSHD_OPTS in /etc/default/ssh says so."),
    ("another configuration", {}, "SSHD_OPTS=-f/etc/other\n", {}, "makes sshd read another configuration (-f)"),
    ("a port beside an address", {"sshd_config": DEBIAN + "ListenAddress 192.0.2.1:22\n"}, "", {"port": 2222},
     "sshd would listen on 22, not on port 2222 alone: /etc/ssh/sshd_config, line 5 names a port along with the address."),
    ("an Include for some", {"sshd_config": "Match User bob\n" + DEBIAN}, "", {},
     "includes /etc/ssh/sshd_config.d inside a Match block (User bob)"),
    ("what sshd can't read", {"sshd_config.d/70-own.conf": "\n\nBad yes\n"}, "", {},
     "/etc/ssh/sshd_config.d/70-own.conf line 3: Bad configuration option: bad"),
    ("files without end", {"sshd_config.d/70-own.conf": "Include {place}/sshd_config\n"}, "", {}, "does a file include itself?"),
]  # fmt: skip


@pytest.mark.parametrize(("files", "options", "ssh", "said"), [pytest.param(*row[1:], id=row[0]) for row in OVERRULES])
def test_what_would_overrule_the_drop_in_is_named_and_nothing_is_changed(
    vps: Vps, files: Files, options: str, ssh: dict[str, Any], said: str
) -> None:
    vps.has(files)
    vps.options(options)
    assert said in vps.refused(**ssh)


NOTED = [
    ("an earlier line of the host's own configuration", {"sshd_config.d/05-own.conf": "MaxAuthTries 9\n"},
     "MaxAuthTries is '9', not '4': /etc/ssh/sshd_config.d/05-own.conf, line 1, comes before "
     "/etc/ssh/sshd_config.d/10-slipway.conf and wins. It stays as it is."),
    ("a Match that opens passwords", {"sshd_config": DEBIAN + "Match Address 10.0.0.0/8\n  PasswordAuthentication yes\n"},
     "/etc/ssh/sshd_config, line 6, allows password logins (Match Address 10.0.0.0/8): it is the host's own and stays."),
    ("a Match in a file of its own", {"sshd_config.d/70-own.conf": "Match User backup\nPermitRootLogin yes\n"},
     "/etc/ssh/sshd_config.d/70-own.conf, line 2, lets root in (Match User backup)"),
    ("a list of the host's own configuration", {"sshd_config": DEBIAN + "AllowUsers root bob\n"},
     "/etc/ssh/sshd_config, line 5, also decides who may log in: allowusers root bob."),
]  # fmt: skip


@pytest.mark.parametrize(("files", "note"), [pytest.param(*row[1:], id=row[0]) for row in NOTED])
def test_what_stays_of_the_host_s_own_is_told(vps: Vps, files: Files, note: str) -> None:
    vps.has(files)
    assert any(note in said for said in vps.notes()), vps.notes()


def test_a_match_that_forbids_more_is_not_worth_a_word(vps: Vps) -> None:
    vps.has({"sshd_config": DEBIAN + "Match User sftp\n PasswordAuthentication no\n X11Forwarding no\nMatch all\n"})
    assert vps.notes() == []


def test_a_file_that_ends_inside_of_a_match_takes_nothing_from_the_drop_in(vps: Vps) -> None:
    vps.has({"sshd_config.d/05-own.conf": "Match User bob\n MaxAuthTries 2\n"})
    assert vps.lines()["PasswordAuthentication"] == "no"
    assert vps.notes() == []


def test_a_main_file_without_include_gets_one_for_this_drop_in_alone(vps: Vps) -> None:
    vps.has({"sshd_config": "UsePAM yes\n", "sshd_config.d/50-cloud-init.conf": "PasswordAuthentication yes\n"})
    part = vps.part()
    assert [change.path for change in part.changes()] == [str(vps.place / "sshd_config"), str(part.own)]
    vps.write()
    main = (vps.place / "sshd_config").read_text()
    assert f"\nInclude {part.own}\n" in main and main.endswith("UsePAM yes\n") and "*.conf" not in main


def ports(part: Sshd) -> list[int]:
    part.changes()
    return part.ports


def test_another_port_is_commented_out_where_it_is_set(vps: Vps) -> None:
    vps.has({"sshd_config": "Port 22\n" + DEBIAN, "sshd_config.d/50-provider.conf": "Port 22\nUseDNS no\n"})
    assert ports(vps.part(port=2222)) == [2222]
    part = vps.write(port=2222)
    assert (
        (vps.place / "sshd_config").read_text().startswith("#Port 22  # commented out by slipway.flask.host_access: ")
    )
    assert "\nUseDNS no" in (vps.place / "sshd_config.d/50-provider.conf").read_text()
    assert "\nPort 2222\n" in part.own.read_text()


def test_a_port_that_the_host_has_already_gets_no_second_line(vps: Vps) -> None:
    vps.has({"sshd_config": DEBIAN + "Port 2222\n"})
    assert "Port" not in vps.lines(port=2222)
    assert ports(vps.part()) == [2222], "without `port` the host's own stays"


def test_a_port_stays_when_it_is_taken_out_of_slipway_ssh(vps: Vps) -> None:
    vps.write(port=2222)
    assert vps.lines()["Port"] == "2222"
    assert vps.lines(port=22)["Port"] == "22"


def test_a_port_that_another_program_has_is_refused(vps: Vps) -> None:
    vps.program("ss", """echo 'LISTEN 0 511 0.0.0.0:443 0.0.0.0:* users:(("nginx",pid=7,fd=6))'""")
    assert vps.refused(port=443) == "Port 443 is taken by nginx: choose another one for slipway_ssh."


RESTARTS: list[tuple[str, tuple[str, str], dict[str, Any], list[str]]] = [
    ("as a service", ("inactive", "disabled"), {"port": 2222}, ["reset-failed ssh.service", "restart ssh.service"]),
    ("by its socket", ("active", "enabled"), {}, ["reset-failed ssh.service", "try-restart ssh.service"]),
    ("by its socket, which moves", ("active", "enabled"), {"port": 2222},
     ["reset-failed ssh.service", "daemon-reload", "stop ssh.service", "restart ssh.socket"]),
]  # fmt: skip


@pytest.mark.parametrize(("socket", "ssh", "calls"), [pytest.param(*row[1:], id=row[0]) for row in RESTARTS])
def test_sshd_is_started_again_as_it_was_started(
    vps: Vps, socket: tuple[str, str], ssh: dict[str, Any], calls: list[str]
) -> None:
    vps.socket(*socket)
    part = vps.part(**ssh)
    assert bool(part.changes())
    assert part._restart() == [["systemctl", *call.split()] for call in calls]
    assert part.undo_commands() == part._restart(), "going back takes the same"


def test_the_socket_listens_on_the_port_too(vps: Vps) -> None:
    vps.socket("inactive", "enabled")
    part = vps.write(port=2222)
    assert part.socket_file.read_text().endswith("[Socket]\nListenStream=\nListenStream=2222\n")
    assert part.ports == [2222]


def test_the_port_of_a_socket_is_known_where_none_is_asked_for(vps: Vps) -> None:
    vps.socket("active", "enabled", "0.0.0.0:2022 (Stream)")
    assert ports(vps.part()) == [2022], "the firewall must let in what systemd listens on, whatever sshd_config says"


def test_a_person_that_the_list_leaves_out_is_named(vps: Vps) -> None:
    part = vps.part(allow=["ann"])
    part.context = Context({"people": [ANN, {"name": "bob"}]}, user="root")
    part.changes()
    assert part.warnings == ["bob in slipway_people can't log in: they are not in `allow` of slipway_ssh."]


ELSEWHERE = [
    ("/etc/ssh/keys/%u", True),
    ("/etc/ssh/keys/%u .ssh/authorized_keys", False),
    ("%h/.ssh/authorized_keys", False),
]


@pytest.mark.parametrize(("files", "refused"), ELSEWHERE)
def test_people_whose_keys_sshd_would_not_look_at_are_refused(vps: Vps, files: str, refused: bool) -> None:
    vps.has({"sshd_config": f"{DEBIAN}AuthorizedKeysFile {files}\n"})
    assert vps.part().changes(), "nobody is asked for"
    part = vps.part()
    part.context = Context({"people": [ANN]}, user="root")
    if refused:
        with pytest.raises(AccessError, match="sshd_config, line 5, has AuthorizedKeysFile /etc/ssh/keys/%u"):
            part.changes()
    else:
        assert part.changes()


def test_a_port_that_any_account_may_take_is_warned_about(vps: Vps) -> None:
    assert vps.notes(port=2222) == [
        "Any account on the host can listen on port 2222 while sshd does not; only root can use a port below 1024."
    ]
    assert vps.notes(port=922) == []


def test_a_host_without_an_ssh_server_is_left_alone(vps: Vps) -> None:
    (vps.folder / "bin/sshd").unlink()
    part = vps.part()
    part.program.path = ""
    assert part.changes() == [] and "no OpenSSH server" in part.warnings[0]


def test_nothing_is_told_where_nothing_changes(vps: Vps, monkeypatch: pytest.MonkeyPatch) -> None:
    vps.has({"sshd_config.d/05-own.conf": "MaxAuthTries 9\n"})
    part = vps.part()
    monkeypatch.setattr(
        "ansible_collections.slipway.flask.plugins.module_utils._access.apply.File.change", lambda _: None
    )
    assert part.changes() == [] and part.warnings == []


def test_a_later_line_that_wins_is_drift_even_when_the_drop_in_is_untouched(vps: Vps) -> None:
    vps.write()
    vps.has({"sshd_config.d/01-own.conf": "PasswordAuthentication yes\n"})
    with pytest.raises(AccessError, match="01-own.conf, line 1, comes before"):
        vps.part().changes()


NOBODY: list[tuple[str, dict[str, Any], list[dict[str, Any]], str, str]] = [
    ("root off, and nobody else", {"root_login": "off"}, [{"name": "bob"}], "root",
     "`root_login: off` in slipway_ssh would leave nobody"),
    ("root off, and Ann is there", {"root_login": "off"}, [ANN], "root", ""),
    ("root off, as the host's own administrator", {"root_login": "off"}, [], "admin", ""),
    ("a list without oneself", {"allow": ["bob"]}, [ANN], "root", "add root or ann to it"),
    ("a list with Ann from some addresses", {"allow": ["a*@192.0.2.*"]}, [ANN], "root", ""),
    ("a list with root, who is off", {"allow": ["root"], "root_login": "off"}, [ANN], "root", "add ann to it"),
]  # fmt: skip


@pytest.mark.parametrize(("ssh", "people", "user", "said"), [pytest.param(*row[1:], id=row[0]) for row in NOBODY])
def test_what_would_leave_nobody_is_refused(
    vps: Vps, ssh: dict[str, Any], people: list[dict[str, Any]], user: str, said: str
) -> None:
    part = vps.part(**ssh)
    part.context = Context({"people": people}, user=user)
    if said:
        with pytest.raises(AccessError, match=said):
            part.changes()
    else:
        assert part.changes()


def test_an_sshd_that_is_not_managed_is_not_even_asked(vps: Vps) -> None:
    vps.program("sshd", "exit 1")
    assert vps.part(manage=False).changes() == []
