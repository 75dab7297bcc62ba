# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""`processes: procfile`: what the Procfile of a folder on this machine says, and a clear refusal where there is none to read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.filter.apps import normalise_apps
from ansible_collections.slipway.flask.plugins.plugin_utils._app import description, procfile
from app_descriptions import shop


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A source whose folder is beside the inventory."""
    (tmp_path / "src/api").mkdir(parents=True)
    (tmp_path / "src/Procfile").write_text(
        "web: gunicorn x:y\nworker: celery -A shop worker\nmail_queue: rq worker mail\n"
    )
    (tmp_path / "src/api/Procfile").write_text("worker: rq worker api\n")
    return tmp_path


def named(**changes: Any) -> list[dict[str, Any]]:
    return [shop(source={"path": "src"}, processes="procfile", **changes)]


def test_the_processes_are_those_of_the_file_but_web(source: Path) -> None:
    (app,) = normalise_apps(named(), base=str(source))
    assert {name: entry["command"] for name, entry in app["processes"].items()} == {
        "worker": "celery -A shop worker",
        "mail-queue": "rq worker mail",
    }
    assert app["processes"]["worker"]["instances"] == 1, "with all other keys at their defaults"


def test_the_file_is_that_of_the_apps_own_folder(source: Path) -> None:
    (app,) = normalise_apps(named(subfolder="api"), base=str(source))
    assert [entry["command"] for entry in app["processes"].values()] == ["rq worker api"]


@pytest.mark.parametrize(("command", "sign"), [("celery $(nproc)", "$("), ("flask db upgrade && rq worker", "&&")])
def test_what_is_in_the_file_is_checked_as_if_it_had_been_written_out(source: Path, command: str, sign: str) -> None:
    (source / "src/Procfile").write_text(f"worker: {command}\nweb2: x\n")
    (found,) = description.problems(procfile.expanded(named(), source))
    assert f"process 'worker': 'command' holds '{sign}', which needs a shell" in found


@pytest.mark.parametrize(
    ("text", "reason"), [(None, "is not there"), ("web: x\n", "names no process beside web and release")]
)
def test_a_file_that_is_not_there_or_has_nothing_is_told(source: Path, text: str | None, reason: str) -> None:
    file = source / "src/Procfile"
    file.unlink()
    if text:
        file.write_text(text)
    (app,) = procfile.expanded(named(), source)
    assert procfile.missing(app, source) == [f"'processes' is `procfile`, and {file} {reason}"]


@pytest.mark.parametrize("origin", [{"git": "https://example.com/shop.git"}, {"package": "shop==1.2"}])
def test_a_source_that_is_not_on_this_machine_is_refused(origin: dict[str, str]) -> None:
    (found,) = description.problems([shop(source=origin, processes="procfile")])
    assert "'processes' is `procfile`, which needs a `source.path`" in found


def test_a_word_that_means_nothing_is_refused() -> None:
    (found,) = description.problems([shop(processes="Procfiles")])
    assert (
        "'processes' must be `procfile`, or a mapping such as {worker: {command: celery -A shop.tasks worker}}" in found
    )


def test_who_needs_no_processes_reads_no_file() -> None:
    assert description.problems(named()) == []
    assert description.normalise(named()[0])["processes"] == {}


@pytest.mark.parametrize("apps", [None, "x", [None], [{"processes": "procfile"}], [{"processes": "procfile", "source": "x"}],
                                  [{"processes": "procfile", "source": {"path": 7}}]])  # fmt: skip
def test_a_description_that_is_wrong_is_left_to_its_checks(apps: Any, tmp_path: Path) -> None:
    assert procfile.expanded(apps, tmp_path) == apps
