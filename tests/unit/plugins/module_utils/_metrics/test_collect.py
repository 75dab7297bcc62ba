# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A part that fails or hangs costs the others nothing, and what an app can write harms no file."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._metrics import collect, text
from ansible_collections.slipway.flask.plugins.module_utils._metrics.collect import Collector, Config, Sample


class Clock:
    """Seconds that pass only when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Told:
    """A part that does what DOES says, and counts its looks."""

    name: str
    does: Callable[[], Iterable[Sample]]
    every: float = 15
    looks: list[float] = field(default_factory=list)

    def samples(self, now: float) -> Iterable[Sample]:
        self.looks.append(now)
        return self.does()


def made(part: Told) -> Callable[[Config], Any]:
    """Return what makes PART."""

    def make(config: Config) -> Told:
        return part

    make.__name__ = part.name
    return make


def well() -> Iterator[Sample]:
    yield Sample("slipway_x", 1)


def fails() -> Iterator[Sample]:
    yield Sample("slipway_y", 1)
    raise ValueError("no such thing")


@pytest.fixture(name="config")
def _config(tmp_path: Path) -> Config:
    return Config(output=tmp_path / "out")


def own(config: Config, name: str = "up") -> dict[str, str]:
    """Return what the collector says of its parts."""
    rows = [
        row
        for row in (config.output / "collector.prom").read_text().splitlines()
        if row.startswith(f"slipway_collector_{name}{{")
    ]
    return {row.split('"')[1]: row.split()[-1] for row in rows}  # fmt: skip


def test_each_part_has_a_file_and_one_that_fails_is_told_and_hurts_no_other(
    config: Config, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = Clock()
    collector = Collector(config, [made(Told("bad", fails)), made(Told("good", well))], clock)
    collector.once(1.0)
    assert (config.output / "good.prom").read_text().splitlines()[-1] == "slipway_x 1"
    assert not (config.output / "bad.prom").exists()
    assert own(config) == {"bad": "0", "good": "1"}
    clock.now += 15
    collector.once(2.0)
    assert capsys.readouterr().err == "bad: ValueError: no such thing\n"


def test_a_part_that_cannot_be_made_is_made_later(config: Config) -> None:
    clock, ready = Clock(), []

    def part(config: Config) -> Told:
        if not ready:
            raise OSError("no server yet")
        return Told("part", well)

    collector = Collector(config, [part], clock)
    collector.once(1.0)
    assert own(config) == {"part": "0"}
    ready.append(True)
    clock.now += 15
    collector.once(2.0)
    assert own(config) == {"part": "1"}


def test_a_part_that_hangs_is_not_up_and_the_others_go_on(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collect, "LIMIT_SECONDS", 0.0)
    free, clock, good = threading.Event(), Clock(), Told("good", well)

    def hangs() -> Iterator[Sample]:
        assert free.wait(60)
        yield Sample("slipway_y", 1)

    slow = Told("slow", hangs)
    collector = Collector(config, [made(slow), made(good)], clock)
    try:
        for turn in range(3):
            collector.once(float(turn))
            collector.watched[1].thread.join(60)  # type: ignore[union-attr]
            clock.now += 15
        assert own(config)["slow"] == "0"
        assert (len(slow.looks), len(good.looks)) == (1, 3)
        clock.now += collect.HUNG_SECONDS
        collector.once(9.0)
        assert len(slow.looks) == 2, "it was left behind and made anew"
    finally:
        free.set()


def test_numbers_that_no_longer_move_are_taken_away(config: Config) -> None:
    clock, does = Clock(), [well]
    part = Told("part", lambda: does[0]())
    collector = Collector(config, [made(part)], clock)
    collector.once(1.0)
    does[0] = fails
    clock.now += 15
    collector.once(2.0)
    assert (config.output / "part.prom").exists()
    clock.now += 90
    collector.once(3.0)
    assert not (config.output / "part.prom").exists()


def test_a_part_with_a_longer_time_between_two_looks_is_asked_less_often(config: Config) -> None:
    clock, part = Clock(), Told("sizes", well, every=300)
    collector = Collector(config, [made(part)], clock)
    for turn in range(41):  # ten minutes, at 0 and 600 inclusive
        collector.once(float(turn))
        clock.now += 15
    assert len(part.looks) == 3


@pytest.mark.parametrize(
    ("samples", "lines"),
    [
        ([Sample("a", 1.5, {"x": 'say "hi"\\\n'})], ['a{x="say \\"hi\\"\\\\ "} 1.5']),
        ([Sample("a", 1, {"x": "é" * 500})], ['a{x="' + "é" * 119 + '…"} 1']),
        ([Sample("a", 1, {"x": "\ud800\x00\x9b"})], ['a{x="   "} 1']),
        ([Sample("a", 1, {"x": '"} 1\nother{app="victim"} 5'})], ['a{x="\\"} 1 other{app=\\"victim\\"} 5"} 1']),
        ([Sample("a", 1), Sample("a", 2)], ["a 1"]),
        ([Sample("a", 1), Sample("a", 2, {"x": "y"}, kind="counter")], ["a 1"]),
        ([Sample("a b", 1), Sample("a", 1, {"x-y": "z"}), Sample("a", 1, {"__name__": "b"})], []),
        ([Sample("a", 1, {f"l{n}": "" for n in range(9)})], []),
        ([Sample("a", float("inf")), Sample("b", float("nan")), Sample("c", 1e15)], ["a +Inf", "b NaN", "c 1000000000000000.0"]),
        ([Sample("h_bucket", 1, {"le": "+Inf"}, "histogram"), Sample("h_sum", 2, kind="histogram"),
          Sample("h_count", 1, kind="histogram")], ['h_bucket{le="+Inf"} 1', "h_sum 2", "h_count 1"]),
    ],
    ids=["escaped", "long", "unprintable", "a forged line", "twice", "two kinds", "no names", "labels", "numbers", "histogram"],
)  # fmt: skip
def test_what_a_label_holds_makes_no_other_series(samples: list[Sample], lines: list[str]) -> None:
    written, left_out = text.render(samples)
    found = [line for line in written.splitlines() if not line.startswith("#")]
    assert (found, left_out) == (lines, len(samples) - len(lines))


def test_a_histogram_has_one_type_for_all_of_its_series() -> None:
    found = text.render(
        [Sample("h_bucket", 1, {"le": "1"}, "histogram", "Seconds."), Sample("h_sum", 1, kind="histogram")]
    )
    assert found[0].startswith("# HELP h Seconds.\n# TYPE h histogram\n")
    assert found[0].count("# TYPE") == 1


def test_a_part_has_a_bounded_number_of_series(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "MOST_SERIES", 3)
    assert text.render(Sample("a", 1, {"n": str(n)}) for n in range(5))[1] == 2


def test_what_a_part_needs_beside_the_common_keys_is_kept() -> None:
    found = Config.of(
        {
            "host": "web1",
            "probe": {"x": 1},
            "apps": [{"name": "shop", "root": "/srv/shop", "settings": "/etc/shop", "log": "/l"}],
        }
    )
    assert (found.host, found.more, found.apps[0].name) == ("web1", {"probe": {"x": 1}}, "shop")
    assert found.apps[0].more == {"log": "/l"}
    assert str(found.apps[0].places.current) == "/srv/shop/current"  # fmt: skip


def test_files_are_not_for_everybody(tmp_path: Path) -> None:
    Collector(Config(output=tmp_path), [made(Told("well", well))]).once(0)
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.glob("*.prom")}
    assert modes == {"well.prom": 0o640, "collector.prom": 0o640}
