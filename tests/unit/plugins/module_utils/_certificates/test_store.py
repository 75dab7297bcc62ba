# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Certificates on the host: made once, renewed when they must be, with a key that is root's alone."""

from __future__ import annotations

import ssl
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._certificates import store as tls
from ansible_collections.slipway.flask.plugins.module_utils._certificates.store import CertificateError, Store, Wanted

SHOP = Wanted("shop", ["shop.example", "*.shop.example"])


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "tls", days=825, renew_days=30)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o7777


def test_self_signed_is_made_once(store: Store) -> None:
    folder = store.root / "shop"
    assert store.ensure(SHOP) == "there is none yet"
    assert [mode(path) for path in (store.root, folder, folder / "key.pem", folder / "certificate.pem")] == [
        0o700, 0o700, 0o600, 0o644]  # fmt: skip
    assert sorted(path.name for path in folder.iterdir()) == ["certificate.pem", "key.pem"]
    facts = tls.describe(folder / "certificate.pem")
    assert facts.domains == {"shop.example", "*.shop.example"} and facts.is_self_signed
    ssl.create_default_context().load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    before = (folder / "key.pem").read_text()
    assert store.ensure(SHOP) == ""
    assert (folder / "key.pem").read_text() == before


def test_very_long_domains_fit(store: Store) -> None:
    assert store.ensure(Wanted("long", ["a" * 60 + "." + "b" * 60 + ".example"]))


def test_self_signed_is_renewed_when_it_must_be(store: Store) -> None:
    store.ensure(SHOP)
    assert store.ensure(replace(SHOP, domains=["shop.example"])) == "the domains changed"
    certificate, key = store.root / "shop" / "certificate.pem", store.root / "shop" / "key.pem"
    key.write_text(tls.self_signed(["x"], 1, store.root)[1])
    assert store.ensure(replace(SHOP, domains=["shop.example"])) == "the key is not the certificate's"
    certificate.write_text("nonsense")
    assert store.ensure(SHOP) == "the old one can't be read"
    key.unlink()
    assert store.ensure(SHOP) == "there is none yet"
    short = Store(store.root, days=29, renew_days=30)
    certificate.unlink()
    short.ensure(SHOP)
    assert store.ensure(SHOP) == "28 days are left"


def test_order_of_domains_is_no_reason(store: Store) -> None:
    store.ensure(SHOP)
    assert store.ensure(replace(SHOP, domains=SHOP.domains[::-1])) == ""


def test_provided_is_put_there_as_given(store: Store, tmp_path: Path) -> None:
    certificate, key = tls.self_signed(["shop.example"], 90, tmp_path)
    provided = replace(SHOP, certificate=certificate, private_key=key)
    assert store.ensure(provided) == "the provided certificate is new"
    assert store.ensure(provided) == ""
    assert store.ensure(replace(provided, private_key=key + "\n")) == "the provided key is new"
    assert mode(store.root / "shop" / "key.pem") == 0o600


def test_wrong_modes_are_corrected(store: Store) -> None:
    store.ensure(SHOP)
    key = store.root / "shop" / "key.pem"
    key.chmod(0o644)
    assert store.ensure(SHOP) == "wrong owner or mode of key.pem"
    assert mode(key) == 0o600


def test_check_mode_writes_nothing(store: Store) -> None:
    pretended = Store(store.root, days=825, renew_days=30, check=True)
    assert pretended.ensure(SHOP) == "there is none yet"
    assert not store.root.exists()
    store.ensure(SHOP)
    key = store.root / "shop" / "key.pem"
    key.chmod(0o644)
    assert pretended.ensure(SHOP) and mode(key) == 0o644


def test_failures_speak(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CertificateError, match="openssl x509 failed"):
        tls.describe(Path("/nonexistent"))
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(CertificateError, match="nginx_tls_packages"):
        store.ensure(SHOP)


def test_key_is_not_in_the_representation() -> None:
    assert "hidden" not in repr(replace(SHOP, private_key="hidden"))
