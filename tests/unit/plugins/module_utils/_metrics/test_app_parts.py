# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Releases, processes and certificates of an app, as the host has them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._certificates.store import Facts
from ansible_collections.slipway.flask.plugins.module_utils._metrics import certificates, processes, releases
from ansible_collections.slipway.flask.plugins.module_utils._metrics.config import App, Config
from ansible_collections.slipway.flask.plugins.module_utils._metrics.sample import Sample
from ansible_collections.slipway.flask.plugins.module_utils._process import runs
from fake_tools import Tools, tool  # noqa: F401  (the fixture)

ENDED = "2026-11-26T10:00:00Z"
AT = 1795687200.0


@pytest.fixture(name="app")
def _app(tmp_path: Path) -> App:
    (tmp_path / "srv/releases/0002-abc").mkdir(parents=True)
    (tmp_path / "srv/current").symlink_to("releases/0002-abc")
    (tmp_path / "etc/releases/0002-abc").mkdir(parents=True)
    return App("shop", str(tmp_path / "srv"), str(tmp_path / "etc"), domains=["shop.test", "www.shop.test"])


def values(samples: Iterable[Sample], *labels: str) -> dict[tuple[str, ...], float]:
    """Return each value by its name and the values of LABELS."""
    return {
        (one.name.removeprefix("slipway_"), *(one.labels.get(name, "") for name in labels)): one.value
        for one in samples
    }


def run(release: str, outcome: str, **more: Any) -> str:
    entry = {
        "id": release,
        "revision": "abcdef0123456789",
        "ended": ENDED,
        "outcome": outcome,
        "what": "deploy",
        "seconds": {"fetch": 1.5},
    }
    return json.dumps({**entry, **more}) + "\n"  # fmt: skip


def test_the_release_that_serves_is_told_with_its_revision_and_since_when(app: App) -> None:
    app.places.history.write_text(
        run("0001-aaa", "deployed") + run("0002-abc", "deployed", ended="2026-11-26T11:00:00Z")
    )
    found = list(releases.Releases(Config(apps=[app])).samples(AT))
    assert found[0].labels == {"app": "shop", "release": "0002-abc", "revision": "abcdef012345"}
    assert values(found)[("release_deployed_timestamp_seconds",)] == AT + 3600


@pytest.mark.parametrize(
    ("line", "action", "outcome"),
    [
        (run("0002-abc", "deployed"), "deploy", "ok"),
        (run("0001-aaa", "rolled back", what="rollback"), "rollback", "ok"),
        (run("0003-bad", "failed", seconds={"fetch": 1, "gate": 3}), "deploy", "failed"),
        (run("0003-bad", "failed", seconds={"fetch": 1, "switch": 0.1, "verify": 5}), "deploy", "taken_back"),
        (run("0001-aaa", "rollback failed", what="rollback", seconds={"start": 1}), "rollback", "failed"),
    ],
)
def test_each_run_is_an_event_with_its_outcome_and_how_long_it_took(
    app: App, line: str, action: str, outcome: str
) -> None:
    app.places.history.write_text(line)
    found = values(releases.Releases(Config(apps=[app])).samples(AT), "action", "outcome")
    assert found["release_event_timestamp_seconds", action, outcome] == AT
    assert found["release_event_seconds", action, outcome] == sum(json.loads(line)["seconds"].values())


def test_of_a_long_history_the_last_twenty_runs_are_told_and_what_cannot_be_read_is_left_out(app: App) -> None:
    rows = [
        run(f"{number:04d}-abc", "deployed", ended=f"2026-11-26T10:00:{number % 60:02d}Z") for number in range(3000)
    ]
    app.places.history.write_text("".join(rows) + '{"cut\n[1]\n' + run("3000-abc", "killed"))
    events = [one for one in releases.Releases(Config(apps=[app])).samples(AT) if one.name.endswith("event_seconds")]
    assert len(events) == 19  # one of the last twenty was killed, and nobody knows when
    assert events[-1].labels["release"] == "2999-abc"


def test_a_history_is_read_again_only_when_it_has_changed(app: App) -> None:
    app.places.history.write_text(run("0002-abc", "deployed"))
    part = releases.Releases(Config(apps=[app]))
    assert len(list(part.samples(AT))) == 4
    first = part._read["shop"][1]
    assert list(part.samples(AT))
    assert part._read["shop"][1] is first
    with app.places.history.open("a") as file:
        file.write(run("0002-abc", "rolled back", what="rollback"))
    assert len(list(part.samples(AT))) == 6


def test_an_app_without_a_release_has_no_series(tmp_path: Path) -> None:
    config = Config(apps=[App("shop", str(tmp_path), str(tmp_path))])
    assert list(releases.Releases(config).samples(AT)) == []
    assert list(processes.Processes(config).samples(AT)) == []


SHOWN = """
cat <<'END'
Id=shop@0002-abc.service
ActiveState=active
NRestarts=2
MemoryCurrent=1000
MemoryMax=2000
CPUUsageNSec=1500000000
LimitNOFILE=8192
ControlGroup=/system.slice/shop

Id=shop.mail@0002-abc.service
ActiveState=failed
NRestarts=9
MemoryCurrent=[not set]
MemoryMax=infinity
CPUUsageNSec=18446744073709551615
LimitNOFILE=8192
ControlGroup=

Id=shop.night@0002-abc.timer
ActiveState=active
END
"""


def test_each_process_of_the_release_tells_how_it_is_and_systemd_is_asked_once(
    app: App, tool: Tools, tmp_path: Path, monkeypatch: pytest.MonkeyPatch  # noqa: F811
) -> None:  # fmt: skip
    wanted = {"mail": {"kind": "worker", "instances": 2}, "night": {"kind": "schedule"}}
    (app.places.settings_of("0002-abc") / "processes.json").write_text(json.dumps(wanted))
    group = tmp_path / "cgroup/system.slice/shop"
    group.mkdir(parents=True)
    (group / "cgroup.procs").write_text(f"{os.getpid()}\n99999999\n")
    monkeypatch.setattr(processes, "CGROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(runs, "FOLDER", tmp_path)
    calls = tool("systemctl", SHOWN)
    found = list(processes.Processes(Config(apps=[app])).samples(AT))
    by_unit = values(found, "unit")
    web, mail, night = "shop@0002-abc.service", "shop.mail@0002-abc.service", "shop.night@0002-abc.timer"
    assert {unit: by_unit["process_up", unit] for unit in (web, mail, night)} == {web: 1, mail: 0, night: 1}
    assert by_unit["process_up", "shop.mail.2@0002-abc.service"] == 0, "systemd does not know it"
    assert (by_unit["process_memory_bytes", web], by_unit["process_memory_max_bytes", web]) == (1000, 2000)
    assert (by_unit["process_cpu_seconds_total", web], by_unit["process_restarts_total", web]) == (1.5, 2)
    assert by_unit["process_open_files", web] > 0
    assert by_unit["process_open_files_max", web] == 8192
    assert not [key for key in by_unit if key[1] == mail and "memory" in key[0]], "nothing runs, and nothing is a limit"
    assert ("process_cpu_seconds_total", mail) not in by_unit
    wanted_counts = {key[1]: value for key, value in values(found, "process").items() if key[0] == "process_wanted"}
    assert wanted_counts == {"web": 1, "mail": 2, "night": 1}
    assert len(calls()) == 1


def test_an_app_that_has_files_open_without_an_end_is_not_counted_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "PROC", tmp_path)
    monkeypatch.setattr(processes, "MOST_FILES", 30)
    for pid in range(5):
        (tmp_path / str(pid) / "fd").mkdir(parents=True)
        for number in range(20):
            (tmp_path / str(pid) / "fd" / str(number)).touch()
    opened, scandir = [], os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: opened.append(path) or scandir(path))
    assert processes.most_open([99, 0, 1, 2, 3, 4]) == 20
    assert processes.open_files(0, 5) == 5
    assert len(opened) == 4


@pytest.mark.parametrize(
    ("results", "failed", "last"),
    [(["success"], 0, 110.0), (["exit-code", "success"], 1, 110.0), (["timeout"], 1, None), ([], 0, None)],
)
def test_a_schedule_tells_when_a_run_last_ended_well_and_whether_the_last_one_failed(
    app: App, tool: Tools, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,  # noqa: F811
    results: list[str], failed: float, last: float | None,
) -> None:  # fmt: skip
    (app.places.settings_of("0002-abc") / "processes.json").write_text('{"night": {"kind": "schedule"}}')
    monkeypatch.setattr(runs, "FOLDER", tmp_path)
    entries = [{"release": "0002-abc", "started": 100.0, "seconds": 10.0, "result": result} for result in results]
    (tmp_path / "shop.night.json").write_text(json.dumps({"runs": entries}))
    tool("systemctl", "true")
    found = values(processes.Processes(Config(apps=[app])).samples(AT), "process")
    assert found["timer_failed", "night"] == failed
    assert found.get(("timer_last_success_timestamp_seconds", "night")) == last


def test_a_certificate_tells_its_end_for_each_domain_and_is_read_again_when_it_was_renewed(
    app: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends = [AT, AT + 1]
    monkeypatch.setattr(
        certificates.acme, "facts_of", lambda home: Facts(frozenset(), ends.pop(0), False, "", AT - 9, "")
    )
    (tmp_path / "tls/shop").mkdir(parents=True)
    file = tmp_path / "tls/shop/certificate.pem"
    part = certificates.Certificates(
        Config(apps=[app, App("new", "/srv/new", "/etc/new", ["new.test"])]), tmp_path / "tls"
    )
    assert list(part.samples(AT)) == []
    file.write_text("")
    begun = {("certificate_not_before_timestamp_seconds", domain): AT - 9 for domain in app.domains}
    expected = begun | {("certificate_not_after_timestamp_seconds", domain): AT for domain in app.domains}
    assert values(part.samples(AT), "domain") == expected
    assert values(part.samples(AT), "domain") == expected
    os.utime(file, (1, 1))
    assert set(values(part.samples(AT), "domain").values()) == {AT - 9, AT + 1}
