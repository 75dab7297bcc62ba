# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""How severe a vulnerability is, in the five words of CVSS: what its database says, else the base score of its vector.

Source: https://www.first.org/cvss/v3.1/specification-document, sections 5, 7.1 and 7.4. A vector of CVSS 4 needs a table of 270
entries and is left to the databases, which say a word beside it. PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

LEVELS = ("low", "medium", "high", "critical")
UNKNOWN = "unknown"
"""Nobody has said how severe it is; it counts as at least any level."""
WORDS = {"none": "low", "moderate": "medium", **{level: level for level in LEVELS}}
WEIGHTS = {
    "AV": {"N": 0.85, "A": 0.62, "L": 0.55, "P": 0.2},
    "AC": {"L": 0.77, "H": 0.44},
    "UI": {"N": 0.85, "R": 0.62},
    "C": {"H": 0.56, "L": 0.22, "N": 0.0},
    "I": {"H": 0.56, "L": 0.22, "N": 0.0},
    "A": {"H": 0.56, "L": 0.22, "N": 0.0},
}
PRIVILEGES = {"U": {"N": 0.85, "L": 0.62, "H": 0.27}, "C": {"N": 0.85, "L": 0.68, "H": 0.5}}


def reaches(severity: str, threshold: str) -> bool:
    """Tell whether SEVERITY is at least the level THRESHOLD."""
    return severity not in LEVELS or LEVELS.index(severity) >= LEVELS.index(threshold)


def rank(severity: str) -> int:
    """Return a number by which the worst comes first when it is sorted; what nobody knows stands beside `high`."""
    return -(LEVELS.index(severity) if severity in LEVELS else LEVELS.index("high"))


def of_record(record: Mapping[str, Any]) -> str:
    """Return how severe an OSV RECORD is."""
    own = [record.get("database_specific"), *(one.get("database_specific") for one in record.get("affected") or ())]
    for place in own:
        word = str((place or {}).get("severity") or "").lower()
        if word in WORDS:
            return WORDS[word]
    entries = [
        *(record.get("severity") or ()),
        *(e for one in record.get("affected") or () for e in one.get("severity") or ()),
    ]
    levels = [level for entry in entries if (level := of_vector(str(entry.get("score") or ""))) != UNKNOWN]
    return max(levels, key=LEVELS.index, default=UNKNOWN)


def of_vector(vector: str) -> str:
    """Return the level of a CVSS 3 VECTOR, `unknown` for another one."""
    value = score(vector)
    if value is None:
        return UNKNOWN
    return "critical" if value >= 9 else "high" if value >= 7 else "medium" if value >= 4 else "low"


def score(vector: str) -> float | None:
    """Return the base score, 0.0 to 10.0, of a CVSS 3 VECTOR, None for another text."""
    if not vector.startswith(("CVSS:3.0/", "CVSS:3.1/")):
        return None
    parts = dict(part.split(":", 1) for part in vector.split("/")[1:] if ":" in part)
    try:
        changed = {"U": False, "C": True}[parts["S"]]
        weight = {name: WEIGHTS[name][parts[name]] for name in WEIGHTS}
        privileges = PRIVILEGES[parts["S"]][parts["PR"]]
    except KeyError:
        return None
    impact_base = 1 - (1 - weight["C"]) * (1 - weight["I"]) * (1 - weight["A"])
    impact = 6.42 * impact_base
    if changed:
        impact = 7.52 * (impact_base - 0.029) - 3.25 * (impact_base - 0.02) ** 15
    if impact <= 0:
        return 0.0
    total = impact + 8.22 * weight["AV"] * weight["AC"] * privileges * weight["UI"]
    return rounded_up(min(1.08 * total if changed else total, 10))


def rounded_up(value: float) -> float:
    """Return VALUE rounded up to one decimal, as appendix A of the specification does it."""
    whole = round(value * 100_000)
    return whole / 100_000 if whole % 10_000 == 0 else (math.floor(whole / 10_000) + 1) / 10
