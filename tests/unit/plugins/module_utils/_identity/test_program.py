# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A host's own certificate authority: what its certificates are good for, and when they are made anew."""

from __future__ import annotations

import getpass
import json
import socket
import ssl
import threading
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._identity import program
from ansible_collections.slipway.flask.plugins.module_utils._identity.program import Identity, User

WEB1 = {"name": "web1.slipway.internal", "addresses": ["127.0.0.1", "fd00::5"]}


def made(folder: Path, **changes: Any) -> Identity:
    folder.mkdir(exist_ok=True)
    identity = Identity({**WEB1, **changes}, folder)
    identity.ensure_authority()
    identity.ensure_certificate()
    return identity


def handshake(server: Path, trusted: str, name: str) -> dict[str, Any]:
    """Return the certificate of a server that has the files of the folder SERVER, as a client sees it that trusts TRUSTED."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server / program.CERTIFICATE, server / program.KEY)
    ours, theirs = socket.socketpair()

    def serve() -> None:
        try:
            context.wrap_socket(theirs, server_side=True).close()
        except (ssl.SSLError, OSError):
            theirs.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with ssl.create_default_context(cadata=trusted).wrap_socket(ours, server_hostname=name) as wire:
            return dict(wire.getpeercert() or {})
    finally:
        ours.close()
        thread.join()


@pytest.mark.parametrize("name", ["web1.slipway.internal", "127.0.0.1", "fd00::5"])
def test_the_certificate_is_for_the_hosts_name_and_addresses(tmp_path: Path, name: str) -> None:
    made(tmp_path / "web1")
    found = handshake(tmp_path / "web1", (tmp_path / "web1/ca.pem").read_text(), name)
    assert ("DNS", "web1.slipway.internal") in found["subjectAltName"]


def test_who_trusts_another_authority_refuses_it(tmp_path: Path) -> None:
    made(tmp_path / "web1")
    made(tmp_path / "web2")
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(tmp_path / "web1", (tmp_path / "web2/ca.pem").read_text(), "127.0.0.1")


@pytest.mark.parametrize(
    ("names", "asked"),
    [
        ("DNS:db1.slipway.internal", "db1.slipway.internal"),
        ("IP:127.0.0.2", "127.0.0.2"),
        ("DNS:web1.slipway.internal, DNS:db1.slipway.internal", "db1.slipway.internal"),
    ],
)
def test_a_host_that_was_taken_over_can_speak_for_no_other(tmp_path: Path, names: str, asked: str) -> None:
    identity = made(tmp_path / "web1")
    authority = (identity.folder / program.AUTHORITY, identity.folder / program.AUTHORITY_KEY)
    forged = program.sign("x", program.OF_CERTIFICATE.format(names=names), 90, identity.folder, authority)
    (identity.folder / program.CERTIFICATE).write_text(forged[0])
    (identity.folder / program.KEY).write_text(forged[1])
    with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree"):
        handshake(identity.folder, authority[0].read_text(), asked)


def test_it_can_make_no_other_authority(tmp_path: Path) -> None:
    identity = made(tmp_path / "web1")
    folder = identity.folder
    authority = (folder / program.AUTHORITY, folder / program.AUTHORITY_KEY)
    below = program.sign(
        "x", program.OF_AUTHORITY.format(constraints="permitted;DNS:example.org"), 90, folder, authority
    )
    (folder / "below.pem").write_text(below[0])
    (folder / "below.key").write_text(below[1])
    leaf = program.sign(
        "x", program.OF_CERTIFICATE.format(names="DNS:web1.slipway.internal"), 90, folder,
        (folder / "below.pem", folder / "below.key"),
    )  # fmt: skip
    (folder / program.CERTIFICATE).write_text(leaf[0] + below[0])
    (folder / program.KEY).write_text(leaf[1])
    with pytest.raises(ssl.SSLCertVerificationError, match="path length"):
        handshake(folder, authority[0].read_text(), "web1.slipway.internal")


def test_a_second_run_changes_nothing(tmp_path: Path) -> None:
    assert made(tmp_path / "web1").done.actions == [
        "made the host's certificate authority",
        "signed a certificate, because there is none yet",
    ]
    assert made(tmp_path / "web1").done.actions == []


def test_only_root_can_read_the_keys(tmp_path: Path) -> None:
    folder = made(tmp_path / "web1").folder
    with program.locked(folder):
        pass
    modes = {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}
    assert modes == {"ca.pem": 0o644, "ca.key": 0o600, "certificate.pem": 0o644, "key.pem": 0o600, "lock": 0o600}


def test_check_mode_writes_nothing(tmp_path: Path) -> None:
    identity = Identity(WEB1, tmp_path, check=True)
    identity.ensure_authority()
    identity.ensure_certificate()
    identity.trust(["x"])
    assert identity.done.actions
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("constant", "value", "reason"),
    [("RENEW_DAYS", 91, "days were left"), ("RENEW_DAYS", 30, "")],
)
def test_it_is_renewed_a_month_before_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, constant: str, value: int, reason: str
) -> None:
    made(tmp_path / "web1")
    monkeypatch.setattr(program, constant, value)
    actions = made(tmp_path / "web1").done.actions
    assert any(reason in action for action in actions) if reason else actions == []


def test_a_broken_certificate_or_key_is_made_anew(tmp_path: Path) -> None:
    folder = made(tmp_path / "web1").folder
    for name in (program.CERTIFICATE, program.KEY):
        (folder / name).write_text("not a certificate\n")
        assert "signed a certificate" in made(folder).done.actions[0]
    other = made(tmp_path / "web2").folder
    (folder / program.KEY).write_text((other / program.KEY).read_text())
    assert "the key was not the certificate's" in made(folder).done.actions[0]


def test_an_authority_is_followed_by_the_next_without_a_time_when_nobody_is_trusted(tmp_path: Path) -> None:
    folder = made(tmp_path / "web1").folder
    old = (folder / program.AUTHORITY).read_text()
    identity = Identity(WEB1, folder)
    identity.ensure_authority(rotate=True)
    identity.ensure_certificate()
    both = program.joined(identity.authorities())
    assert len(identity.authorities()) == 2
    assert handshake(folder, old, "127.0.0.1")  # still the old one's, which all know
    assert handshake(folder, both, "127.0.0.1")
    identity.activate()
    assert identity.authorities() != [old]
    assert len(identity.authorities()) == 1
    assert handshake(folder, both, "127.0.0.1")  # who knew both goes on
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(folder, old, "127.0.0.1")
    assert made(folder).done.actions == []


def test_a_rotation_that_was_interrupted_goes_on_with_the_authority_that_waits(tmp_path: Path) -> None:
    folder = made(tmp_path / "web1").folder
    identity = Identity(WEB1, folder)
    identity.ensure_authority(rotate=True)
    waiting = identity.authorities()
    again = Identity(WEB1, folder)
    again.ensure_authority(rotate=True)
    assert again.authorities() == waiting


def test_another_address_is_another_authority_which_the_others_must_know_first(tmp_path: Path) -> None:
    folder = made(tmp_path / "web1").folder
    identity = Identity({**WEB1, "addresses": ["127.0.0.9"]}, folder)
    identity.ensure_authority()
    assert "because the host has another name or address" in identity.done.actions[0]
    identity.activate()
    assert handshake(folder, identity.authorities()[0], "127.0.0.9")


def test_a_service_gets_a_copy_that_it_can_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    me = getpass.getuser()
    monkeypatch.setitem(program.USERS, "postgresql", User("none.service", me, "postgresql.key"))
    monkeypatch.setitem(program.USERS, "haproxy", User("none.service", me, "haproxy.pem", whole=True))
    identity = made(tmp_path / "web1", users=["postgresql", "haproxy"])
    folder = identity.folder
    assert (folder / "postgresql.key").read_text() == (folder / "key.pem").read_text()
    assert (folder / "haproxy.pem").read_text() == (folder / "certificate.pem").read_text() + (
        folder / "key.pem"
    ).read_text()
    assert made(folder, users=["postgresql", "haproxy"]).done.actions == []
    identity = Identity({**WEB1, "users": ["postgresql"]}, folder)
    identity.ensure_certificate(force="it was requested")
    assert (folder / "postgresql.key").read_text() == (folder / "key.pem").read_text()
    assert identity.done.reload


def test_the_trusted_authorities_are_written_once_and_in_one_order(tmp_path: Path) -> None:
    one, two = made(tmp_path / "web1"), made(tmp_path / "web2")
    for order in ((one, two, two), (two, one)):
        identity = Identity(WEB1, one.folder)
        identity.trust([text for other in order for text in other.authorities()])
        assert len(identity.done.actions) == (1 if len(order) == 3 else 0)
    assert one.fleet().count("BEGIN CERTIFICATE") == 2


def test_the_program_renews_and_shows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = made(tmp_path / "web1").folder
    (folder / program.SETTINGS).write_text(json.dumps(WEB1))
    before = (folder / program.CERTIFICATE).read_text()
    assert program.main(["renew"], folder) == 0
    assert (folder / program.CERTIFICATE).read_text() == before
    assert program.main(["renew", "--force"], folder) == 0
    assert (folder / program.CERTIFICATE).read_text() != before
    assert program.main(["show"], folder) == 0
    assert "certificate of web1.slipway.internal: 89 days left" in capsys.readouterr().out


def test_the_program_says_what_it_lacks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert program.main(["renew"], tmp_path) == 1
    assert "identity.json" in capsys.readouterr().err
