# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A Procfile is understood and offered, and nothing of it runs by itself."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ansible_collections.slipway.flask.plugins.module_utils._source import procfile

SHOP = """\
# what Heroku runs
web: gunicorn shop:app --log-file -
release: flask db upgrade
worker: celery -A shop.tasks worker --loglevel=info
mail_queue:   rq worker mail
Clock : python clock.py

not a process
"""


def test_all_lines_of_the_format_are_read_and_others_passed_over() -> None:
    assert procfile.parse(SHOP) == {
        "web": "gunicorn shop:app --log-file -",
        "release": "flask db upgrade",
        "worker": "celery -A shop.tasks worker --loglevel=info",
        "mail_queue": "rq worker mail",
        "Clock": "python clock.py",
    }


def test_the_processes_are_those_beside_web_and_release_by_names_that_units_can_have() -> None:
    assert list(procfile.processes(SHOP)) == ["worker", "mail-queue", "clock"]


@pytest.mark.parametrize(
    "command",
    [
        "celery -A shop.tasks worker",
        "python -c 'print({1: 2})'",
        "rq worker --url $REDIS_URL",
        "a: b",
        "x # y",
        '"quoted" it',
        "&x",
    ],
)
def test_what_is_offered_can_be_pasted_as_yaml(command: str) -> None:
    offered = procfile.as_yaml({"worker": command})
    assert yaml.safe_load(offered) == {"processes": {"worker": {"command": command}}}


@pytest.mark.parametrize(
    ("known", "offered"),
    [
        ({}, ["worker", "mail-queue", "clock"]),
        ({"worker": "celery -A shop.tasks worker -c 2"}, ["mail-queue", "clock"]),
        ({"worker": "x", "queue": "rq worker mail"}, ["clock"]),
        ({"worker": "x", "mail-queue": "y", "clock": "z"}, []),
    ],
)
def test_only_what_nothing_runs_is_offered(known: dict[str, str], offered: list[str]) -> None:
    note = "\n".join(procfile.told(SHOP, known))
    assert [name for name in ("worker", "mail-queue", "clock") if f"{name} (`" in note] == offered
    assert bool(note) is bool(offered)


def test_the_note_has_the_lines_to_write() -> None:
    assert procfile.told("web: x\nworker: celery -A shop worker\n", {}) == [
        "the source has a Procfile with worker (`celery -A shop worker`), which nothing runs here; to run it, put "
        "`processes: {worker: {command: celery -A shop worker}}` into the app's description"
    ]


def test_what_has_been_told_of_the_release_before_is_not_told_again() -> None:
    assert procfile.told(SHOP, {}, SHOP) == []
    assert len(procfile.told(SHOP + "cleaner: python clean.py\n", {}, SHOP)) == 1


def test_a_process_that_runs_as_the_procfile_had_it_is_told_when_that_changes() -> None:
    old, new = "worker: celery -A shop worker", "worker: celery -A shop worker -c 4"
    assert procfile.told(new, {"worker": "celery -A shop worker"}, old) == [
        "the source's Procfile has changed worker (`celery -A shop worker -c 4`, and `celery -A shop worker` runs); site.yml "
        "takes it over with `processes: procfile`, otherwise change it in `processes`"
    ]
    assert procfile.told(new, {"worker": "celery -A shop worker -c 4"}, old) == []
    assert procfile.told(new, {"worker": "celery -A shop worker -c 1"}, old) == [], (
        "somebody wrote it otherwise on purpose"
    )


@pytest.mark.parametrize("line", ["worker: \x1b[2Jrq worker", "worker: " + "x" * 501])
def test_what_a_terminal_would_obey_or_fill_a_screen_is_no_process(line: str) -> None:
    assert procfile.parse(line) == {}


def test_a_link_to_what_only_root_may_read_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "shadow").write_text("root: $6$secret\n")
    (tmp_path / "Procfile").symlink_to(tmp_path / "shadow")
    assert procfile.read(tmp_path) == ""
    assert procfile.read(tmp_path / "nowhere") == ""


def test_the_file_in_the_source_is_read(tmp_path: Path) -> None:
    (tmp_path / "Procfile").write_text(SHOP)
    assert procfile.read(tmp_path) == SHOP
