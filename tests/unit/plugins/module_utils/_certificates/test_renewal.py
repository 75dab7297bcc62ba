# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""From what is due to what is served: which domains are ordered, what stays, and what is remembered."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, TimeoutError
from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._certificates import client, reach, renewal
from ansible_collections.slipway.flask.plugins.module_utils._certificates import program as certificates_program
from ansible_collections.slipway.flask.plugins.module_utils._certificates import store as tls
from ansible_collections.slipway.flask.plugins.module_utils._certificates.acme import Record, Settings, Site, facts_of
from ansible_collections.slipway.flask.plugins.module_utils._certificates.client import AcmeError
from ansible_collections.slipway.flask.plugins.module_utils._certificates.renewal import Renewal, choose
from ansible_collections.slipway.flask.plugins.module_utils._certificates.store import DAY, Facts

A, B, C = "a.example", "b.example", "c.example"
NOW = 1_000 * DAY


def facts(left: float, *domains: str) -> Facts:
    end = NOW + left * DAY
    return Facts(frozenset(domains), end, False, "key", end - 90 * DAY, "0A")


@pytest.mark.parametrize(
    ("failed", "found", "strict", "chosen"),
    [
        ({}, None, False, [A, B]),
        ({B: "x"}, None, False, [A]),
        ({B: "x"}, facts(60, A), False, [A]),
        # It has the domain, and there is time: a DNS server that is down for an hour costs nobody a certificate.
        ({B: "x"}, facts(29, A, B), False, "b.example: x (the old certificate, which covers it, is kept)"),
        ({B: "x"}, facts(14, A, B), False, [A]),
        ({B: "x"}, facts(-1, A, B), False, [A]),
        ({B: "x"}, None, True, "b.example: x"),
        ({A: "x", B: "y"}, facts(1, A, B), False, "a.example: x; b.example: y"),
    ],
)
def test_domains_that_fail_are_left_out_unless_that_would_break_what_works(
    failed: dict[str, str], found: Facts | None, strict: bool, chosen: list[str] | str
) -> None:
    if isinstance(chosen, list):
        assert choose([A, B], failed, found, strict, NOW) == chosen
        return
    with pytest.raises(AcmeError) as error:
        choose([A, B], failed, found, strict, NOW)
    assert str(error.value) == chosen


class Host:
    """A host with one site, an authority that signs, and an nginx that shows what is in the file after a reload."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.home = folder, folder / "tls/shop"
        self.home.mkdir(parents=True)
        self.orders: list[list[str]] = []
        self.unreachable: dict[str, str] = {}
        self.refused: dict[str, str] = {}
        self.reloads, self.said, self.shows = 0, "", b""
        self.authority = tls.self_signed(["ca.example"], 30, folder)
        monkeypatch.setattr(client, "issue", self.issue)
        monkeypatch.setattr(reach, "unreachable", lambda domains, _: {
            domain: why for domain, why in self.unreachable.items() if domain in domains})  # fmt: skip
        monkeypatch.setattr(renewal, "reload_nginx", self.reload)
        monkeypatch.setattr(renewal, "shown", lambda _: self.shows)
        monkeypatch.setattr(renewal, "SHOWN_SECONDS", 0.3)
        tls.replace(self.home, *tls.self_signed([A], 30, folder))
        self.reload()

    def settings(self, *domains: str, **more: object) -> Settings:
        return Settings("https://ca/dir", certificates=str(self.folder / "tls"),
                        sites=[Site("shop", list(domains))], **more)  # type: ignore[arg-type]  # fmt: skip

    def issue(self, _settings: Settings, _folder: Path, domains: list[str], scratch: Path) -> tuple[str, str]:
        self.orders.append(domains)
        if refused := {domain: why for domain, why in self.refused.items() if domain in domains}:
            raise AcmeError("the authority refused", refused)
        _, key = tls.self_signed(domains, 90, scratch)
        work = self.folder / "work"
        work.mkdir(exist_ok=True)
        files = {name: work / name for name in ("key", "ca.crt", "ca.key", "extensions", "csr", "out")}
        for name, text in (("key", key), ("ca.crt", self.authority[0]), ("ca.key", self.authority[1])):
            files[name].write_text(text)
        files["extensions"].write_text("subjectAltName = " + ", ".join(f"DNS:{domain}" for domain in domains))
        tls.openssl("req", "-new", "-key", str(files["key"]), "-subj", "/CN=x", "-out", str(files["csr"]))
        tls.openssl("x509", "-req", "-in", str(files["csr"]), "-days", "90", "-CA", str(files["ca.crt"]), "-CAkey",
                    str(files["ca.key"]), "-extfile", str(files["extensions"]), "-out", str(files["out"]))  # fmt: skip
        return files["out"].read_text(), key

    def reload(self) -> str:
        self.reloads += 1
        if not self.said:
            self.shows = renewal.der((self.home / "certificate.pem").read_text())
        return self.said

    def run(self, *domains: str, force: bool = False, **more: object) -> renewal.Outcome:
        return Renewal(self.settings(*domains, **more), self.folder).run(force=force)[0]

    @property
    def domains(self) -> frozenset[str]:
        found = facts_of(self.home)
        assert found
        return found.domains


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    return Host(tmp_path, monkeypatch)


def test_one_order_and_then_none(host: Host) -> None:
    assert host.run(A, B).changed == "there is none from the authority yet"
    assert (host.domains, host.reloads) == ({A, B}, 2)
    assert host.run(A, B) == renewal.Outcome("shop")
    assert (len(host.orders), host.reloads) == (1, 2)
    assert host.run(A).changed == "the domains changed"
    assert host.orders == [[A, B], [A]]


def test_force_asks_anyway(host: Host) -> None:
    host.run(A)
    assert host.run(A, force=True).changed == "it was requested"
    assert len(host.orders) == 2


def test_a_domain_that_is_not_here_is_left_out_and_comes_later(host: Host) -> None:
    host.unreachable = {B: "elsewhere"}
    assert host.run(A, B).left_out == {B: "elsewhere"}
    assert host.run(A, B) == renewal.Outcome("shop", left_out={B: "elsewhere"})
    assert host.orders == [[A]]
    host.unreachable = {}
    assert host.run(A, B).changed == f"{B} could not be obtained so far"
    assert (host.domains, Record.read(host.home).left_out) == ({A, B}, {})


def test_a_new_domain_that_is_not_here_costs_no_order(host: Host) -> None:
    host.run(A)
    host.unreachable = {B: "elsewhere"}
    assert host.run(A, B) == renewal.Outcome("shop", left_out={B: "elsewhere"})
    assert len(host.orders) == 1


def test_what_the_authority_refuses_is_left_out_too(host: Host) -> None:
    host.refused = {B: "no"}
    assert host.run(A, B, C).left_out == {B: "the authority says: no"}
    assert host.orders == [[A, B, C], [A, C]]
    host.refused = {A: "no", B: "no", C: "no"}
    assert "the authority says: no" in host.run(A, B, C, force=True).failure
    assert host.domains == {A, C}


def test_strict_orders_nothing_when_one_is_not_here(host: Host) -> None:
    host.unreachable = {B: "elsewhere"}
    assert host.run(A, B, strict=True).failure == f"{B}: elsewhere"
    assert host.orders == []


def test_the_check_can_be_switched_off(host: Host) -> None:
    host.unreachable = {A: "no hairpin"}
    assert host.run(A, check=False).changed
    assert host.orders == [[A]]


def test_a_failure_is_remembered_since_its_first_time_and_ends(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    host.run(A)
    before = host.domains

    def down(*_: object) -> tuple[str, str]:
        raise AcmeError("it is down")

    with monkeypatch.context() as patch:
        patch.setattr(client, "issue", down)
        clock = iter(["t1", "t1", "t2", "t2", "t3"])
        patch.setattr(renewal, "now", lambda: next(clock))
        assert host.run(A, B).failure == "it is down"
        assert host.run(A, B).failure == "it is down"
    failure = Record.read(host.home).failure
    assert failure
    assert (failure.since, failure.last, failure.message) == ("t1", "t2", "it is down")
    assert host.domains == before
    host.run(A, B)
    assert Record.read(host.home).failure is None


def test_a_certificate_that_nginx_was_never_told_of_is_shown_by_the_next_run(host: Host) -> None:
    host.run(A)
    host.shows = b"the one before; the run was killed"
    assert host.run(A) == renewal.Outcome("shop")
    assert host.shows == renewal.der((host.home / "certificate.pem").read_text())


def test_an_nginx_that_does_not_take_it_is_a_failure(host: Host) -> None:
    host.said = "Job for nginx.service failed."
    assert host.run(A).failure == (
        "the new certificate was obtained, but nginx does not serve it: Job for nginx.service failed."
    )


def test_a_certificate_for_less_than_was_asked_is_refused(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    real = host.issue
    monkeypatch.setattr(client, "issue", lambda settings, folder, _, scratch: real(settings, folder, [A], scratch))
    assert host.run(A, B).failure == f"the authority's certificate does not cover {B}"
    assert facts_of(host.home).is_self_signed  # type: ignore[union-attr]


@pytest.fixture
def program(host: Host) -> Callable[..., int]:
    def run(*arguments: str) -> int:
        (host.folder / "settings.json").write_text(host.settings(A, B).as_text())
        return certificates_program.main(list(arguments), host.folder)

    return run


def test_the_program_says_what_it_did_and_fails_when_it_could_not(
    host: Host, program: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    host.unreachable = {B: "elsewhere"}
    assert program("renew") == 0
    assert capsys.readouterr().out == (
        "shop: renewed, because there is none from the authority yet\nshop: b.example is left out: elsewhere\n"
    )
    host.refused = {A: "no"}
    assert program("renew", "--force", "shop") == 1
    assert "a.example: the authority says: no" in capsys.readouterr().err
    assert program("list") == 1
    said = capsys.readouterr().out
    assert said.startswith("shop: 90 days left, a.example, https://ca/dir\n  b.example is left out: elsewhere\n")
    assert "  failing since 20" in said
    with pytest.raises(SystemExit):
        program("renew", "wiki")
    assert "no site with 'certificate: acme' is called wiki; there are shop" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        certificates_program.main(["list"], host.folder / "elsewhere")
    assert "settings.json: No such file or directory; run this as root" in capsys.readouterr().err


def test_a_run_waits_for_another(host: Host) -> None:
    with ThreadPoolExecutor(1) as pool:
        with Renewal(host.settings(A), host.folder)._lock():
            other = pool.submit(host.run, A)
            with pytest.raises(TimeoutError):
                other.result(0.2)
            assert host.orders == []
        assert other.result(10).changed
