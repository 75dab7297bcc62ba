# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""PostgreSQL for other hosts: who gets in, and passwords that no statement or log has."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._postgres import databases, network, passwords
from ansible_collections.slipway.flask.plugins.module_utils._postgres.settings import hba_text, server_problems

SHOP = {"database": "shop", "user": "shop", "addresses": ["10.0.0.3", "fd00::3"]}
RIGHT = {"listen": ["10.0.0.5"], "certificate": "/c", "key": "/k", "clients": [SHOP], "databases": [{"name": "shop"}]}


def test_only_the_hosts_named_get_in_and_only_over_tls_with_a_password() -> None:
    lines = hba_text(network.rules([SHOP])).splitlines()
    assert [line for line in lines if line.startswith("host")] == [
        'hostssl "shop" "shop" 10.0.0.3/32 scram-sha-256',
        'hostssl "shop" "shop" fd00::3/128 scram-sha-256',
    ]


def test_nothing_listens_unless_it_is_asked_for() -> None:
    assert network.settings([], "/c", "/k") == {}
    assert network.settings(["10.0.0.5", "fd00::5"], "/c", "/k")["listen_addresses"] == "10.0.0.5, fd00::5"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"listen": ["db1"]}, "it must be an IP address of the host"),
        ({"listen": ["0.0.0.0"]}, "it must be an IP address of the host"),
        ({"key": ""}, "other hosts could not tell the server from another"),
        ({"listen": []}, "postgres_server_listen is empty"),
        ({"databases": []}, "has no database of that name whose owner is 'shop'"),
        ({"databases": [{"name": "shop", "owner": "ann"}]}, "whose owner is 'shop'"),
        ({"clients": [{**SHOP, "addresses": ["0.0.0.0/0"]}]}, "which is everybody"),
        ({"clients": [{**SHOP, "addresses": ["web1"]}]}, "must be an IP address or a network"),
        ({"clients": [{**SHOP, "database": "all"}]}, "must be names as in postgres_server_databases"),
        ({"clients": [{**SHOP, "user": "postgres"}]}, "must be names as in postgres_server_databases"),
    ],
)
def test_what_is_refused(changes: dict[str, Any], words: str) -> None:
    assert network.problems(RIGHT) == []
    assert any(words in text for text in server_problems({**RIGHT, **changes}))


def test_a_verifier_is_of_its_password_alone() -> None:
    kept = passwords.verifier("pencil")
    assert kept != passwords.verifier("pencil"), "a salt of its own"
    assert passwords.is_of(kept, "pencil")
    assert not passwords.is_of(kept, "pencils")
    for other in (None, "", "md5" + "0" * 32, "SCRAM-SHA-256$x"):
        assert not passwords.is_of(other, "pencil")
    assert not passwords.is_of(kept, "")


def test_the_verifier_is_that_of_rfc_7677() -> None:
    """Its example (section 3) has the user's proof; the stored key of its password and salt is what a server keeps."""
    salt = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
    found = passwords.VERIFIER.fullmatch(passwords.verifier("pencil", salt, 4096))
    assert found
    message = (
        b"n=user,r=rOprNGfwEbeRWgbNEkqO,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
        b"s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
    )
    signature = hmac.digest(base64.b64decode(found[3]), message, "sha256")
    proof = base64.b64decode("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")
    client = bytes(one ^ two for one, two in zip(proof, signature, strict=True))
    assert hashlib.sha256(client).digest() == base64.b64decode(found[3])
    assert hmac.digest(base64.b64decode(found[4]), message, "sha256") == base64.b64decode(
        "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
    )


def test_a_password_is_made_once_and_for_root_alone(tmp_path: Path) -> None:
    folder = tmp_path / "passwords"
    assert passwords.read("shop", folder) == ""
    made = passwords.make("shop", folder)
    assert passwords.read("shop", folder) == made
    assert len(made) >= 40
    assert made.isascii()
    assert passwords.path_of("shop", folder).stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o711
    assert passwords.path_of("shop", folder).stat().st_uid == os.geteuid()
    assert passwords.make("shop", folder) != made


def state(password: str | None, plain: bool = True) -> dict[str, Any]:
    known = {"owner": "shop", "encoding": "UTF8", "public": False}
    return {
        "version": 170000,
        "statistics": False,
        "roles": {"shop": {"superuser": False, "plain": plain, "password": password}},
        "databases": {"shop": known},
        "extensions": {},
    }


@pytest.mark.parametrize(
    ("password", "kept", "todo"),
    [
        ("", None, ""),
        ("", passwords.verifier("old"), "PASSWORD NULL"),
        ("new", None, "PASSWORD '…'"),
        ("new", passwords.verifier("old"), "PASSWORD '…'"),
        ("new", passwords.verifier("new"), ""),
    ],
)
def test_a_role_has_the_password_that_it_is_to_have(password: str, kept: str | None, todo: str) -> None:
    wanted = databases.wanted_databases([{"name": "shop"}], {"shop": password})
    plan = databases.plan(wanted, state(kept), "C.UTF-8")
    assert len(plan.lines) == bool(todo)
    assert all(todo in line for line in plan.lines)
    assert "SCRAM" not in str(plan.lines)
    if "…" in todo:
        verifier = plan.statements["postgres"][0].partition("PASSWORD '")[2].partition("'")[0]
        assert passwords.is_of(verifier, password)


def test_a_new_role_gets_its_password_at_once() -> None:
    fresh = {**state(None), "roles": {}, "databases": {}}
    plan = databases.plan(databases.wanted_databases([{"name": "shop"}], {"shop": "new"}), fresh, "C.UTF-8")
    assert plan.statements["postgres"][0].startswith('CREATE ROLE "shop" LOGIN')
    assert "SCRAM-SHA-256$" in plan.statements["postgres"][0]
    assert "new" not in str(plan.statements)
    assert "PASSWORD '…'" in plan.lines[0]
