# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What the page asks for is measured, and is on the host in every place that it is asked from."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._metrics import collect
from ansible_collections.slipway.flask.plugins.plugin_utils._alerts import rules
from ansible_collections.slipway.flask.plugins.plugin_utils._dashboard import queries
from metric_names import KNOWN, MYSQL, OURS, POSTGRES, REDIS

COLLECTOR = "".join(path.read_text() for path in Path(collect.__file__).parent.glob("*.py"))
ASKED = dict(queries.asked())
FOUND = queries.queries()
RECORDED = {rule["record"] for group in queries.rules()["groups"] for rule in group["rules"]}
NAME = re.compile(r"\b(?:ALERTS\w*|up|(?:slipway|pg|mysql|redis|node)[_:][A-Za-z0-9_:]+)")
PAGE = {path.name: path.read_text() for path in queries.PAGE.iterdir() if path.suffix in (".js", ".css", ".html")}


def names(query: str) -> Iterator[str]:
    """Yield the names of the series in QUERY, without what stands in quotes or in braces of labels."""
    bare = query if query.startswith("{__name__") else re.sub(r'"(\\.|[^"\\])*"', '""', query)
    yield from NAME.findall(bare)


@pytest.mark.parametrize("place", ASKED)
def test_a_query_asks_only_for_what_is_measured(place: str) -> None:
    found = set(names(ASKED[place]))
    if place.startswith("recorded."):
        assert found <= KNOWN
    assert found and found - KNOWN - RECORDED == set()
    assert "$" not in ASKED[place], "nothing is left to fill in"


@pytest.mark.parametrize("name", [*OURS.split(), *POSTGRES.split(), *MYSQL.split(), *REDIS.split()])
def test_what_may_be_asked_for_is_in_what_measures(name: str) -> None:
    """As it is, or as a beginning that is put before its end, as `pg_stat_database_{name}` is."""
    begins = {found for found in re.findall(r'f"([a-z_]+_)\{', COLLECTOR) if name.startswith(found)}
    histogram = name.rpartition("_")[0] if name.endswith(("_bucket", "_sum", "_count")) else ""
    ends = [name.removeprefix(begin) for begin in begins]
    found = f'"{name}"' in COLLECTOR or any(re.search(rf"\b{end}\b", COLLECTOR) for end in ends)
    assert found or (histogram and f'"{histogram}"' in COLLECTOR), name


def test_each_alert_is_told_in_words() -> None:
    told = set(re.findall(r"^  ([A-Z]\w+): \[", PAGE["wrong.js"], re.MULTILINE))
    assert told == {rule.name for rule in rules.rules()} - {rules.WATCHDOG} | {"HostUnreachable"}


def test_every_recorded_series_is_asked_for_in_a_graph_and_none_is_asked_for_that_is_not_recorded() -> None:
    found = {
        name for place, query in ASKED.items() if place.startswith(("charts.", "tables.")) for name in names(query)
    }
    assert {name for name in found if ":" in name} == RECORDED


def test_a_graph_of_a_day_and_more_reads_no_histogram_and_no_counter() -> None:
    """A month of either is more than a small host reads in a second."""
    for place, query in ASKED.items():
        if place.endswith(".long"):
            assert not re.search(r"_bucket|_total|\b(rate|increase)\(", re.sub(r"[\w]+:[\w:]+", "", query)), place


def test_series_that_the_page_reads_by_name_are_among_those_that_it_asks_for() -> None:
    text = "".join(PAGE[name] for name in ("wrong.js", "sections.js", "main.js"))
    wanted = set(re.findall(r'(?:all|one|beside)\("([a-zA-Z]\w+)"', text))
    assert len(wanted) > 30
    assert wanted - set(FOUND["now"]["names"]) == set()
    derived = set(re.findall(r'(?:computed|derive)\("(\w+)"', text)) | set(re.findall(r"derived\.(\w+)", text))
    assert derived - set(FOUND["now"]["derived"]) == set()
    read = {*wanted, *re.findall(r'"((?:slipway|pg|node|redis)_\w+|ALERTS\w*|up)"', text)}
    assert set(FOUND["now"]["names"]) - read - set(re.findall(r"state\.(\w+)", text)) == set()


def test_the_page_has_nothing_inline_and_asks_no_other_host() -> None:
    html = PAGE["index.html"]
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", html)
    for name, text in PAGE.items():
        if not name.startswith("uPlot"):
            outside = re.findall(r"https?://[^\s\"'`]+", text)
            assert [url for url in outside if "www.w3.org" not in url and "${" not in url] == [], name
            assert "innerHTML" not in text and "insertAdjacentHTML" not in text and "eval(" not in text, name
    for path in re.findall(r'(?:src|href)="/page/([^"]+)"', html):
        assert path == "about.json" or (queries.PAGE / path).is_file(), path  # which each host has its own of


def test_the_library_that_draws_is_the_pinned_one_with_its_licence() -> None:
    assert "uPlot (v1.6.32)" in PAGE["uPlot.iife.min.js"].splitlines()[0]
    assert "MIT License" in (queries.PAGE / "uPlot-LICENSE").read_text()
