# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Samples in Prometheus' text format: https://prometheus.io/docs/instrumenting/exposition_formats/.

The node exporter gives up on all files for one line that is wrong, so nothing wrong is written: what can't be a series is left out.
PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping

from ansible_collections.slipway.flask.plugins.module_utils._metrics.sample import Sample

NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
KINDS = ("gauge", "counter", "histogram")
MOST_LABELS, LONGEST_VALUE, MOST_SERIES = 8, 120, 8000
"""For one series, for one label, and for one part."""
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def render(samples: Iterable[Sample]) -> tuple[str, int]:
    """Return the text of SAMPLES, sorted, and how many were left out: not a series, there already, or too many."""
    families: dict[str, tuple[str, str, dict[str, str]]] = {}
    count = left_out = 0
    for sample in samples:
        family = _family(sample)
        labels = _labels(sample.labels)
        fits = count < MOST_SERIES and NAME.fullmatch(sample.name) and sample.kind in KINDS and labels is not None
        kind, _, lines = families.setdefault(family, (sample.kind, sample.help, {})) if fits else ("", "", {})
        series = f"{sample.name}{labels}"
        if not fits or kind != sample.kind or series in lines:
            left_out += 1
            continue
        lines[series] = number(sample.value)
        count += 1
    return "".join(_text(name, *families[name]) for name in sorted(families)), left_out


def _family(sample: Sample) -> str:
    return re.sub(r"_(bucket|sum|count)$", "", sample.name) if sample.kind == "histogram" else sample.name


def _text(name: str, kind: str, help_: str, lines: Mapping[str, str]) -> str:
    meaning = CONTROL.sub(" ", help_ or name).replace("\\", "\\\\")
    head = f"# HELP {name} {meaning}\n# TYPE {name} {kind}\n"
    return head + "".join(f"{series} {value}\n" for series, value in lines.items())


def _labels(labels: Mapping[str, str]) -> str | None:
    """Return LABELS as they stand behind a name, None when they can't."""
    names = sorted(labels)
    if len(names) > MOST_LABELS or not all(NAME.fullmatch(name) and not name.startswith("__") for name in names):
        return None
    found = ",".join(f'{name}="{escaped(str(labels[name]))}"' for name in names)
    return f"{{{found}}}" if found else ""


def escaped(value: str) -> str:
    """Return a label's VALUE as it stands between quotes: bounded, without characters that don't print."""
    if len(value) > LONGEST_VALUE:
        value = value[: LONGEST_VALUE - 1] + "…"
    return CONTROL.sub(" ", value).replace("\\", "\\\\").replace('"', '\\"')


def number(value: float) -> str:
    """Return VALUE as the format has it."""
    value = float(value)
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
