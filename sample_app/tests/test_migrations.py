# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Every migration goes up and down again, loses nothing on the way up, and arrives at the models."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask_migrate import downgrade, upgrade
from sqlalchemy import inspect, text

from harbour.extensions import db

NOW = "2026-01-01 12:00:00"


@pytest.fixture
def schema(
    app: Flask, environment: pytest.MonkeyPatch, make_app: Callable[[], Flask], tmp_path: Path, database_url: str
) -> Iterator[Flask]:
    """An application on a database with no table, which is at the head again afterwards."""
    if database_url.startswith("sqlite"):
        environment.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/migrations.sqlite")
    app = make_app()
    with app.app_context():
        downgrade(revision="base")
        yield app
        db.session.remove()
        upgrade()


def tables() -> set[str]:
    return set(inspect(db.engine).get_table_names()) - {"alembic_version"}


def test_up_down_up(schema: Flask) -> None:
    upgrade()
    assert tables() == {"ships", "port_calls", "documents", "summaries"}
    for left in (
        {"ships", "port_calls", "documents"},
        {"ships", "port_calls"},
        {"ships", "port_calls"},
        {"ships"},
        set(),
    ):
        downgrade()
        assert tables() == left
    upgrade()
    assert tables() == {"ships", "port_calls", "documents", "summaries"}


def test_models_match_migrations(schema: Flask) -> None:
    upgrade()
    result = schema.test_cli_runner().invoke(args=["db", "check"])
    assert result.exit_code == 0, result.output


def test_rows_survive_and_the_older_release_can_still_write(schema: Flask) -> None:
    upgrade(revision="0002")
    older_release = text(
        f"INSERT INTO port_calls (ship_id, origin, cargo, arrived_at) SELECT id, 'Oslo', 'Timber', '{NOW}' FROM ships"
    )
    with db.engine.begin() as connection:
        connection.execute(text(f"INSERT INTO ships (name, flag, created_at) VALUES ('Fram', 'NO', '{NOW}')"))
        connection.execute(older_release)
    upgrade()
    with db.engine.begin() as connection:
        connection.execute(older_release)
        rows = connection.execute(text("SELECT origin, berth FROM port_calls")).all()
    assert rows == [("Oslo", "Anchorage")] * 2
    downgrade(revision="0002")
    with db.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM port_calls")).scalar() == 2
        assert connection.execute(text("SELECT name FROM ships")).scalar() == "Fram"
        db.session.remove()
    with db.engine.begin() as connection:
        connection.execute(text("DELETE FROM port_calls"))
        connection.execute(text("DELETE FROM ships"))


def test_sql_can_be_read_before_it_is_run(schema: Flask) -> None:
    upgrade()
    result = schema.test_cli_runner().invoke(args=["db", "upgrade", "0001:0003", "--sql"])
    assert result.exit_code == 0, result.output
