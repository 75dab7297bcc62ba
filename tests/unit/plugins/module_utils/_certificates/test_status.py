# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A certificate that is not renewed is told long before it ends."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._certificates import acme, status
from ansible_collections.slipway.flask.plugins.module_utils._certificates.acme import Failure, Record, Settings, Site
from ansible_collections.slipway.flask.plugins.module_utils._certificates.store import DAY, Facts

URL = "https://ca/dir"
FAILURE = Failure("2026-11-20T06:12:09Z", "2026-11-21T06:12:09Z", "it is down")
FAILED = "slipway-certificates.service failed; see journalctl -u slipway-certificates.service"
STOPPED = "slipway-certificates.timer is inactive, so its certificate is not renewed; run site.yml"


@pytest.mark.parametrize(
    ("self_signed", "record", "timer", "service", "found"),
    [
        (False, Record(URL), "active", "inactive", []),
        (False, Record(URL, failure=FAILURE), "active", "failed",
         ["its certificate is valid for another 20 days and could not be renewed since 2026-11-20T06:12:09Z: it is down"]),
        (True, Record(failure=FAILURE), "active", "inactive",
         ["its certificate is self-signed, because none has been obtained from https://ca/dir yet: it is down"]),
        (True, Record(), "active", "inactive",
         ["its certificate is self-signed, because none has been obtained from https://ca/dir yet"]),
        (False, Record(URL, left_out={"b.example": "the name does not exist in DNS"}), "active", "inactive",
         ["its certificate does not cover b.example: the name does not exist in DNS"]),
        (False, Record(URL), "inactive", "inactive", [STOPPED]),
        (False, Record(URL), "active", "failed", [FAILED]),
    ],
)  # fmt: skip
def test_each_problem_is_told(
    self_signed: bool,
    record: Record,
    timer: str,
    service: str,
    found: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "shop").mkdir()
    record.write(tmp_path / "shop")
    settings = Settings(URL, certificates=str(tmp_path), sites=[Site("shop", ["a.example"])])
    (tmp_path / "settings.json").write_text(settings.as_text())
    end = time.time() + 20.1 * DAY
    facts = Facts(frozenset({"a.example"}), end, self_signed, "key", end - 90 * DAY, "0A")
    monkeypatch.setattr(acme, "facts_of", lambda _: facts)
    monkeypatch.setattr(status, "state", lambda unit: timer if unit.endswith(".timer") else service)
    assert status.certificate_problems("shop", tmp_path) == found
    assert status.certificate_problems("other", tmp_path) == []


def test_a_host_without_acme_has_no_such_problems(tmp_path: Path) -> None:
    assert status.certificate_problems("shop", tmp_path) == []
