# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""OSV's export in a file, for hosts without a network: the same answers as the service's, and none from an old one."""

from __future__ import annotations

import json
import os
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._audit import dump, versions
from ansible_collections.slipway.flask.plugins.module_utils._audit.installed import Package
from ansible_collections.slipway.flask.plugins.module_utils._audit.osv import AuditError, Service
from osv_server import RECORDS, affected, serving

OLD = [
    Package("flask", "2.2.2"),
    Package("gunicorn", "23.0.0"),
    Package("jinja2", "3.1.2"),
    Package("werkzeug", "2.2.2"),
]


def export(path: Path, records: list[dict[str, Any]]) -> Service:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for record in records:
            archive.writestr(f"{record['id']}.json", json.dumps(record, indent=2))
    return Service(f"file://{path}")


def test_the_export_says_what_the_service_says(tmp_path: Path) -> None:
    service = export(tmp_path / "all.zip", RECORDS)
    with serving() as (url, _):
        for packages in (
            OLD,
            [Package("flask", "3.1.2")],
            [Package("flask", "2.3.1")],
            [Package("flask", "2.2.5")],
            [],
        ):
            assert service.vulnerabilities(packages) == Service(url).vulnerabilities(packages)
    assert len(service.vulnerabilities(OLD)) == 3


# Each row: what one database says of the package `a.b`, and which versions of it are affected.
AFFECTED: dict[str, tuple[dict[str, Any], set[str]]] = {
    "between two": (affected("A.b", ("1.0", "2.0"))[0], {"1.0", "1.9"}),
    "from the first one": (affected("a_b", ("0", "1.0"))[0], {"0.9", "1.0rc1"}),
    "with no end": (
        {"package": {"ecosystem": "PyPI", "name": "a-b"}, "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "1.0"}]}]},
        {"1.0", "1.9", "2.0", "2.1"},
    ),
    "up to a last one": (
        {"package": {"ecosystem": "PyPI", "name": "a-b"},
         "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"last_affected": "1.9"}]}]},
        {"0.9", "1.0rc1", "1.0", "1.9"},
    ),
    "by name": ({"package": {"ecosystem": "PyPI", "name": "a-b"}, "versions": ["1.9.0", "2.1"]}, {"1.9", "2.1"}),
    "commits only": (
        {"package": {"ecosystem": "PyPI", "name": "a-b"}, "ranges": [{"type": "GIT", "events": [{"introduced": "0"}]}]}, set()
    ),
    "a package of another language": ({**affected("a-b", ("0", "9"))[0], "package": {"ecosystem": "npm", "name": "a-b"}}, set()),
}  # fmt: skip


@pytest.mark.parametrize("one, which", AFFECTED.values(), ids=AFFECTED)
def test_a_version_is_affected_as_osv_evaluates_it(one: dict[str, Any], which: set[str]) -> None:
    known = ["0.9", "1.0rc1", "1.0", "1.9", "2.0", "2.1"]
    assert {text for text in known if dump.affects({"affected": [one]}, Package("a-b", text))} == which


def test_a_version_that_has_no_order_is_found_by_its_name_alone() -> None:
    record = {"affected": [{**affected("a", ("0", "9"))[0], "versions": ["odd"]}]}
    assert versions.order("odd") is None
    assert (dump.affects(record, Package("a", "odd")), dump.affects(record, Package("a", "odder"))) == (True, False)


def test_an_old_or_a_broken_export_is_no_answer(tmp_path: Path) -> None:
    path = tmp_path / "all.zip"
    service = export(path, [])
    os.utime(path, (time.time() - 8.5 * 86_400,) * 2)
    with pytest.raises(AuditError, match=r"all.zip is 8 days old; 7 are the most"):
        service.vulnerabilities(OLD)
    path.write_text("no archive")
    with pytest.raises(AuditError, match=r"all.zip could not be read: File is not a zip file"):
        service.vulnerabilities(OLD)
    path.unlink()
    with pytest.raises(AuditError, match=r"all.zip could not be read: No such file or directory"):
        service.vulnerabilities(OLD)


def test_an_export_that_would_fill_the_memory_or_is_damaged_inside_is_no_answer(tmp_path: Path) -> None:
    path = tmp_path / "all.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.json", bytes(dump.BYTES + 1))
    with pytest.raises(AuditError, match=r"all.zip could not be read: bomb.json in it has more than 32 MB"):
        Service(f"file://{path}").vulnerabilities(OLD)
    whole = export(path, RECORDS)
    content = bytearray(path.read_bytes())
    content[60:120] = bytes(60)
    path.write_bytes(content)
    with pytest.raises(AuditError, match=r"all.zip could not be read: "):
        whole.vulnerabilities(OLD)
    for text in ('{"name": "flask", "affected": ' + "[" * 100_000, '["name", {"name": "flask"}]'):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("X-1.json", text)
        with pytest.raises(AuditError, match=r"all.zip (could not be read|answered what is not OSV's format)"):
            whole.vulnerabilities(OLD)
