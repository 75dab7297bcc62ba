# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Copies of units and settings that a release has of its own, and that somebody has edited."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._app.places import Places
from ansible_collections.slipway.flask.plugins.module_utils._drift import copies
from ansible_collections.slipway.flask.plugins.module_utils._host import systemd
from ansible_collections.slipway.flask.plugins.module_utils._process.look.members import processes_of

ID = "0007-abc"
UNIT = "[Service]\nExecStart=/srv/shop/%i\nX-RestartSteps=5\nSyslogIdentifier=shop.worker@%i\n"
COPY = UNIT.replace("X-", "")
PROCESSES = '{"worker": {"command": "flask worker", "instances": 2}}'
SECRET = "hunter2-hunter2"


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    """A host on which release 0007-abc serves with a web process and two instances of a worker."""
    units = tmp_path / "units"
    monkeypatch.setattr(systemd, "UNITS", units)
    paths = Places("shop", tmp_path / "srv/shop", tmp_path / "etc/shop")
    own = paths.settings_of(ID)
    for folder in (units, own, paths.release(ID)):
        folder.mkdir(parents=True)
    paths.current.symlink_to(f"releases/{ID}")
    for name in ("shop", "shop.worker"):
        (units / f"{name}@.service").write_text(UNIT)
        (units / f"{name}@{ID}.service").write_text(COPY)
    (units / f"shop.worker.2@{ID}.service").write_text(COPY.replace("shop.worker@", "shop.worker.2@"))
    environment = f'DATABASE_URL="postgresql+psycopg:///shop"\nHOME="{copies.wanted.FOLDER}"\nSECRET_KEY="{SECRET}"\n'
    for folder in (paths.settings, own):
        (folder / "processes.json").write_text(PROCESSES)
        (folder / "gunicorn.conf.py").write_text("workers = 2\n")
        (folder / "environment").write_text(environment)
        (folder / "environment").chmod(0o600)
        environment = environment.replace("+psycopg", "").replace(copies.wanted.FOLDER, str(paths.release(ID)))
    return paths


def edited(paths: Places) -> list[str]:
    found = [f"{Path(one.what).name}: {one.words}" for one in copies.edited(paths, processes_of(paths))]
    assert SECRET not in str(found)
    return found


def test_copies_as_a_deploy_makes_them_do_not_differ(paths: Places) -> None:
    assert edited(paths) == []


@pytest.mark.parametrize("unit", [f"shop@{ID}.service", f"shop.worker@{ID}.service", f"shop.worker.2@{ID}.service"])
def test_an_edited_unit_is_named(paths: Places, unit: str) -> None:
    file = systemd.UNITS / unit
    file.write_text(file.read_text().replace("RestartSteps=5", "RestartSteps=9\nNice=1"))
    template = copies.template_of(unit)
    assert edited(paths) == [
        f"{unit}: has in addition Nice, has a different value for RestartSteps; {template} says otherwise"
    ]


def test_a_unit_that_was_masked_or_removed_is_named(paths: Places) -> None:
    for unit in (f"shop@{ID}.service", f"shop.worker@{ID}.service"):
        (systemd.UNITS / unit).unlink()
    (systemd.UNITS / f"shop@{ID}.service").symlink_to("/dev/null")
    assert edited(paths) == [
        f"shop@{ID}.service: is a link to /dev/null, should be a copy of shop@.service",
        f"shop.worker@{ID}.service: is missing",
    ]


def test_an_edited_environment_is_named_and_no_value_of_it(paths: Places) -> None:
    own = paths.environment_file(ID)
    own.write_text(own.read_text().replace('SECRET_KEY="', 'SECRET_KEY="x') + f'MORE="{SECRET}"\n')
    assert edited(paths) == [
        f"environment: has in addition MORE, has a different value for SECRET_KEY; {paths.settings}/environment says otherwise"
    ]


def test_an_environment_with_a_quote_too_few_shows_nothing_of_it(paths: Places) -> None:
    own = paths.environment_file(ID)
    own.write_text(own.read_text().replace(f'{SECRET}"', f"{SECRET}\nc2VjcmV0=\n"))
    assert edited(paths) == ["environment: can't be read: a quote is missing"]


def test_an_environment_that_others_may_read_is_named(paths: Places) -> None:
    paths.environment_file(ID).chmod(0o644)
    assert edited(paths) == ["environment: is 0644: users other than root can read the secrets in it, should be 0600"]


def test_edited_settings_of_gunicorn_are_named(paths: Places) -> None:
    (paths.settings_of(ID) / "gunicorn.conf.py").write_text("workers = 9\n")
    assert edited(paths) == [
        f"gunicorn.conf.py: has a different value for workers; {paths.settings}/gunicorn.conf.py says otherwise"
    ]


def test_settings_that_are_gone_are_named(paths: Places) -> None:
    paths.environment_file(ID).unlink()
    assert edited(paths) == ["environment: is missing"]
