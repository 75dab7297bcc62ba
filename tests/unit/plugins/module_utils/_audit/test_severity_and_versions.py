# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""How severe a vulnerability is, and which version mends it."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._audit import severity, versions
from packaging.version import Version

# Base scores as the National Vulnerability Database publishes them.
VECTORS = {
    "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H": (9.8, "critical"),  # CVE-2021-44906
    "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H": (10.0, "critical"),  # CVE-2021-44228
    "CVSS:3.0/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N": (6.1, "medium"),
    "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N": (7.5, "high"),  # CVE-2023-30861
    "CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:U/C:L/I:L/A:N": (5.4, "medium"),  # CVE-2024-22195
    "CVSS:3.1/AV:L/AC:H/PR:H/UI:R/S:U/C:L/I:N/A:N": (1.8, "low"),
    "CVSS:3.1/AV:N/AC:L/PR:L/UI:N/S:C/C:L/I:L/A:L": (7.4, "high"),
    "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N": (0.0, "low"),
    "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:N/VA:N/SC:N/SI:N/SA:N": (None, "unknown"),
    "CVSS:3.1/AV:X": (None, "unknown"),
    "": (None, "unknown"),
}


@pytest.mark.parametrize("vector", VECTORS)
def test_the_score_of_a_vector_is_the_published_one(vector: str) -> None:
    assert (severity.score(vector), severity.of_vector(vector)) == VECTORS[vector]


# Each row: a record, and how severe it is.
RECORDS: dict[str, tuple[dict[str, Any], str]] = {
    "the word of its database goes first": (
        {"database_specific": {"severity": "MODERATE"}, "severity": [{"score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}]},
        "medium",
    ),
    "else the vector": ({"severity": [{"score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N"}]}, "high"),
    "the worst of several": (
        {"severity": [{"score": "CVSS:3.1/AV:L/AC:H/PR:H/UI:R/S:U/C:L/I:N/A:N"},
                      {"score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N"}]},
        "high",
    ),
    "also of a package": ({"affected": [{"database_specific": {"severity": "CRITICAL"}}]}, "critical"),
    "nobody has said": ({"affected": [{}], "database_specific": {"source": "x"}}, "unknown"),
}  # fmt: skip


@pytest.mark.parametrize("record, level", RECORDS.values(), ids=RECORDS)
def test_a_record_is_as_severe_as_it_says(record: dict[str, Any], level: str) -> None:
    assert severity.of_record(record) == level


def test_what_nobody_has_rated_reaches_every_level() -> None:
    assert [level for level in severity.LEVELS if severity.reaches("medium", level)] == ["low", "medium"]
    assert [level for level in severity.LEVELS if severity.reaches("unknown", level)] == list(severity.LEVELS)


VERSIONS = [
    "1.dev0", "1.0.dev456", "1.0a1", "1.0a2.dev456", "1.0a12", "1.0b1.dev456", "1.0b2", "1.0rc1", "1.0", "1.0.post1.dev2",
    "1.0.post1",
    "1.0.1", "1.1.dev1", "1.9", "1.10", "2.0c1", "2", "10.0", "1!0.1",
]  # fmt: skip
"""In their order: the examples of the specification, https://packaging.python.org/specifications/version-specifiers/."""


def test_versions_have_the_order_of_the_specification() -> None:
    assert sorted(VERSIONS, key=Version) == VERSIONS
    assert [versions.order(text) for text in VERSIONS] == sorted(map(versions.order, VERSIONS))  # type: ignore[type-var]
    assert versions.order("1.0") == versions.order("v1.0.0+local")
    assert versions.order("deadbeef") is None
