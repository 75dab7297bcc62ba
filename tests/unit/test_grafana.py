# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The dashboard for Grafana is made from what the page asks, and shows nothing that is not measured."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._dashboard import queries
from metric_names import KNOWN

FILE = Path(__file__).resolve().parents[2] / "docs/grafana/slipway.json"
DASHBOARD: dict[str, Any] = json.loads(FILE.read_text())
NAME = re.compile(r"\b(?:ALERTS|(?:slipway|pg|mysql|redis|node)_\w+)\b")


def expressions() -> Iterator[str]:
    for panel in DASHBOARD["panels"]:
        yield from (target["expr"] for target in panel.get("targets", ()))
    yield from (entry["expr"] for entry in DASHBOARD["annotations"]["list"])


def test_it_is_up_to_date(run: Callable[..., str]) -> None:
    run(sys.executable, "bin/lib/grafana", "--check")


def test_each_query_asks_for_what_is_measured_on_the_hosts_that_are_chosen() -> None:
    found = list(expressions())
    assert len(found) > 25
    for text in found:
        bare = re.sub(r'"(\\.|[^"\\])*"', '""', text)
        names = NAME.findall(bare)
        assert names and set(names) <= KNOWN, text
        series = [name for name in names if name != "ALERTS"]
        assert text.count('instance=~"$host"') == len(series), text
        assert bare.count("(") == bare.count(")") and bare.count("{") == bare.count("}"), text
        assert "$window" not in text and "$table" not in text and re.search(r"\$app\b(?!\")", text) is None, text


def test_it_has_every_graph_of_the_page() -> None:
    titles = [panel["title"] for panel in DASHBOARD["panels"] if panel["type"] == "timeseries"]
    assert sorted(titles) == sorted(chart["title"] for chart in queries.queries()["charts"])


def test_no_panel_lies_on_another_and_none_shares_its_number() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells
    numbers = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(numbers)) == len(numbers)
