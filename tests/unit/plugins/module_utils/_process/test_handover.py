# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""`handover: stop_first`: one release at a time, whatever happens in between."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._migration import still
from ansible_collections.slipway.flask.plugins.module_utils._process import base, handover
from ansible_collections.slipway.flask.plugins.module_utils._process.handover import Told
from ansible_collections.slipway.flask.plugins.module_utils._release.deploy import Deploy
from ansible_collections.slipway.flask.plugins.module_utils._release.record import Record, ReleaseError
from ansible_collections.slipway.flask.plugins.module_utils._release.rollback import Rollback
from ansible_collections.slipway.flask.plugins.module_utils._release.traffic import Traffic
from fake_host import FakeHost, Killed

ALONE = "[Service]\nX-Handover=stop_first\n"
SYSTEMCTL = """#!/bin/sh
echo "$* while $(basename "$(readlink FOLDER/current)") is named" >>FOLDER/log
case "$*" in
    "start shop@BAD.service") exit 1 ;;
esac
"""


# ---- the program that systemd runs ---------------------------------------------------------------------------------


def hand_over(folder: Path, old: str, new: str, bad: str = "none", own: str = "", back: bool = True) -> tuple[Any, ...]:
    """Run the handover beside a false systemctl that can't start BAD; OWN names the release with a socket of its own."""
    (folder / "bin").mkdir()
    for name, text in (("systemctl", SYSTEMCTL), ("ss", "#!/bin/sh\n")):
        (folder / "bin" / name).write_text(text.replace("FOLDER", str(folder)).replace("BAD", bad))
        (folder / "bin" / name).chmod(0o755)
    if old:
        (folder / "current").symlink_to(f"releases/{old}")

    def described(release: str) -> dict[str, str] | None:
        return (
            {"id": release, "unit": f"shop@{release}.service", "socket": "/x" if release == own else ""}
            if release
            else None
        )

    ask = {
        "old": described(old), "new": described(new), "current": str(folder / "current"), "drain": 1, "kept": 0, "back": back,
    }  # fmt: skip
    environment = {**os.environ, "PATH": f"{folder}/bin:{os.environ['PATH']}"}
    done = subprocess.run(
        [sys.executable, "-c", handover.SCRIPT, json.dumps(ask)],
        env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    told = json.loads(done.stdout)
    log = [line for line in (folder / "log").read_text().splitlines() if line.startswith(("start", "stop"))]
    return told["good"], told["back"], os.readlink(folder / "current"), log


def test_the_old_release_ends_before_the_new_one_starts(tmp_path: Path) -> None:
    assert hand_over(tmp_path, "1", "2") == (
        True, False, "releases/2",
        ["stop shop@1.service while 2 is named", "start shop@2.service while 2 is named"],
    )  # fmt: skip


def test_a_release_that_does_not_start_gives_way_to_the_one_before(tmp_path: Path) -> None:
    assert hand_over(tmp_path, "1", "2", bad="2") == (
        False, True, "releases/1",
        ["stop shop@1.service while 2 is named", "start shop@2.service while 2 is named",
         "stop shop@2.service while 2 is named", "start shop@1.service while 1 is named"],
    )  # fmt: skip


def test_a_first_release_ends_nothing(tmp_path: Path) -> None:
    assert hand_over(tmp_path, "", "1") == (True, False, "releases/1", ["start shop@1.service while 1 is named"])


@pytest.mark.parametrize(
    ("bad", "current", "log"),
    [
        ("none", "2", ["stop shop@1.service while 2 is named", "start shop@2.service while 2 is named"]),
        (
            "2",
            "1",
            [
                "stop shop@1.service while 2 is named",
                "start shop@2.service while 2 is named",
                "stop shop@2.service while 2 is named",
                "start shop@1.service while 2 is named",
            ],
        ),
    ],
)
def test_visitors_are_led_back_to_a_socket_of_a_releases_own_when_that_takes_requests(
    tmp_path: Path, bad: str, current: str, log: list[str]
) -> None:
    """The first release with stop_first comes after one that has a socket of its own."""
    good = bad == "none"
    assert hand_over(tmp_path, "1", "2", bad, own="1") == (good, not good, f"releases/{current}", log)


# ---- deploys -------------------------------------------------------------------------------------------------------


@pytest.fixture
def alone(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> FakeHost:
    """The host, whose app must be one process; `host.fails["start …"]` is a release that does not start."""
    (host.units / "shop@.service").write_text(ALONE)

    def hand_over(
        app: str, current: Path, ending: handover.Release | None, starting: handover.Release, *_: object
    ) -> Told:
        old, new = ending["id"] if ending else "", starting["id"]
        host.event(f"hand over from {old or 'nothing'} to {new}")
        host.paths.current.unlink(missing_ok=True)
        host.paths.current.symlink_to(f"releases/{new}")
        host.running.discard(old)
        try:
            host.start(starting["unit"])
        except OSError:
            if old:
                host.paths.current.unlink()
                host.paths.current.symlink_to(f"releases/{old}")
                host.running.add(old)
            return Told(False, bool(old), 1.5)
        return Told(True, False, 0.5)

    monkeypatch.setattr(handover, "hand_over", hand_over)
    return host


def test_a_release_takes_over_at_its_start_and_tells_how_long_requests_waited(alone: FakeHost) -> None:
    alone.deploy()
    old = alone.current
    alone.change()
    alone.events.clear()
    outcome = alone.deploy()
    assert outcome.notes == [f"requests waited 0.5 s while {old} ended and this release started (handover: stop_first)"]
    assert (alone.running, os.listdir(alone.wants)) == ({alone.current}, [f"shop@{alone.current}.service"])
    assert os.readlink(alone.paths.current / "run") == "/run/shop/socket"
    assert not [event for event in alone.events if event.startswith("backlog")], "visitors wait at the same socket"
    assert "ask socket /healthz" in " ".join(alone.events)
    assert alone.paths.previous_id() == old


def test_a_release_that_does_not_start_leaves_the_one_before(alone: FakeHost) -> None:
    alone.deploy()
    before = alone.serving()
    alone.change()
    alone.fails["start 0002"] = OSError("no")
    with pytest.raises(ReleaseError, match=r"did not start; 0001-\w+ is live again, requests waited 1.5 s") as raised:
        alone.deploy()
    assert (raised.value.stage, alone.running, alone.current) == ("start", before["running"], before["current"])
    assert alone.serving()["names"] == before["names"]


def test_a_first_release_that_does_not_start_leaves_nothing(alone: FakeHost) -> None:
    alone.fails["start 0001"] = OSError("no")
    with pytest.raises(ReleaseError, match="did not start; no release is live"):
        alone.deploy()
    assert (alone.current, alone.running, os.path.lexists(alone.paths.current)) == ("", set(), False)


@pytest.mark.parametrize("part", ["health", "site"])
def test_a_release_that_does_not_answer_well_hands_back(alone: FakeHost, part: str) -> None:
    alone.deploy()
    old = alone.current
    alone.change()
    setattr(alone, part, [500])
    with pytest.raises(ReleaseError, match="500"):
        alone.deploy(health={**alone.settings["health"], "timeout_seconds": 0})
    assert (alone.current, alone.running) == (old, {old})
    assert alone.events[-1].startswith("start") or alone.events[-1].startswith("hand over"), alone.events[-3:]


def test_an_old_release_that_does_not_start_again_either_is_told(alone: FakeHost) -> None:
    alone.deploy()
    old = alone.current
    alone.change()
    alone.site = [500]
    alone.fails[f"start {old}"] = OSError("no")
    deploy = Deploy(alone.request(source_key="x"))
    deploy.context.record = Record("0002-x", "shop", "x", "f", previous=old)
    alone.paths.release("0002-x").mkdir()
    (alone.units / "shop@0002-x.service").write_text(ALONE)
    traffic = Traffic(deploy.context)
    traffic.switched = True
    traffic.switch_back()
    assert deploy.context.notes == [f"{old} could not be restarted: see journalctl -u shop@{old}.service"]


def test_a_rollback_hands_over_too(alone: FakeHost) -> None:
    alone.deploy()
    old = alone.current
    alone.change()
    alone.deploy()
    Rollback(alone.request()).roll_back()
    assert (alone.current, alone.running) == (old, {old})


def test_a_run_killed_after_the_handover_is_finished_by_the_next(alone: FakeHost) -> None:
    alone.deploy()
    alone.change()
    alone.fails["ask socket"] = Killed()
    with pytest.raises(Killed):
        alone.deploy()
    new = alone.current
    outcome = alone.deploy()
    assert (outcome.changed, alone.current, alone.running) == (False, new, {new})


def test_a_run_killed_after_the_handover_of_a_bad_release_goes_back(alone: FakeHost) -> None:
    alone.deploy()
    old = alone.current
    alone.change()
    alone.fails["ask socket"] = Killed()
    with pytest.raises(Killed):
        alone.deploy()
    alone.site = [500, 200]
    alone.change("app = 3\n")
    outcome = alone.deploy()
    assert f"{old} is live again" in outcome.notes[0]
    assert alone.running == {alone.current}


@pytest.mark.parametrize(
    ("text", "kind"), [(ALONE, "stop_first"), ("X-Handover=overlap\n", "overlap"), ("[Service]\n", "")]
)
def test_the_unit_says_how_its_release_takes_over(text: str, kind: str) -> None:
    assert base.handover_of(text) == kind


def test_a_socket_that_does_not_start_is_told(alone: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    failed = subprocess.CompletedProcess((), 1, "", "")
    monkeypatch.setattr(handover.systemd, "systemctl", lambda *_: failed)
    with pytest.raises(ReleaseError, match=r"shop\.socket, where requests wait meanwhile, did not start; run site.yml"):
        handover.hand_over("shop", alone.paths.current, None, {"id": "0001-a", "unit": "", "socket": ""}, 1, 0)


# ---- the hint ------------------------------------------------------------------------------------------------------

ONE, FILE = "workers = _workers(1, 2, 500, 150)\n", 'DATABASE_URL="sqlite:////srv/shop/shared/x.db"\n'


@pytest.mark.parametrize(
    ("unit", "files", "gunicorn", "reason"),
    [
        ("[Service]\n", ["SQLite"], "", "its database is a file (SQLite), but"),
        ("[Service]\n", [], ONE, "it has one worker, but"),
        ("[Service]\n", ["SQLite"], ONE, "its database is a file (SQLite) and it has one worker, but"),
        ("[Service]\n", [], "workers = _workers(0, 2, 500, 150)\n", ""),
        ("[Service]\n", [], "workers = _workers(12, 2, 500, 150)\n", ""),
        (ALONE, ["SQLite"], ONE, ""),
        ("[Service]\nX-Handover=overlap\n", ["SQLite"], ONE, ""),
    ],
)
def test_settings_that_suggest_one_process_are_told_until_the_handover_is_chosen(
    unit: str, files: list[str], gunicorn: str, reason: str
) -> None:
    said = handover.hint(unit, files, gunicorn)
    assert said.startswith(reason) if reason else said == ""


def test_a_deploy_shows_the_hint(host: FakeHost) -> None:
    host.configure(f'SECRET_KEY="x"\n{FILE}')
    assert "set `handover: stop_first`" in host.deploy().notes[0]


# ---- the check ------------------------------------------------------------------------------------------------------


def test_a_check_begins_nothing_of_an_app_that_must_be_one_process(
    alone: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, answer = list[str](), alone.answer

    def watch(command: Any, argv: list[str]) -> Any:
        asked.append(argv[3] if argv[2:3] == ["-c"] else "")
        return answer(command, argv)

    monkeypatch.setattr(alone, "answer", watch)
    alone.deploy()
    assert any(script.startswith(still.SCRIPT) for script in asked)
    (alone.units / "shop@.service").write_text("[Service]\n")
    (alone.units / f"shop@{alone.current}.service").write_text("[Service]\n")
    asked.clear()
    alone.change()
    alone.deploy()
    assert not any(still.SCRIPT in script for script in asked)
