# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A deploy of packages with known vulnerabilities: what is reported, what stops it, and what never does."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._release.plan import Plan
from ansible_collections.slipway.flask.plugins.module_utils._release.record import ReleaseError
from ansible_collections.slipway.flask.plugins.plugin_utils._source import folder as source_folder
from fake_host import FakeHost
from installed_packages import install
from osv_server import Osv, serving

COOKIE = "flask 2.2.2: CVE-2023-30861 (high), fixed in 2.2.5: Flask vulnerable to possible disclosure of permanent session cookie"
XSS = "jinja2 3.1.2: CVE-2024-22195 (medium), fixed in 3.1.3: Jinja vulnerable to HTML attribute injection"


@pytest.fixture
def server(host: FakeHost) -> Iterator[tuple[str, type[Osv]]]:
    """A server for the service, and an environment with old packages."""
    for name, version in (("Flask", "2.2.2"), ("Jinja2", "3.1.2"), ("gunicorn", "23.0.0")):
        install(host.paths.environments / "env1", name, version)
    with serving() as found:
        yield found


def policy(mode: str, **more: Any) -> dict[str, Any]:
    return {"mode": mode, "severity": "low", "allow": [], "private": [], **more}


def deploy(host: FakeHost, server: tuple[str, Any], mode: str, **more: Any) -> list[str]:
    """Deploy and return the notes."""
    return host.deploy(audit=policy(mode, **more), audit_url=server[0]).notes


def test_without_an_audit_nobody_is_asked(host: FakeHost, server: tuple[str, type[Osv]]) -> None:
    assert (deploy(host, server, "off"), server[1].asked) == ([], [])


def test_report_names_what_is_vulnerable_and_deploys(host: FakeHost, server: tuple[str, type[Osv]]) -> None:
    notes = deploy(host, server, "report")
    assert [note.startswith(f"vulnerable: {text}") for note, text in zip(notes, (COOKIE, XSS), strict=True)] == [
        True,
        True,
    ]
    said = ["flask 2.2.2: CVE-2023-30861 (high)", "jinja2 3.1.2: CVE-2024-22195 (medium)"]
    assert host.record()["vulnerable"] == host.history[-1]["vulnerable"] == said
    kept = json.loads((host.paths.current / "audit.json").read_text())
    assert ([one["name"] for one in kept["vulnerabilities"]], kept["packages"]) == (
        ["CVE-2023-30861", "CVE-2024-22195"],
        3,
    )


def test_refuse_stops_before_any_code_of_the_app_runs(host: FakeHost, server: tuple[str, type[Osv]]) -> None:
    deploy(host, server, "off")
    serves = host.serving()
    host.change()
    host.events.clear()
    with pytest.raises(ReleaseError) as error:
        deploy(host, server, "refuse")
    assert error.value.stage == "check"
    text = str(error.value)
    assert text.startswith("2 known vulnerabilities in 2 packages, and `audit` is `refuse`:\n")
    assert f"\n- {COOKIE}" in text and f"\n- {XSS}" in text
    assert "probe" not in host.events
    assert host.serving() == serves


def test_what_is_not_severe_enough_is_only_reported(host: FakeHost, server: tuple[str, type[Osv]]) -> None:
    with pytest.raises(ReleaseError) as error:
        deploy(host, server, "refuse", severity="high")
    assert "CVE-2024-22195" not in str(error.value)
    assert len(deploy(host, server, "refuse", severity="critical")) == 2


def test_what_somebody_allows_passes_until_its_day(host: FakeHost, server: tuple[str, type[Osv]]) -> None:
    entry = {"id": "GHSA-m2qf-hxjv-5gpq", "reason": "no cookies", "until": "2999-12-31"}
    notes = deploy(host, server, "refuse", severity="high", allow=[entry])
    assert notes[1].startswith(f"allowed until 2999-12-31: {COOKIE}")
    host.change()
    with pytest.raises(ReleaseError, match="The exception for GHSA-m2qf-hxjv-5gpq ended on 2020-01-01"):
        deploy(host, server, "refuse", severity="high", allow=[{**entry, "until": "2020-01-01"}])


def test_a_service_that_does_not_answer_stops_a_deploy_that_refuses_and_none_that_reports(
    host: FakeHost, server: tuple[str, type[Osv]]
) -> None:
    server[1].broken = (400, "")
    with pytest.raises(ReleaseError) as error:
        deploy(host, server, "refuse")
    assert str(error.value).startswith(
        "the packages could not be checked for known vulnerabilities, and `audit` is `refuse`: "
        f"{server[0]} answered 400 Bad Request\n"
    )
    assert deploy(host, server, "report") == [
        f"the packages were not checked for known vulnerabilities: {server[0]} answered 400 Bad Request"
    ]
    assert not (host.paths.current / "audit.json").exists()


def test_private_packages_are_not_told(host: FakeHost, server: tuple[str, type[Osv]]) -> None:
    install(host.paths.environments / "env1", "acme-billing", "1.0")
    deploy(host, server, "report", private=["acme-*"])
    assert "acme" not in json.dumps(server[1].asked)


def test_a_plan_says_what_a_deploy_would_do(host: FakeHost, server: tuple[str, type[Osv]]) -> None:
    deploy(host, server, "off")
    packed = source_folder.pack(host.source, host.folder / "tar")
    content = base64.b64encode(gzip.compress((host.folder / "tar").read_bytes())).decode()
    asked = {"source_key": packed.key, "content": content, "plan": True, "wsgi": "app:other"}
    found = Plan(host.request(**asked, audit=policy("refuse"), audit_url=server[0])).plan().plan
    assert (found["stage"], found["refused"].partition(",")[0]) == ("check", "2 known vulnerabilities in 2 packages")
    assert host.paths.release_ids() == [host.current]


def test_every_release_has_its_bill_of_materials(host: FakeHost, server: tuple[str, type[Osv]]) -> None:
    (host.source / "requirements.txt").write_text(f"gunicorn==23.0.0 --hash=sha256:{'a' * 64}\n")
    deploy(host, server, "off")
    path = host.paths.current / "sbom.cdx.json"
    found = json.loads(path.read_text())
    assert {one["name"] for one in found["components"]} >= {"flask", "gunicorn", "jinja2"}
    assert found["metadata"]["timestamp"] == host.record()["started"]
    assert [one["hashes"][0]["content"] for one in found["components"] if one["name"] == "gunicorn"] == ["a" * 64]
    assert path.stat().st_mode & 0o777 == 0o640
