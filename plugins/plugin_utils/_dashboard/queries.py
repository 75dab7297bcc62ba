# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What the page asks the store: `queries.json`, which the page reads as well as the rules and Grafana's dashboard are made from.

`$window` is the time that a point of a graph stands for, `$table` that of a table, `$app` where labels of one app may go.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

PAGE = Path(__file__).resolve().parents[3] / "roles" / "host_dashboard" / "files" / "page"
RECORDED = re.compile(r"(?P<name>[a-z0-9_:]+)(\{(?P<labels>[^}]*)\})?")
LABEL = re.compile(r'(\w+)="([^"]*)"')
EVERY = "5m"


@cache
def queries() -> Mapping[str, Any]:
    """Return all of `queries.json`."""
    found: Mapping[str, Any] = json.loads((PAGE / "queries.json").read_text())
    return found


def rules() -> dict[str, Any]:
    """Return the Prometheus recording rules for graphs of up to a month: one value per five minutes."""
    return {"groups": [{"name": "slipway-dashboard", "interval": EVERY, "rules": list(_rules())}]}


def _rules() -> Iterator[dict[str, Any]]:
    for key, query in queries()["recorded"].items():
        found = RECORDED.fullmatch(key)
        if not found:
            raise ValueError(f"queries.json: '{key}' is no name of a series")
        labels = dict(LABEL.findall(found["labels"] or ""))
        yield {"record": found["name"], "expr": query, **({"labels": labels} if labels else {})}


def filled(query: str, window: str, app: str = "") -> str:
    """Return QUERY with what it stands for in the place of its words."""
    return query.replace("$window", window).replace("$table", window).replace("$app", app)


def asked() -> Iterator[tuple[str, str]]:
    """Yield where each query is and its text, with nothing left to fill in."""
    found = queries()
    yield "now", '{__name__=~"' + "|".join(found["now"]["names"]) + '"}'
    yield "events", found["events"]
    for name, query in found["now"]["derived"].items():
        yield f"now.{name}", query
    for table, entry in found["tables"].items():
        for name, series in entry["series"].items():
            for kind in ("query", "long"):
                yield f"tables.{table}.{name}.{kind}", filled(series[kind], "1h")
    for chart in found["charts"]:
        for number, series in enumerate(chart["series"]):
            for kind in ("query", "long"):
                yield f"charts.{chart['id']}.{number}.{kind}", filled(series[kind], "5m")
    for name, query in found["recorded"].items():
        yield f"recorded.{name}", query
